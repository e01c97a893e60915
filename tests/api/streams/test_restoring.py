"""POST /api/streams/{stream}/restore"""

from datetime import timedelta

import pytest

from apps.streams.models import Stream
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.streams import World, delete_stream, lines, make_stream, make_world, now_micros

pytestmark = pytest.mark.contract


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def restore(stream: Stream) -> str:
    return f"/api/streams/{stream.uuid}/restore"


def test_a_deleted_stream_comes_back_with_everything(api: Api, asgi: Asgi, world: World) -> None:
    world.append(lines(3, start=now_micros()))
    before = api.get(f"/api/streams/{world.stream.uuid}", token=world.token).json()
    api.delete(f"/api/streams/{world.stream.uuid}", token=world.token)
    answer = api.post(restore(world.stream), token=world.token)
    assert answer.status_code == 200
    assert answer.json() == {**before, "updated_at": answer.json()["updated_at"]}
    assert len(api.get(world.logs, token=world.token).json()["data"]) == 3


def test_the_day_is_measured(api: Api, world: World) -> None:
    in_time, late = (make_stream(world.team)[0] for _ in range(2))
    delete_stream(in_time, ago=timedelta(hours=23, minutes=59))
    delete_stream(late, ago=timedelta(hours=24))
    assert api.post(restore(in_time), token=world.token).status_code == 200
    assert api.post(restore(late), token=world.token).status_code == 404


def test_a_live_stream_is_nothing_to_restore(api: Api, world: World) -> None:
    assert api.post(restore(world.stream), token=world.token).status_code == 404


def test_a_name_that_was_taken_meanwhile_wants_another(api: Api, world: World) -> None:
    delete_stream(world.stream)
    make_stream(world.team, world.stream.name)
    refused = api.post(restore(world.stream), {}, token=world.token)
    assert refused.status_code == 422
    assert list(refused.json()["errors"]) == ["name"]
    told = api.post(restore(world.stream), {"name": "another"}, token=world.token).json()
    assert (told["name"], told["uuid"]) == ("another", str(world.stream.uuid))


@pytest.mark.parametrize("name", ["", None, 5, "x" * 256, "a\x00"])
def test_an_unusable_name_is_told(api: Api, world: World, name: object) -> None:
    delete_stream(world.stream)
    answer = api.post(restore(world.stream), {"name": name}, token=world.token)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["name"]


def test_a_full_plan_has_no_room_for_it(api: Api, database: None) -> None:
    world = make_world("free")
    delete_stream(world.stream)
    most = api.get("/api/user/plan", token=world.token).json()["limits"]["max_streams"]
    for _ in range(most):
        make_stream(world.team)
    answer = api.post(restore(world.stream), token=world.token)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["name"]
