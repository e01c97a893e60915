"""Clients of the API and of the pages, each from an address of its own so that no test spends another's rate."""

import secrets
import time
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from django.http import HttpResponse
from django.test import Client
from django_ratelimit import core as rates

from apps.accounts.models import User
from apps.accounts.scope import maintenance


class Api:
    """`api.post(path, {...}, token=...)`: JSON in; the answer is Django's response, `.json()` reads it."""

    def __init__(self) -> None:
        self._client = Client(REMOTE_ADDR=some_address(), raise_request_exception=True)

    def get(self, path: str, *, token: str | None = None, **extra: Any) -> HttpResponse:
        return self.request("GET", path, token=token, **extra)

    def post(self, path: str, body: Any = None, *, token: str | None = None, **extra: Any) -> HttpResponse:
        return self.request("POST", path, body, token=token, **extra)

    def patch(self, path: str, body: Any = None, *, token: str | None = None, **extra: Any) -> HttpResponse:
        return self.request("PATCH", path, body, token=token, **extra)

    def delete(self, path: str, *, token: str | None = None, **extra: Any) -> HttpResponse:
        return self.request("DELETE", path, token=token, **extra)

    def form(self, path: str, fields: dict[str, str], **extra: Any) -> HttpResponse:
        """As an HTML form or Go's http.PostForm sends it."""
        from urllib.parse import urlencode

        body = urlencode(fields).encode()
        return self.request("POST", path, body, content_type="application/x-www-form-urlencoded", **extra)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> HttpResponse:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        return self._client.generic(method, path, data, content_type, headers=sent, **extra)


def some_address() -> str:
    return "10." + ".".join(str(secrets.randbelow(256)) for _ in range(3))


@pytest.fixture
def api(database: None) -> Api:
    return Api()


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are counted by the minute: this one lasts as long as the test."""
    now = time.time()
    monkeypatch.setattr(rates, "time", SimpleNamespace(time=lambda: now))


@pytest.fixture
def browser(database: None) -> Client:
    """A browser that checks CSRF as a real one is checked."""
    return Client(REMOTE_ADDR=some_address(), enforce_csrf_checks=True)


def log_in(client: Client, user: User) -> None:
    """Without a password and its hashing."""
    with maintenance():
        client.force_login(user)
