"""A read that takes too long is given up, and each dialect says so in its own form."""

from typing import Any

import pytest

from apps.engine import store
from tailsvc import limits
from tailsvc.errors import StorageUnavailable
from tailsvc.queries import Scan, Selection, Split
from tests.api.ignite.conftest import App, make_app
from tests.api.query.asking import address, clause
from tests.asgi import Asgi
from tests.factories.streams import lines, now_micros
from tests.rpc import client, grpc_server, refusal

pytestmark = pytest.mark.contract
TOLD = "The query took too long; narrow its window or its filters."


@pytest.fixture
def app(database: None, monkeypatch: pytest.MonkeyPatch) -> App:
    """Its lines lie in a piece, and there is no time to read it."""
    made = make_app()
    made.world.append(lines(60, start=now_micros() - 60_000_000))
    monkeypatch.setattr(limits, "READ_SECONDS", 0)
    return made


def test_every_read_has_an_end(app: App) -> None:
    stream, selection = app.world.stream.ref, Selection()
    for read in (
        lambda: store().scan(stream, Scan(selection, 1)),
        lambda: store().count(stream, selection),
        lambda: store().histogram(stream, selection, interval=1_000_000, split=Split.LEVEL),
        lambda: store().facets(stream, selection, ["path"], limit=10),
    ):
        with pytest.raises(StorageUnavailable, match="took too long"):
            read()


@pytest.mark.parametrize(
    ("what", "params"),
    [
        ("logs", {}),
        ("histogram", {"interval": 10_000_000_000}),
        ("facets", {"fields": "path"}),
        ("export", {}),
        ("tail", {"lines": 1, "filters": [clause("level", "RARE")]}),
    ],
)
def test_the_api_answers_503(app: App, what: str, params: dict[str, Any]) -> None:
    answer = Asgi().get(address(app.world, what, **params), token=app.world.token)
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["detail"] == TOLD


def test_ignite_answers_unavailable(app: App) -> None:
    answer = app.get("logs")
    assert (answer.status, answer.json()["code"], answer.json()["message"]) == (503, 14, TOLD)
    with grpc_server() as port, client(port, app.world.token) as ignite:
        assert refusal(lambda: ignite.GetAppLogs(**app.named))[:2] == ("UNAVAILABLE", TOLD)
