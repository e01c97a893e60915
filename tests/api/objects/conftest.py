"""A client that speaks Kubernetes, in a team of its own."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from apps.accounts.models import Team
from tests.asgi import Answer, Asgi
from tests.factories.accounts import make_team, make_token

ROOT = "/apis/tilt.dev/v1alpha1"
PLS = f"{ROOT}/podlogstreams"
SESSIONS = f"{ROOT}/sessions"
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"


class Kube:
    def __init__(self, team: Team) -> None:
        self.team = team
        self.token = make_token(team)
        self._asgi = Asgi()

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.ask("GET", path, **kwargs)

    def post(self, path: str, body: Any, **kwargs: Any) -> Answer:
        return self.ask("POST", path, body, **kwargs)

    def put(self, path: str, body: Any, **kwargs: Any) -> Answer:
        return self.ask("PUT", path, body, **kwargs)

    def patch(self, path: str, body: Any, type_: str = MERGE, **kwargs: Any) -> Answer:
        return self.ask("PATCH", path, body, type_=type_, **kwargs)

    def apply(self, path: str, body: Any, manager: str, query: str = "") -> Answer:
        return self.patch(f"{path}?fieldManager={manager}{query}", body, APPLY)

    def delete(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.ask("DELETE", path, body, **kwargs)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        type_: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._asgi.request(
            method, path, sent, token=self.token, headers={"Content-Type": type_, **(headers or {})}
        )


@pytest.fixture
def kube(database: None) -> Kube:
    return Kube(make_team("unlimited"))


def refused(answer: Answer, code: int, reason: str) -> dict[str, Any]:
    """The Status, which must be of this kind."""
    status: dict[str, Any] = answer.json()
    assert (answer.status, status["kind"], status["status"]) == (code, "Status", "Failure"), status
    assert (status["code"], status["reason"]) == (code, reason), status
    return status


def fields_at_fault(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(one["reason"], one["field"]) for one in status["details"]["causes"]]
