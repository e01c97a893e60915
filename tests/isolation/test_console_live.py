"""Rows as they come, for who has logged in and is in the team; nobody else hears of the stream."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.abilities import Role
from apps.accounts.models import Membership, User
from apps.accounts.scope import maintenance
from apps.engine import store
from tailsvc.events import Event
from tailsvc.storage.base import Batch
from tests.api.conftest import log_in
from tests.factories.accounts import make_member
from tests.factories.streams import now_micros
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


def test_who_may_not_look_on_any_more_is_cut_off_within_seconds(mine: Ground) -> None:
    """All at once, as each of them waits for the same look."""
    ends: list[Callable[[User, str], object]] = [leave, deactivate, log_out, change_password]
    stays, *go = [make_member(mine.team) for _ in range(len(ends) + 1)]
    path = live(mine.team.slug, mine.stream.slug)

    async def follow(user: User, end: Callable[[User, str], object]) -> tuple[bytes, float]:
        cookie = await asyncio.to_thread(cookie_of, user)
        async with opened(path, headers={"Cookie": cookie}) as answer:
            await answer.line()
            await asyncio.to_thread(end, user, cookie.partition("=")[2])
            since = time.monotonic()
            return await answer.all(), time.monotonic() - since

    async def follow_all() -> tuple[list[tuple[bytes, float]], bytes]:
        cookie = await asyncio.to_thread(cookie_of, stays)
        async with opened(path, headers={"Cookie": cookie}) as answer:
            await answer.lines(3)
            ended = await asyncio.gather(*(follow(user, end) for user, end in zip(go, ends, strict=True)))
            batch = [Batch([Event(now_micros(), b"still there")])]
            await asyncio.to_thread(store().append, mine.stream.ref, batch, now=now_micros())
            return ended, b"".join(await answer.lines(3))

    ended, goes_on = asyncio.run(follow_all())
    assert b"still there" in goes_on
    for said, seconds in ended:
        assert b"rights_ended" in said
        assert seconds < 5


def leave(user: User, _session: str) -> None:
    with maintenance():
        Membership.objects.filter(user=user).delete()


def deactivate(user: User, _session: str) -> None:
    with maintenance():
        User.objects.filter(pk=user.pk).update(is_active=False)


def log_out(_user: User, session: str) -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    assert client.post("/logout").status_code == 200


def change_password(user: User, _session: str) -> None:
    user.set_password("quite another one")
    with maintenance():
        user.save(update_fields=["password"])
