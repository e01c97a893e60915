"""GET, PATCH and DELETE /api/streams/{stream}"""

from typing import Any

import pytest

from apps.accounts.abilities import Role
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.accounts import make_member, make_team, make_token
from tests.factories.streams import World, lines, make_stream, make_world, now_micros

pytestmark = pytest.mark.contract
ODD_ADDRESSES = [
    "%00",
    "a%00b",
    "%0A",
    "%20",
    "%FF%FE",
    "%C3%A4",
    "%25",
    "..",
    "%2e%2e",
    "%2F",
    "'%20OR%20'1'='1",
    "x" * 81,
    "x" * 5000,
    "0",
    "-1",
    "1.5",
    "9223372036854775807",
    "9223372036854775808",
    "9" * 80,
    "9" * 4400,
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-00000000000g",
    "{stream}",
    "%F0%9F%9A%80",
    "１",
]


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def path(world: World) -> str:
    return f"/api/streams/{world.stream.uuid}"


def test_a_stream_is_addressed_by_uuid_number_and_slug(api: Api, world: World) -> None:
    uuid = str(world.stream.uuid)
    for address in (uuid, uuid.upper(), uuid.replace("-", ""), world.stream.pk, world.stream.slug):
        assert api.get(f"/api/streams/{address}", token=world.token).json()["uuid"] == uuid, address


@pytest.mark.parametrize("address", ODD_ADDRESSES, ids=lambda address: address[:30])
def test_an_odd_address_is_no_stream(api: Api, asgi: Asgi, world: World, address: str) -> None:
    for rest in ("", "/logs", "/logs/1", "/rejections", "/ingest-tokens"):
        answer = api.get(f"/api/streams/{address}{rest}", token=world.token)
        assert answer.status_code == 404, rest
        assert answer["Content-Type"] == "application/problem+json"
    assert asgi.post(f"/api/ingest/{address}".encode().decode("latin-1"), token=world.ingest_token).status == 403


def test_reading_is_the_same_as_after_creation(api: Api, world: World) -> None:
    made = api.post("/api/streams", {"name": "made"}, token=world.token).json()
    assert api.get(f"/api/streams/{made['id']}", token=world.token).json() == made


def test_a_stream_is_set_up_with_its_first_event(api: Api, world: World) -> None:
    assert api.get(path(world), token=world.token).json()["stream_setup"] is False
    world.append(lines(1, start=now_micros()))
    assert api.get(path(world), token=world.token).json()["stream_setup"] is True
    assert api.get("/api/streams", token=world.token).json()["data"][0]["stream_setup"] is True


def test_who_may_not_write_is_shown_no_token(api: Api, world: World) -> None:
    viewer = make_token(world.team, make_member(world.team, Role.VIEWER))
    shown = api.get(path(world), token=viewer).json()["ingest"]
    assert (shown["token"], shown["expires_at"]) == (None, None)
    reader = make_token(world.team, abilities=["streams:read"])
    assert api.get(path(world), token=reader).json()["ingest"]["token"] is None
    assert api.get(path(world), token=world.token).json()["ingest"]["token"] == world.ingest_token


# Changing


@pytest.mark.parametrize(
    "change", [{"name": "new"}, {"description": "new"}, {"description": ""}, {"retention_hours": 3}, {}]
)
def test_what_is_named_is_changed_and_nothing_else(api: Api, world: World, change: dict[str, Any]) -> None:
    before = api.get(path(world), token=world.token).json()
    answer = api.patch(path(world), change, token=world.token)
    assert answer.status_code == 200
    told = answer.json()
    assert told["updated_at"] > before["updated_at"]
    assert told == {**before, **change, "updated_at": told["updated_at"]}
    assert api.get(path(world), token=world.token).json() == told


def test_a_retention_of_its_own_can_be_given_up(api: Api, world: World) -> None:
    api.patch(path(world), {"retention_hours": 3}, token=world.token)
    assert api.patch(path(world), {"retention_hours": None}, token=world.token).json()["retention_hours"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"description": 5}, "description"),
        ({"retention_hours": 0}, "retention_hours"),
        ({"retention_hours": 1.5}, "retention_hours"),
        ([], "non_field_errors"),
    ],
)
def test_an_unusable_change_is_told_by_field(api: Api, world: World, change: Any, field: str) -> None:
    answer = api.patch(path(world), change, token=world.token)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_a_taken_name_is_refused(api: Api, world: World) -> None:
    other, _ = make_stream(world.team)
    answer = api.patch(path(world), {"name": other.name}, token=world.token)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["name"]
    assert api.patch(path(world), {"name": world.stream.name}, token=world.token).status_code == 200


def test_a_plan_bounds_retention(api: Api, database: None) -> None:
    world = make_world("free")
    answer = api.patch(path(world), {"retention_hours": 73}, token=world.token)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["retention_hours"]


def test_what_is_not_ones_to_choose_is_left(api: Api, world: World) -> None:
    given = {"id": 1, "uuid": "x", "slug": "mine", "team_id": make_team().pk, "stream_setup": True}
    before = api.get(path(world), token=world.token).json()
    told = api.patch(path(world), given, token=world.token).json()
    assert {name: told[name] for name in given} == {name: before[name] for name in given}


# Deleting


def test_a_deleted_stream_is_gone_at_once(api: Api, asgi: Asgi, world: World) -> None:
    world.append(lines(1, start=now_micros()))
    answer = api.delete(path(world), token=world.token)
    assert (answer.status_code, answer.content) == (204, b"")
    for rest in ("", "/logs", "/logs/1", "/logs/1/context", "/rejections", "/ingest-tokens"):
        assert api.get(f"{path(world)}{rest}", token=world.token).status_code == 404, rest
    assert api.patch(path(world), {"name": "x"}, token=world.token).status_code == 404
    assert api.post(f"{path(world)}/ingest-token", {}, token=world.token).status_code == 404
    assert api.delete(path(world), token=world.token).status_code == 404
    assert api.get("/api/streams", token=world.token).json()["data"] == []
    assert api.get("/api/user/streams", token=world.token).json() == {"streams": []}
    assert asgi.post(world.ingest, b'"x"', token=world.ingest_token).status == 403
