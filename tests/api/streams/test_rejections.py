"""GET /api/streams/{stream}/rejections"""

from datetime import UTC, datetime

import pytest

from apps.engine import store
from tailsvc.events import Rejection
from tailsvc.storage.base import Batch
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.streams import World, make_world, now_micros

pytestmark = pytest.mark.contract


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def path(world: World) -> str:
    return f"/api/streams/{world.stream.uuid}/rejections"


def test_what_was_refused_is_shown_newest_first(api: Api, asgi: Asgi, world: World) -> None:
    asgi.post(world.ingest, b'"good"\n5\n', token=world.ingest_token)
    asgi.post(world.ingest, b'"good"\n\n[1]\n\xff{\n', token=world.ingest_token)
    told = api.get(path(world), token=world.token).json()
    assert told["meta"] == {"has_more": False}
    assert [(each["line"], each["sample"]) for each in told["data"]] == [(4, "\ufffd{"), (3, "[1]"), (2, "5")]
    for each in told["data"]:
        assert each.keys() == {"id", "at", "line", "reason", "sample"}
        assert each["reason"]
        assert abs((datetime.now(UTC) - datetime.fromisoformat(each["at"])).total_seconds()) < 60


def test_a_stream_that_refused_nothing_shows_nothing(api: Api, world: World) -> None:
    assert api.get(path(world), token=world.token).json() == {"data": [], "meta": {"has_more": False}}


def test_before_leads_through_all_pages(api: Api, world: World) -> None:
    refused = [Rejection(line, "why", b"what") for line in range(1, 251)]
    store().append(world.stream.ref, [Batch([], refused)], now=now_micros())
    seen: list[int] = []
    told = api.get(path(world), token=world.token).json()
    while True:
        seen += [each["line"] for each in told["data"]]
        if not told["meta"]["has_more"]:
            break
        told = api.get(f"{path(world)}?before={told['data'][-1]['id']}", token=world.token).json()
    assert seen == list(range(250, 0, -1))


@pytest.mark.parametrize("before", ["", "-1", "x", "1.0", "%00", "9" * 20, "9" * 5000], ids=lambda text: text[:20])
def test_an_unusable_place_is_told(api: Api, world: World, before: str) -> None:
    answer = api.get(f"{path(world)}?before={before}", token=world.token)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["before"]
    assert answer.json()["detail"] == "before must be the id of a rejection."


@pytest.mark.parametrize("before", ["0", "1", "9223372036854775808", "9999999999999999999"])
def test_any_number_is_a_place(api: Api, world: World, before: str) -> None:
    assert api.get(f"{path(world)}?before={before}", token=world.token).status_code == 200
