"""GET /api/streams/{stream}/tail: what is sent, from where, and how it ends."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import PersonalAccessToken, Plan
from apps.accounts.scope import maintenance
from apps.engine import store
from apps.http import streaming
from apps.tail import following
from tailsvc import limits
from tailsvc.events import Event
from tailsvc.filters import EVERYTHING
from tailsvc.queries import Selection
from tests.asgi import Answer, Asgi
from tests.factories.streams import World, delete_stream, lines, make_world, now_micros
from tests.streaming import Streamed, opened

pytestmark = pytest.mark.contract


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "STANDING_SECONDS", 0.1)


def tail(world: World, query: str = "") -> str:
    return f"/api/streams/{world.stream.slug}/tail{query}"


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 180))


async def ingest(world: World, *messages: str, level: str = "INFO") -> None:
    body = "\n".join(json.dumps({"message": message, "level": level}) for message in messages).encode()
    headers = {"content-type": "application/x-ndjson"}
    answer = await Asgi().call("POST", world.ingest, body, token=world.ingest_token, headers=headers)
    assert answer.status == 200


async def event(answer: Streamed) -> dict[str, str]:
    """The next server-sent event that has data."""
    while True:
        fields: dict[str, str] = {}
        while line := (await answer.line()).decode():
            name, _, value = line.partition(":")
            fields[name] = value.lstrip()
        if "data" in fields:
            return fields


async def messages(answer: Streamed, count: int) -> list[str]:
    return [json.loads((await event(answer))["data"])["fields"]["message"] for _ in range(count)]


def get(asgi: Asgi, world: World, query: str, **headers: str) -> Answer:
    return asgi.get(tail(world, query), token=world.token, headers=headers)


def ids(answer: Answer) -> list[int]:
    """Of a tail that came to its end, as NDJSON."""
    assert answer.status == 200
    return [event["id"] for line in answer.body.splitlines() if (event := json.loads(line)).get("id")]


def test_what_is_appended_is_sent_with_its_position(world: World) -> None:
    async def story() -> None:
        await ingest(world, "before")
        async with opened(tail(world), token=world.token) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["cache-control"] == "no-store"
            assert await answer.line() == b"retry: 1000"
            place = (await answer.line()).decode().removeprefix("id: ")
            await ingest(world, "one", "two")
            first, second = await event(answer), await event(answer)
            shown = json.loads(first["data"])
            assert shown["fields"] == {"level": "INFO", "message": "one"}
            epoch = place.partition("-")[0]
            assert [place, first["id"], second["id"]] == [f"{epoch}-{id_}" for id_ in (1, 2, 3)]
            page = await Asgi().call("GET", f"{world.logs}/{shown['id']}", token=world.token)
            assert page.json()["data"] == shown

    run(story)


def test_filters_and_the_query_are_those_of_a_page(world: World) -> None:
    async def story() -> None:
        query = '?query=level:error&filters=[{"field": "q", "value": "FIND"}]'
        async with opened(tail(world, query), token=world.token) as answer:
            await ingest(world, "find not")
            await ingest(world, "nothing", "find this", level="ERROR")
            assert await messages(answer, 1) == ["find this"]

    run(story)


def test_ndjson_where_it_is_asked_for(world: World) -> None:
    async def story() -> None:
        headers = {"accept": "application/x-ndjson"}
        async with opened(tail(world), token=world.token, headers=headers) as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            await ingest(world, "one")
            shown = json.loads(await answer.line())
            assert shown["position"].endswith(f"-{shown['id']}")

    run(story)


def test_a_silent_stream_has_a_heartbeat_that_says_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.query.tails._Sse.heartbeat_seconds", 0.2)
    monkeypatch.setattr("apps.query.tails._Ndjson.heartbeat_seconds", 0.2)

    async def story() -> None:
        async with opened(tail(world, "?query=nothing"), token=world.token) as answer:
            assert (await answer.lines(3))[0] == b"retry: 1000"
            await ingest(world, "something")
            while (beat := await answer.lines(3))[1].endswith(b"-0"):
                assert beat[0] == b":"
            assert beat[1].endswith(b"-1")
        async with opened(tail(world), token=world.token, headers={"accept": "application/x-ndjson"}) as answer:
            assert await answer.line() == b""

    run(story)


@pytest.mark.parametrize("form", ["", "ndjson"])
def test_the_past_comes_first(asgi: Asgi, world: World, form: str) -> None:
    start = now_micros() - 10_000_000
    world.append(lines(10, start=start, step=1_000_000))
    ndjson = {"accept": "application/x-ndjson"}

    def found(query: str) -> list[int]:
        return ids(get(asgi, world, f"?follow=false&{query}", **ndjson))

    assert found("") == []
    assert found("lines=3") == [8, 9, 10]
    assert found("lines=0") == []
    assert found("since=0") == [*range(1, 11)]
    assert found(f"since={start // 1000 + 6_500}") == [8, 9, 10]
    seventh = datetime.fromtimestamp(start / 1e6 + 6.5, UTC).isoformat().replace("+00:00", "Z")
    assert found(f"since={seventh}") == [8, 9, 10]
    assert found(f"since={start // 1000 + 6_500}&lines=2") == [9, 10]
    assert found(f"since={start // 1000 + 6_500}&lines=9") == [8, 9, 10]
    assert found("since=0&query=%22line+4%22") == [5]


def test_the_past_is_followed_by_the_present(world: World) -> None:
    async def story() -> None:
        await ingest(world, *(f"old {nth}" for nth in range(300)))
        async with (
            opened(tail(world, "?since=0"), token=world.token) as since,
            opened(tail(world, "?lines=2"), token=world.token) as some,
        ):
            await ingest(world, "new")
            assert await messages(since, 301) == [*(f"old {nth}" for nth in range(300)), "new"]
            assert await messages(some, 3) == ["old 298", "old 299", "new"]

    run(story)


def test_a_reader_resumes_where_it_was(world: World) -> None:
    async def story() -> None:
        async with opened(tail(world), token=world.token) as answer:
            await ingest(world, "one", "two", "three")
            await event(answer)
            place = (await event(answer))["id"]
        await ingest(world, "four")
        for headers, query in (({"last-event-id": place}, "?since=0&lines=1"), ({}, f"?after={place}")):
            async with opened(tail(world, query), token=world.token, headers=headers) as answer:
                assert await messages(answer, 2) == ["three", "four"]

    run(story)


def test_a_resuming_reader_is_told_what_was_deleted(world: World) -> None:
    async def story() -> None:
        await ingest(world, *"abcdef")
        epoch = store().head(world.stream.ref).epoch.hex[:8]
        store().delete(world.stream.ref, Selection(as_of=4), now=now_micros())
        async with opened(tail(world, f"?after={epoch}-1"), token=world.token) as answer:
            gap = await event(answer)
            assert (gap["event"], gap["id"]) == ("gap", f"{epoch}-1")
            assert json.loads(gap["data"]) == {"reason": "deleted", "after": 1, "upto": 6, "missing": 3}
            assert await messages(answer, 2) == ["e", "f"]
        async with opened(
            tail(world, f"?after={epoch}-1"), token=world.token, headers={"accept": "application/x-ndjson"}
        ) as answer:
            assert json.loads(await answer.line())["gap"]["missing"] == 3
        async with opened(tail(world, "?after=00000000-1"), token=world.token) as answer:
            assert json.loads((await event(answer))["data"]) == {"reason": "restored", "after": 6}
            await ingest(world, "new")
            assert await messages(answer, 1) == ["new"]

    run(story)


def test_what_retention_took_is_told_and_never_sent(asgi: Asgi, database: None) -> None:
    world = make_world("free")
    with maintenance():
        hours = Plan.objects.get(name="free").retention_hours
    old = now_micros() - hours * 3_600_000_000 - 60_000_000
    world.append([*lines(3, start=old), *lines(2, start=now_micros())])
    epoch = store().head(world.stream.ref).epoch.hex[:8]
    assert ids(get(asgi, world, "?since=0&follow=false", accept="application/x-ndjson")) == [4, 5]
    resumed = get(asgi, world, f"?after={epoch}-0&follow=false", accept="application/x-ndjson")
    assert json.loads(resumed.body.splitlines()[0])["gap"]["missing"] == 3
    assert ids(resumed) == [4, 5]


def test_deleting_the_stream_ends_it(world: World) -> None:
    async def story() -> None:
        async with opened(tail(world), token=world.token) as answer:
            await ingest(world, "last")
            assert await messages(answer, 1) == ["last"]
            await asyncio.to_thread(delete_stream, world.stream)
            end = await event(answer)
            assert end["event"] == "end"
            assert json.loads(end["data"])["reason"] == "stream_deleted"
            assert await answer.all() == b""
            assert answer.is_whole

    run(story)


def _revoke(world: World) -> None:
    with maintenance():
        PersonalAccessToken.objects.filter(team=world.team).update(revoked_at=datetime.now(UTC))


def _expire(world: World) -> None:
    with maintenance():
        PersonalAccessToken.objects.filter(team=world.team).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))


def _lose_ability(world: World) -> None:
    with maintenance():
        PersonalAccessToken.objects.filter(team=world.team).update(abilities=["streams:create"])


def _leave_team(world: World) -> None:
    with maintenance():
        world.team.memberships.all().delete()


@pytest.mark.parametrize("lose", [_revoke, _expire, _lose_ability, _leave_team])
def test_who_may_not_read_any_more_is_cut_off(world: World, lose: Callable[[World], None]) -> None:
    async def story() -> None:
        async with opened(tail(world), token=world.token) as answer:
            await ingest(world, "seen")
            assert await messages(answer, 1) == ["seen"]
            await asyncio.to_thread(lose, world)
            assert json.loads((await event(answer))["data"])["reason"] == "rights_ended"
            assert await answer.all() == b""

    run(story)


@pytest.mark.parametrize("form", ["text/event-stream", "application/x-ndjson"])
def test_a_filter_that_takes_too_long_ends_its_tail_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(limits, "FOLLOW_SECONDS", 0)

    async def story() -> None:
        costly = opened(tail(world, "?query=one"), token=world.token, headers={"accept": form})
        async with opened(tail(world), token=world.token) as other, costly as answer:
            if form == "text/event-stream":
                await answer.lines(3)
            await ingest(world, "one")
            said = (await answer.all()).decode()
            assert said.startswith("event: end\ndata: " if form == "text/event-stream" else '{"end":')
            told = json.loads(said.partition("data: ")[2] or said)
            assert (told.get("end") or told)["reason"] == "filter_too_costly"
            assert await messages(other, 1) == ["one"]

    run(story)


def test_another_teams_followers_see_nothing(world: World) -> None:
    async def story() -> None:
        other = await asyncio.to_thread(make_world)
        async with opened(tail(other), token=other.token) as theirs, opened(tail(world), token=world.token) as ours:
            await ingest(world, "ours")
            await ingest(other, "theirs")
            assert await messages(ours, 1) == ["ours"]
            assert await messages(theirs, 1) == ["theirs"]

    run(story)


def test_a_client_that_hangs_up_is_forgotten(world: World) -> None:
    async def story() -> None:
        async with opened(tail(world), token=world.token) as answer:
            await answer.line()
            here = following.following()
            assert len(here._hub.followers) == 1
            answer.hang_up()
            assert await answer.all() == b"id: " + b"%.8s-0\n\n" % store().head(world.stream.ref).epoch.hex.encode()
        assert len(here._hub.followers) == 0
        assert not here._hub._watches

    run(story)


def test_a_client_that_does_not_read_is_cut_and_slows_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SLOW_SECONDS", 0.5)

    async def story() -> None:
        async with (
            opened(tail(world), token=world.token) as deaf,
            opened(tail(world), token=world.token) as listening,
        ):
            deaf.reads.clear()
            for nth in range(10):
                await ingest(world, f"line {nth}")
                assert await messages(listening, 1) == [f"line {nth}"]
            await asyncio.wait_for(deaf.all(), 10)
            assert not deaf.is_whole
            await ingest(world, "after")
            assert await messages(listening, 1) == ["after"]

    run(story)


def test_a_plan_allows_so_many_followers(database: None) -> None:
    world = make_world("free")
    with maintenance():
        most = Plan.objects.get(name="free").max_followers
    assert most

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            open_ones = [opened(tail(world), token=world.token) for _ in range(most)]
            for one in open_ones:
                assert (await one.__aenter__()).status == 200
            async with opened(tail(world), token=world.token) as refused_one:
                assert refused_one.status == 429
                assert int(refused_one.headers["retry-after"]) > 0
            for one in open_ones:
                group.create_task(one.__aexit__(None, None, None))
        async with opened(tail(world), token=world.token) as again:
            assert again.status == 200

    run(story)


def test_hostile_lines_stay_within_their_event(world: World) -> None:
    """A line end in a message must not begin another event of the stream of events."""

    async def story() -> None:
        async with opened(tail(world), token=world.token) as answer:
            raw = b"a\n\nid: 7\nevent: end\ndata: {}\r\rx\xff"
            await asyncio.to_thread(world.append, [Event(now_micros(), raw)])
            following.appended(world.stream.ref)
            shown = await event(answer)
            assert set(shown) == {"id", "data"}
            assert json.loads(shown["data"])["raw_message"] == raw.decode("utf-8", "replace")

    run(story)


def test_nothing_is_lost_where_hints_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process appended, and its hint did not arrive."""

    async def story() -> None:
        monkeypatch.setattr(following, "POLL_SECONDS", 0.1)
        async with opened(tail(world), token=world.token) as answer:
            await asyncio.to_thread(world.append, lines(3, start=now_micros(), message="m"))
            assert await messages(answer, 3) == ["m"] * 3
            stretch = store().stretch(world.stream.ref, 0, most=10)
            assert len(stretch.matching(EVERYTHING)) == 3

    run(story)
