"""/api/streams/{stream}/ingest-token and /ingest-tokens: issue, list, revoke, replace without a gap."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from apps.accounts.scope import maintenance, team_scope
from apps.ingest import authentication
from apps.streams import ingest_tokens
from apps.streams.models import IngestToken, SigningKey
from tests.api.conftest import Api, log_in
from tests.asgi import Asgi
from tests.factories.accounts import make_user
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


@pytest.fixture
def kid(database: None) -> Iterator[str]:
    """Of a key that signs this test's tokens, and no other's."""
    made = ingest_tokens.add_signing_key(datetime.now(UTC))
    yield made
    with maintenance():
        SigningKey.objects.filter(kid=made).delete()


def elsewhere(statement: str, *values: object) -> None:
    """As another process does it, of which this one does not hear."""
    with psycopg.connect(settings.ROLE_URLS["maintenance"]) as connection:
        connection.execute(statement, values)


def is_replaced(api: Api, asgi: Asgi, world: World) -> bool:
    """The world's token is dead everywhere, and a new one takes its place."""
    assert not works(asgi, world, world.ingest_token)
    shown = api.get(base(world), token=world.token)
    assert (shown.status_code, shown.json()["ingest"]["token"], listed(api, world)) == (200, None, [])
    newer = issue(api, world).json()["token"]
    assert api.get(base(world), token=world.token).json()["ingest"]["token"] == newer
    return works(asgi, world, newer) and not works(asgi, world, world.ingest_token)


def test_the_key_that_an_operator_removes_ends_its_tokens(api: Api, asgi: Asgi, kid: str) -> None:
    world, operator = make_world(), Client()
    assert works(asgi, world, world.ingest_token)
    log_in(operator, make_user(is_staff=True, is_superuser=True))
    with maintenance():
        key = SigningKey.objects.get(kid=kid)
    page = reverse("admin:streams_signingkey_delete", args=[key.pk])
    assert operator.post(page, {"post": "yes"}).status_code == 302
    assert is_replaced(api, asgi, world)


def test_the_key_that_another_process_removes_ends_its_tokens(api: Api, asgi: Asgi, kid: str) -> None:
    world = make_world()
    assert works(asgi, world, world.ingest_token)
    elsewhere("DELETE FROM streams_signingkey WHERE kid = %s", kid)
    assert is_replaced(api, asgi, world)


def test_who_has_a_removed_key_signs_no_other_token(asgi: Asgi, kid: str) -> None:
    """Not even in a process that still knows the key."""
    ingest_tokens.add_signing_key(datetime.now(UTC))
    world = make_world()
    claims = jwt.decode(world.ingest_token, options={"verify_signature": False})
    forged = jwt.encode(claims, ingest_tokens.signing_keys()[kid], "HS256", headers={"kid": kid})
    elsewhere("DELETE FROM streams_signingkey WHERE kid = %s", kid)
    assert not works(asgi, world, forged)
    assert works(asgi, world, world.ingest_token)


def test_the_key_that_another_process_makes_signs_from_now_on(asgi: Asgi, world: World) -> None:
    assert works(asgi, world, world.ingest_token)
    row = (world.stream.slug[-32:], b"s" * 32, datetime.now(UTC))
    elsewhere("INSERT INTO streams_signingkey (kid, secret, created_at) VALUES (%s, %s, %s)", *row)
    newer = make_world()
    assert jwt.get_unverified_header(newer.ingest_token)["kid"] == row[0]
    assert works(asgi, newer, newer.ingest_token)
    assert works(asgi, world, world.ingest_token)


@pytest.fixture
def no_keys(database: None) -> Iterator[None]:
    def remove_all() -> list[SigningKey]:
        with maintenance():
            found = list(SigningKey.objects.all())
            SigningKey.objects.all().delete()
        return found

    kept = remove_all()
    yield
    remove_all()
    with maintenance():
        for key in kept:
            key.save(force_insert=True)


@pytest.mark.usefixtures("no_keys")
def test_of_many_who_need_the_first_key_at_once_one_makes_it() -> None:
    def newest(_: int) -> str:
        try:
            return ingest_tokens.newest_kid(datetime.now(UTC))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        kids = set(pool.map(newest, range(6)))
    with maintenance():
        assert [key.kid for key in SigningKey.objects.all()] == list(kids)
