"""What a tail refuses, and how."""

import pytest

from apps.accounts.abilities import Ability, Role
from tests.asgi import Answer, Asgi
from tests.factories.accounts import make_member, make_token
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def tail(world: World, query: str = "") -> str:
    return f"/api/streams/{world.stream.slug}/tail{query}"


def get(asgi: Asgi, world: World, query: str, **headers: str) -> Answer:
    return asgi.get(tail(world, query), token=world.token, headers=headers)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?since=yesterday", "since"),
        ("?since=-1", "since"),
        ("?lines=-1", "lines"),
        ("?lines=10001", "lines"),
        ("?after=nowhere", "after"),
        ("?after=1a2b3c4d-", "after"),
        ("?follow=maybe", "follow"),
        ("?start_time=0", "start_time"),
        ("?query=nofield:1", "query"),
        ("?filters=[{", None),
    ],
)
def test_a_wrong_question_is_refused(asgi: Asgi, world: World, query: str, name: str | None) -> None:
    answer = get(asgi, world, query)
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert name is None or name in answer.json()["errors"]


def test_a_wrong_position_in_the_header_is_refused(asgi: Asgi, world: World) -> None:
    assert get(asgi, world, "", **{"last-event-id": "x\xff"}).status == 422


def test_other_formats_are_not_sent(asgi: Asgi, world: World) -> None:
    assert get(asgi, world, "", accept="image/png").status == 406
    assert get(asgi, world, "?follow=false", accept="text/html, */*;q=0.1").status == 200


def test_head_says_what_get_would(asgi: Asgi, world: World) -> None:
    answer = asgi.request("HEAD", tail(world), token=world.token)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_without_the_right_to_read_nothing_is_followed(asgi: Asgi, world: World) -> None:
    token = make_token(world.team, make_member(world.team, Role.MEMBER), [Ability.STREAMS_CREATE])
    assert asgi.get(tail(world), token=token).status == 403
    assert asgi.get(tail(world), token="nonsense").status == 401
