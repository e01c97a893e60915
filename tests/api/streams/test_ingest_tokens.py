"""/api/streams/{stream}/ingest-token and /ingest-tokens: issue, list, revoke, replace without a gap."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from apps.accounts.scope import team_scope
from apps.ingest import authentication
from apps.streams.models import IngestToken
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.streams import World, make_stream, make_world

pytestmark = pytest.mark.contract
HALF_A_YEAR = timedelta(seconds=15_552_000)


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def base(world: World) -> str:
    return f"/api/streams/{world.stream.uuid}"


def issue(api: Api, world: World, body: Any = None) -> HttpResponse:
    return api.post(f"{base(world)}/ingest-token", body, token=world.token)


def listed(api: Api, world: World) -> list[dict[str, Any]]:
    return api.get(f"{base(world)}/ingest-tokens", token=world.token).json()["data"]  # type: ignore[no-any-return]


def revoke(api: Api, world: World, jti: str) -> int:
    return api.delete(f"{base(world)}/ingest-tokens/{jti}", token=world.token).status_code


def works(asgi: Asgi, world: World, token: str) -> bool:
    """As a process sees it that has not heard of the token."""
    authentication._verdicts.clear()
    return asgi.post(world.ingest, b'"a line"', token=token).status == 200


def test_a_token_is_issued_for_half_a_year(api: Api, asgi: Asgi, world: World) -> None:
    answer = issue(api, world)
    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() == {"token", "jti", "issued_at", "expires_at"}
    lives = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["issued_at"])
    assert lives == HALF_A_YEAR
    assert works(asgi, world, told["token"])


def test_a_life_of_another_length_may_be_asked_for(api: Api, world: World) -> None:
    told = issue(api, world, {"ttl": 60}).json()
    lives = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["issued_at"])
    assert lives == timedelta(seconds=60)


@pytest.mark.parametrize("ttl", [0, -1, "long", None, 10**12, 1e30, 1.5, [], True])
def test_an_unusable_life_is_told(api: Api, world: World, ttl: object) -> None:
    answer = issue(api, world, {"ttl": ttl})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["ttl"]


def test_a_stream_shows_its_newest_live_token(api: Api, world: World) -> None:
    newer = issue(api, world).json()
    shown = api.get(base(world), token=world.token).json()["ingest"]
    assert (shown["token"], shown["expires_at"]) == (newer["token"], newer["expires_at"])
    assert revoke(api, world, newer["jti"]) == 204
    shown = api.get(base(world), token=world.token).json()["ingest"]
    assert (shown["token"], shown["expires_at"]) == (world.ingest_token, None)


def test_a_list_is_newest_first_and_shows_no_token(api: Api, world: World) -> None:
    newer = issue(api, world).json()
    found = listed(api, world)
    assert [each.keys() for each in found] == [{"jti", "issued_at", "expires_at"}] * 2
    assert found[0] == {name: newer[name] for name in found[0]}


def test_two_live_while_one_replaces_the_other_and_a_third_waits(api: Api, asgi: Asgi, world: World) -> None:
    newer = issue(api, world).json()
    third = issue(api, world)
    assert third.status_code == 422
    assert "revoke one first" in third.json()["message"]
    assert works(asgi, world, world.ingest_token)
    assert works(asgi, world, newer["token"])
    assert revoke(api, world, listed(api, world)[1]["jti"]) == 204
    assert not works(asgi, world, world.ingest_token)
    assert works(asgi, world, newer["token"])
    assert issue(api, world).status_code == 200


def test_an_expired_token_makes_room(api: Api, asgi: Asgi, world: World) -> None:
    told = issue(api, world, {"ttl": 60}).json()
    with team_scope(world.team.pk):
        past = datetime.now(UTC) - timedelta(seconds=1)
        IngestToken.objects.filter(jti=told["jti"]).update(expires_at=past)
    assert [each["jti"] for each in listed(api, world)] != [told["jti"]]
    assert not works(asgi, world, told["token"])
    assert issue(api, world).status_code == 200


def test_a_token_is_revoked_once(api: Api, world: World) -> None:
    jti = listed(api, world)[0]["jti"]
    assert [revoke(api, world, jti), revoke(api, world, jti)] == [204, 404]
    assert listed(api, world) == []
    assert api.get(base(world), token=world.token).json()["ingest"]["token"] is None


@pytest.mark.parametrize("jti", ["1", "nobody", "%00", "00000000-0000-4000-8000-000000000000", "x" * 4000])
def test_an_unknown_token_is_not_there(api: Api, world: World, jti: str) -> None:
    assert revoke(api, world, jti) == 404


def test_a_token_belongs_to_its_stream(api: Api, world: World) -> None:
    other, _ = make_stream(world.team)
    elsewhere = World(world.team, world.token, other, "")
    assert revoke(api, elsewhere, listed(api, world)[0]["jti"]) == 404
    assert len(listed(api, world)) == 1
