"""The log-in page, and where requests come from."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from apps.accounts.addresses import client_address
from apps.accounts.models import User
from apps.accounts.scope import maintenance
from tests.api.conftest import log_in, some_address
from tests.factories.accounts import make_user, unique

PASSWORD = "correct horse battery staple"


def try_log_in(browser: Client, email: str, password: str, **fields: str) -> HttpResponse:
    page = browser.get("/login")
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.content)
    assert found
    sent = {"username": email, "password": password, "csrfmiddlewaretoken": found[1].decode(), **fields}
    return browser.post("/login", sent)


def test_a_user_logs_in_and_out(browser: Client) -> None:
    user = make_user(password=PASSWORD)
    before = browser.session.session_key
    answer = try_log_in(browser, user.email.upper(), PASSWORD, next="/device")
    assert (answer.status_code, answer["Location"]) == (302, "/device")
    assert browser.session.session_key != before
    page = browser.get("/device")
    assert user.email in page.content.decode()
    with maintenance():
        assert User.objects.get(pk=user.pk).last_login is not None
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.content)
    assert token
    assert browser.post("/logout", {"csrfmiddlewaretoken": token[1].decode()}).status_code == 200
    assert browser.get("/device").status_code == 302


def test_the_answer_does_not_tell_which_users_there_are(browser: Client) -> None:
    there = try_log_in(browser, make_user(password=PASSWORD).email, "wrong")
    absent = try_log_in(browser, f"{unique('nobody')}@example.com", "wrong")
    assert there.status_code == absent.status_code == 200
    assert b"do not fit together" in there.content
    assert b"do not fit together" in absent.content


def field(answer: HttpResponse, name: str) -> str:
    """Its tag, of the log-in page."""
    found = re.search(rf'<input [^>]*name="{name}"[^>]*>', answer.content.decode())
    assert found
    return found[0]


def test_what_was_typed_is_there_again_and_the_password_is_next(browser: Client) -> None:
    fresh = browser.get("/login")
    assert "autofocus" in field(fresh, "username")
    assert 'value=""' in field(fresh, "username")
    refused = try_log_in(browser, 'a"><b>@example.com', "wrong")
    assert 'value="a&quot;&gt;&lt;b&gt;@example.com"' in field(refused, "username")
    assert "autofocus" not in field(refused, "username")
    assert "autofocus" in field(refused, "password")
    assert "wrong" not in field(refused, "password")
    assert f'value="{"x" * 254}"' in field(try_log_in(browser, "x" * 300, "wrong"), "username")


def test_a_deactivated_user_stays_out(browser: Client) -> None:
    user = make_user(password=PASSWORD, is_active=False)
    assert try_log_in(browser, user.email, PASSWORD).status_code == 200


def test_a_session_ends_with_its_users_deactivation(browser: Client) -> None:
    user = make_user()
    log_in(browser, user)
    assert browser.get("/device").status_code == 200
    with maintenance():
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert browser.get("/device").status_code == 302


def test_nobody_is_led_elsewhere(browser: Client) -> None:
    user = make_user(password=PASSWORD)
    answer = try_log_in(browser, user.email, PASSWORD, next="https://evil.example/")
    assert answer["Location"] == "/"


def test_a_log_in_from_another_site_is_refused(browser: Client) -> None:
    assert browser.post("/login", {"username": "a@example.com", "password": "x"}).status_code == 403


@pytest.mark.usefixtures("one_minute")
def test_an_account_is_not_guessed_at_from_many_addresses(database: None) -> None:
    user = make_user(password=PASSWORD)
    fields = {"username": user.email, "password": ""}
    answers = [Client(REMOTE_ADDR=some_address()).post("/login", fields) for _ in range(11)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert int(limited[0]["Retry-After"]) >= 1


@pytest.mark.usefixtures("one_minute")
def test_an_account_has_one_rate_however_it_is_spelt(database: None) -> None:
    email = make_user(password=PASSWORD).email

    def spelt(nth: int) -> str:
        wide = chr(ord(email[nth]) + 0xFEE0)  # which NFKC takes for the letter itself
        return " " * 50 * nth + email[:nth] + wide + email[nth + 1 :].upper()

    tries = [{"username": spelt(nth), "password": ""} for nth in range(11)]
    answers = [Client(REMOTE_ADDR=some_address()).post("/login", fields) for fields in tries]
    assert 429 in [answer.status_code for answer in answers]


@pytest.mark.usefixtures("one_minute")
def test_an_address_does_not_guess_at_many_accounts(database: None) -> None:
    client = Client(REMOTE_ADDR=some_address())
    answers = [client.post("/login", {"username": unique("u"), "password": ""}) for _ in range(31)]
    assert 429 in [answer.status_code for answer in answers]


@pytest.mark.usefixtures("one_minute")
def test_even_the_right_password_waits(database: None) -> None:
    user = make_user(password=PASSWORD)
    client = Client(REMOTE_ADDR=some_address())
    for password in [""] * 10 + [PASSWORD]:
        last = client.post("/login", {"username": user.email, "password": password})
    assert last.status_code == 429
    assert f'value="{user.email}"' in field(last, "username")
    assert "autofocus" in field(last, "password")


def test_without_redis_nobody_is_kept_out(browser: Client, settings: Settings) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"},
    }
    user = make_user(password=PASSWORD)
    client = Client(REMOTE_ADDR=some_address())
    tried = [client.post("/login", {"username": user.email, "password": ""}) for _ in range(21)]
    assert {answer.status_code for answer in tried} == {200}
    assert try_log_in(browser, user.email, PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_a_trusted_proxy_is_believed(settings: Settings, peer: str, forwarded: str, found: str) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24", "::1"]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == found
