"""GET /v0/pipelines/{name}/logs: how it ends, and what it does not even begin for."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from apps.accounts.models import PersonalAccessToken, Plan
from apps.accounts.scope import maintenance
from apps.feldera import logs
from apps.http import streaming
from apps.tail import following
from tailsvc.storage.postgres import Pools, PostgresEventStore
from tests.api.feldera.reading import FRESH, append, append_soon, lines_of, path, run, snapshot
from tests.asgi import Asgi
from tests.factories.streams import World, delete_stream, make_stream, make_world
from tests.streaming import Streamed, opened


def test_deleting_the_stream_says_so_and_ends_properly(world: World) -> None:
    append(world, b"last")

    async def story() -> None:
        async with opened(path(world), token=world.token) as answer:
            assert (await answer.lines(2))[1] == b"last"
            await asyncio.to_thread(delete_stream, world.stream)
            assert await answer.all() == b"Logs have ended\n"
            assert answer.is_whole
        make_again = await asyncio.to_thread(make_stream, world.team, world.stream.name)
        async with opened(path(world), token=world.token) as again:
            first = FRESH.fullmatch(await again.line())
            assert first
            assert first[1].decode() == str(make_again[0].uuid)

    run(story)


def test_a_snapshot_ends_without_saying_that_the_logs_have(world: World) -> None:
    append(world, b"one")
    assert lines_of(snapshot(world))[1:] == [b"one"]


def _revoke(world: World) -> None:
    with maintenance():
        PersonalAccessToken.objects.filter(team=world.team).update(revoked_at=datetime.now(UTC))


def test_who_may_not_read_any_more_is_told_and_cut_off(world: World) -> None:
    async def story() -> None:
        async with opened(path(world), token=world.token) as answer:
            assert FRESH.fullmatch(await answer.line())
            await asyncio.to_thread(_revoke, world)
            (told,) = (await answer.all()).splitlines()
            assert b" WARN " in told
            assert b"You may not read this stream any more" in told
            assert b"ended" not in told
            assert answer.is_whole

    run(story)


def test_a_server_that_stops_does_not_say_that_the_logs_have_ended(world: World) -> None:
    async def story() -> None:
        async with opened(path(world), token=world.token) as answer:
            assert FRESH.fullmatch(await answer.line())
            following.following().stop()
            assert await answer.all() == b""
            assert not answer.is_whole
        async with opened(path(world), token=world.token) as late:
            assert late.status == 503
            assert b"RunnerInteractionUnreachable" in await late.all()

    run(story)


def test_who_does_not_read_is_cut_once_far_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(logs, "MOST_BEHIND", 5)

    async def story() -> None:
        async with opened(path(world), token=world.token) as deaf, opened(path(world), token=world.token) as other:
            assert FRESH.fullmatch(await other.line())
            deaf.reads.clear()
            await append_soon(world, *[b"x"] * 5)
            await other.lines(5)
            # Slow, but not far behind: it is waited for, however long it takes.
            await asyncio.sleep(0.5)
            deaf.reads.set()
            assert (await deaf.lines(6))[1:] == [b"x"] * 5
            deaf.reads.clear()
            await append_soon(world, b"x")  # this one it is being sent while the others come
            await other.line()
            await append_soon(world, *[b"x"] * 6)
            assert not (await asyncio.wait_for(deaf.all(), 10)).endswith(b"ended\n")
            assert not deaf.is_whole
            await append_soon(world, b"after")
            assert (await other.lines(7))[-1] == b"after"

    run(story)


# Limits


def test_so_many_may_be_opened_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_openings", Counter({world.stream.pk: 99}))

    async def story() -> None:
        async with opened(path(world), token=world.token) as last:
            assert FRESH.fullmatch(await last.line())
        logs._openings[world.stream.pk] = 100
        answer = await Asgi().call("GET", path(world), token=world.token)
        assert answer.status == 503
        assert answer.json()["error_code"] == "RunnerInteractionLogFollowRequestChannelFull"
        assert answer.json()["details"] is None
        assert int(answer.headers["retry-after"]) > 0

    run(story)


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The log store's database does not answer."""
    monkeypatch.setattr("tailsvc.storage.postgres.pools._CHECKOUT_SECONDS", 0.2)
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    pools = Pools(reader=nowhere, appender=nowhere, maintenance=nowhere, size=1)
    away = PostgresEventStore(pools, cache_bytes=0)
    monkeypatch.setattr(following, "store", lambda: away)
    monkeypatch.setattr(logs, "store", lambda: away)
    yield
    pools.close()


@pytest.mark.parametrize("query", ["", "?follow=false", "?cursor="])
def test_without_the_database_the_runner_cannot_be_reached(world: World, no_database: None, query: str) -> None:
    answer = Asgi().get(path(world, query), token=world.token)
    assert answer.status == 503
    assert answer.json()["error_code"] == "RunnerInteractionUnreachable"
    assert answer.json()["details"].keys() == {"error"}
    assert int(answer.headers["retry-after"]) > 0


def test_a_plan_allows_so_many_followers(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world("free")
    with maintenance():
        most = Plan.objects.get(name="free").max_followers
    assert most

    async def story() -> None:
        ones = [opened(path(world), token=world.token) for _ in range(most)]
        for one in ones:
            assert (await one.__aenter__()).status == 200
        answer = await Asgi().call("GET", path(world), token=world.token)
        assert (answer.status, answer.json()["error_code"]) == (429, "TooManyFollowers")
        assert int(answer.headers["retry-after"]) > 0
        for one in ones:
            await one.__aexit__(None, None, None)

    run(story)


@pytest.mark.usefixtures("one_minute")
def test_snapshots_count_as_queries(database: None) -> None:
    world = make_world("free")
    with maintenance():
        most = Plan.objects.get(name="free").query_requests_per_minute
    assert most
    answers = [snapshot(world) for _ in range(most + 1)]
    assert Counter(answer.status for answer in answers) == {200: most, 429: 1}
    assert answers[-1].json()["error_code"] == "TooManyRequests"


def test_head_says_what_get_would(world: World) -> None:
    answer = Asgi().request("HEAD", path(world), token=world.token)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_followers_of_two_teams_see_their_own(world: World) -> None:
    async def read(one: Streamed) -> bytes:
        return (await one.lines(2))[1]

    async def story() -> None:
        other = await asyncio.to_thread(make_world)
        async with opened(path(world), token=world.token) as ours, opened(path(other), token=other.token) as theirs:
            await append_soon(world, b"ours")
            await append_soon(other, b"theirs")
            assert [await read(ours), await read(theirs)] == [b"ours", b"theirs"]

    run(story)
