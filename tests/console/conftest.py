"""Somebody who has logged in: through Django, which is quick, or in a real browser (see `browsing`)."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.accounts.abilities import Role
from apps.accounts.models import Team, User
from tests.api.conftest import log_in, some_address
from tests.console.browsing import chromium, logged_in, service, visitor
from tests.factories.accounts import make_member, make_team

__all__ = ["Person", "chromium", "logged_in", "person", "service", "visitor"]


class Person:
    """`person.get(path)`; `person.send(path, {...})` fetches the form's token first, as CSRF is checked."""

    def __init__(self, team: Team, role: Role = Role.OWNER, user: User | None = None) -> None:
        self.team, self.role = team, role
        self.user = make_member(team, role, user)
        self._client = Client(REMOTE_ADDR=some_address(), enforce_csrf_checks=True)
        log_in(self._client, self.user)
        self._token = ""

    @property
    def root(self) -> str:
        return f"/console/{self.team.slug}"

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self._client.get(self._whole(path), headers=headers)

    def text(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.content
        return answer.content.decode()

    def send(self, path: str, fields: dict[str, object] | None = None) -> HttpResponse:
        if not self._token:
            found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.text("/device"))
            assert found
            self._token = found[1]
        return self._client.post(self._whole(path), {**(fields or {}), "csrfmiddlewaretoken": self._token})

    def _whole(self, path: str) -> str:
        """Below the team's pages, unless it begins at the root."""
        return path if path.startswith("/") else f"{self.root}/{path}"


@pytest.fixture
def person(database: None) -> Person:
    return Person(make_team("unlimited"))
