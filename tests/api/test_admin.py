"""Django's admin, for operators: every page opens, and none shows a secret."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.api.conftest import log_in
from tests.factories.accounts import make_user
from tests.factories.streams import lines, make_world, now_micros

pytestmark = pytest.mark.contract
PAGES = [model._meta for model in admin.site._registry]


@pytest.fixture
def operator(browser: Client) -> Client:
    log_in(browser, make_user(is_staff=True, is_superuser=True))
    return browser


@pytest.mark.parametrize("model", PAGES, ids=str)
def test_every_list_opens_and_shows_no_secret(operator: Client, model: object) -> None:
    world = make_world()
    answer = operator.get(reverse(f"admin:{model.app_label}_{model.model_name}_changelist"))  # type: ignore[attr-defined]
    assert answer.status_code == 200
    for secret in (world.token, world.ingest_token, world.ingest_token.rpartition(".")[2]):
        assert secret not in answer.content.decode()


def test_streams_are_listed_with_their_size_and_last_event(operator: Client) -> None:
    world = make_world()
    world.append(lines(321, start=now_micros()))
    page = operator.get(reverse("admin:streams_stream_changelist"), {"q": world.stream.slug}).content.decode()
    assert world.stream.name in page
    assert ">321<" in page
    assert "KB" in page


def test_a_signing_key_s_secret_is_not_on_its_page(operator: Client) -> None:
    from apps.accounts.scope import maintenance
    from apps.streams.models import SigningKey

    make_world()
    with maintenance():
        key = SigningKey.objects.latest("created_at")
    page = operator.get(reverse("admin:streams_signingkey_change", args=[key.pk])).content
    assert key.kid.encode() in page
    assert bytes(key.secret).hex().encode() not in page
    assert bytes(key.secret) not in page


def test_who_is_no_operator_is_led_to_the_log_in(browser: Client) -> None:
    log_in(browser, make_user())
    answer = browser.get(reverse("admin:index"))
    assert answer.status_code == 302
