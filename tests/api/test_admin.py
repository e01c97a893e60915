"""Django's admin, for operators: every page opens, and none shows a secret."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.accounts.scope import maintenance
from apps.engine import store
from apps.streams.models import Stream
from tailsvc.storage.base import StreamRef, StreamSize
from tests.api.conftest import log_in
from tests.factories.accounts import make_user, unique
from tests.factories.streams import lines, make_stream, make_world, now_micros

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


def test_streams_are_listed_with_the_forms_in_which_their_events_are_kept(operator: Client) -> None:
    """Of several teams on one page, each stream with what is its own."""
    slug = unique("kept")
    for count in (7, 2_345):
        world = make_world()
        with maintenance():
            Stream.objects.filter(pk=world.stream.pk).update(slug=f"{slug}-{count}")
        world.append(lines(count, start=now_micros()))
    rows, blocks = _listed(operator, f"{slug}-7"), _listed(operator, f"{slug}-2345")
    assert (rows["events"], rows["rows"], rows["recent_blocks"], rows["segments"]) == ("7", "7", "0", "0")
    assert (blocks["events"], blocks["rows"], blocks["recent_blocks"]) == ("2345", "0", "1")
    store().compact(world.stream.ref, now=now_micros(), force=True)
    segment = _listed(operator, f"{slug}-2345")
    assert (segment["recent_blocks"], segment["segments"]) == ("0", "1")
    assert segment["stored"].endswith("KB")
    assert float(segment["ratio"]) > 1
    assert len(re.findall("field-stored", _page(operator, slug))) == 2


def test_streams_of_one_team_are_one_question_to_the_store(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    make_stream(world.team)
    asked: list[int] = []
    sizes = type(store()).sizes

    def counted(self: Any, streams: Sequence[StreamRef]) -> dict[int, StreamSize]:
        asked.append(len(streams))
        return sizes(self, streams)

    monkeypatch.setattr(type(store()), "sizes", counted)
    path = reverse("admin:streams_stream_changelist")
    assert operator.get(path, {"team__id__exact": world.team.pk}).status_code == 200
    assert asked == [2]


def _page(operator: Client, words: str) -> str:
    return operator.get(reverse("admin:streams_stream_changelist"), {"q": words}).content.decode()


def _listed(operator: Client, slug: str) -> dict[str, str]:
    """The cells of the one stream, by field."""
    return dict(re.findall(r'class="field-(\w+)[^>]*>([^<]*)<', _page(operator, slug)))


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
