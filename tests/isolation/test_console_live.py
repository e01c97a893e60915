"""Rows as they come, for who has logged in and is in the team; nobody else hears of the stream."""

import asyncio
from contextlib import suppress

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.abilities import Role
from apps.accounts.models import Membership, User
from apps.accounts.scope import maintenance
from tests.api.conftest import log_in
from tests.factories.accounts import make_member
from tests.isolation.ground import Ground, make_ground
from tests.streaming import opened


@pytest.fixture(scope="module")
def mine(database: None) -> Ground:
    return make_ground()


@pytest.fixture(scope="module")
def other(database: None) -> Ground:
    return make_ground()


def cookie_of(user: User) -> str:
    client = Client()
    log_in(client, user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def live(team: str, stream: str) -> str:
    return f"/console/{team}/streams/{stream}/live"


def status(path: str, *, cookie: str = "", token: str | None = None) -> int:
    async def run() -> int:
        async with opened(path, token=token, headers={"Cookie": cookie} if cookie else {}) as answer:
            with suppress(EOFError):  # a refusal is one line without an end
                await answer.line()
            return answer.status

    return asyncio.run(run())


@pytest.mark.parametrize("role", list(Role))
def test_every_member_may_follow(mine: Ground, role: Role) -> None:
    user = mine.owner if role is Role.OWNER else make_member(mine.team, role)
    assert status(live(mine.team.slug, mine.stream.slug), cookie=cookie_of(user)) == 200


def test_nobody_follows_without_a_log_in(mine: Ground) -> None:
    path = live(mine.team.slug, mine.stream.slug)
    assert status(path) == status(path, token=mine.token) == 401
    for cookie in (f"{settings.SESSION_COOKIE_NAME}=nonsense", "=;;\x01", f"{settings.SESSION_COOKIE_NAME}="):
        assert status(path, cookie=cookie) == 401


def test_another_teams_stream_is_not_there(mine: Ground, other: Ground) -> None:
    cookie = cookie_of(mine.owner)
    for team in (mine.team.slug, other.team.slug, "nobody"):
        assert status(live(team, other.stream.slug), cookie=cookie) == 404
    assert status(live(other.team.slug, mine.stream.slug), cookie=cookie) == 404
    assert status(live(mine.team.slug, mine.deleted.slug), cookie=cookie) == 404


def test_who_was_a_member_is_cut_off(mine: Ground) -> None:
    user = make_member(mine.team)
    cookie = cookie_of(user)

    async def follow() -> bytes:
        path = live(mine.team.slug, mine.stream.slug)
        async with opened(path, headers={"Cookie": cookie}) as answer:
            await answer.line()
            await asyncio.to_thread(leave)
            return await answer.all()

    def leave() -> None:
        with maintenance():
            Membership.objects.filter(team=mine.team, user=user).delete()

    assert b"rights_ended" in asyncio.run(follow())
