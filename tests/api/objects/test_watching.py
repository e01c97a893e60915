"""Watches: every write is one event, in order, from any version; bookmarks, ends, and who may go on watching."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from apps.accounts.models import Plan
from apps.accounts.scope import maintenance, team_scope
from apps.objects import services, upkeep, watching
from apps.objects.forming import Options
from apps.objects.http import watch as watch_module
from apps.objects.services import Deletion
from apps.tail.following import following
from tailsvc.objects.catalogue import KINDS
from tests.api.objects.conftest import PLS, SESSIONS, Kube, refused
from tests.factories.accounts import make_team, make_token, revoke
from tests.factories.objects import podlogstream, session, settle_object
from tests.streaming import Streamed, opened

KIND = KINDS["podlogstreams"]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


class Watch:
    def __init__(self, answer: Streamed) -> None:
        self.answer = answer

    async def next(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.answer.line())
        return found

    async def short(self) -> tuple[str, str, str]:
        """(type, name, version)"""
        event = await self.next()
        metadata = event["object"]["metadata"]
        return event["type"], metadata.get("name", ""), metadata["resourceVersion"]


@asynccontextmanager
async def watching_(kube: Kube, query: str = "", path: str = PLS) -> AsyncIterator[Watch]:
    async with opened(f"{path}?watch=true{query}", token=kube.token) as answer:
        yield Watch(answer)


async def write(kube: Kube, method: str, path: str, body: Any = None) -> None:
    answer = await asyncio.to_thread(kube.ask, method, path, body, type_="application/merge-patch+json")
    assert answer.status < 300, answer.body


async def settle(kube: Kube, name: str, **more: Any) -> None:
    await asyncio.to_thread(settle_object, kube.team.pk, "podlogstreams", podlogstream(name, **more))


def test_it_begins_with_what_is_there_or_behind_a_version(kube: Kube) -> None:
    async def watched() -> None:
        await settle(kube, "a")
        await settle(kube, "b")
        for query in ("", "&resourceVersion=0"):
            async with watching_(kube, query) as found:
                assert [await found.short() for _ in range(2)] == [("ADDED", "a", "2"), ("ADDED", "b", "3")]
        async with watching_(kube, "&resourceVersion=2") as found:
            assert await found.short() == ("ADDED", "b", "3")
            await write(kube, "PATCH", f"{PLS}/a", {"spec": {"pod": "x"}})
            event = await found.next()
            assert (event["type"], event["object"]["spec"]["pod"]) == ("MODIFIED", "x")
            await write(kube, "DELETE", f"{PLS}/b")
            assert await found.short() == ("DELETED", "b", "5")
            await write(kube, "DELETE", PLS)
            assert await found.short() == ("DELETED", "a", "6")

    run(watched())


def test_other_kinds_and_dry_runs_tell_nothing(kube: Kube) -> None:
    async def watched() -> None:
        async with watching_(kube) as found:
            await asyncio.to_thread(settle_object, kube.team.pk, "sessions", session("s"))
            await write(kube, "DELETE", f"{SESSIONS}/s?dryRun=All")
            await settle(kube, "a")
            await write(kube, "PATCH", f"{PLS}/a", {"spec": {"pod": "web-1"}})  # changes nothing
            await settle(kube, "b")
            assert [await found.short() for _ in range(2)] == [("ADDED", "a", "3"), ("ADDED", "b", "4")]

    run(watched())


def test_leaving_a_selection_is_a_deletion_and_coming_in_an_addition(kube: Kube) -> None:
    async def watched() -> None:
        async with watching_(kube, f"&labelSelector={quote('x=1')}") as found:
            await settle(kube, "a")
            await write(kube, "PATCH", f"{PLS}/a", {"metadata": {"labels": {"x": "1"}}})
            assert await found.short() == ("ADDED", "a", "3")
            await write(kube, "PATCH", f"{PLS}/a", {"metadata": {"labels": {"x": "2"}}})
            event = await found.next()
            assert (event["type"], event["object"]["metadata"]["resourceVersion"]) == ("DELETED", "4")
            assert event["object"]["metadata"]["labels"] == {"x": "1"}
            await write(kube, "DELETE", f"{PLS}/a")
            await settle(kube, "b", labels={"x": "1"})
            assert await found.short() == ("ADDED", "b", "6")

    run(watched())


def test_one_object_is_watched_by_its_name(kube: Kube) -> None:
    async def watched() -> None:
        for path, query in ((PLS, "&fieldSelector=metadata.name%3Db"), (f"{PLS}/b", "")):
            async with watching_(kube, query, path) as found:
                await settle(kube, "a")
                await settle(kube, "b")
                assert (await found.short())[:2] == ("ADDED", "b")
            await write(kube, "DELETE", PLS)

    run(watched())


def test_it_ends_in_time_with_a_bookmark(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    async def watched() -> None:
        await settle(kube, "a")
        await asyncio.to_thread(settle_object, kube.team.pk, "sessions", session("s"))
        async with watching_(kube, "&resourceVersion=1&timeoutSeconds=1&allowWatchBookmarks=true") as found:
            assert await found.short() == ("ADDED", "a", "2")
            event = json.loads((await found.answer.all()).splitlines()[-1])
            assert event["type"] == "BOOKMARK"
            assert event["object"] == {
                "kind": "PodLogStream",
                "apiVersion": "tilt.dev/v1alpha1",
                "metadata": {"resourceVersion": "3", "creationTimestamp": None},
            }
            assert found.answer.is_whole
        monkeypatch.setattr(watch_module, "BOOKMARK_SECONDS", 0.05)
        async with watching_(kube, "&resourceVersion=2&allowWatchBookmarks=true") as found:
            assert [(await found.short())[0] for _ in range(2)] == ["BOOKMARK", "BOOKMARK"]

    run(watched())


def test_the_end_of_what_was_there_is_marked_for_who_asks(kube: Kube) -> None:
    async def watched() -> None:
        await settle(kube, "a")
        query = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        async with watching_(kube, query) as found:
            assert await found.short() == ("ADDED", "a", "2")
            mark = await found.next()
            assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            await settle(kube, "b")
            assert await found.short() == ("ADDED", "b", "3")

    run(watched())


def test_a_version_that_is_forgotten_is_expired(kube: Kube) -> None:
    async def watched() -> None:
        await settle(kube, "a")
        await settle(kube, "b")
        await asyncio.to_thread(upkeep.forget, now=datetime.now(UTC) + timedelta(hours=2))
        async with watching_(kube, "&resourceVersion=2") as found:
            event = await found.next()
            assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
            assert found.answer.status == 200
        async with watching_(kube, "&resourceVersion=3") as found:
            await settle(kube, "c")
            assert await found.short() == ("ADDED", "c", "4")

    run(watched())
    refused(kube.get(f"{PLS}?watch=1&resourceVersion=99"), 504, "Timeout")


def test_the_newest_changes_are_kept_whatever_their_number(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.objects import limits

    for name in "abcde":
        settle_object(kube.team.pk, "podlogstreams", podlogstream(name))
    monkeypatch.setattr(limits, "CHANGES_PER_TEAM", 2)
    upkeep.forget(now=datetime.now(UTC))
    with team_scope(kube.team.pk):
        assert watching.history.standing().forgotten == 4
    monkeypatch.setattr(limits, "CHANGES_BYTES_PER_TEAM", 700)
    upkeep.forget(now=datetime.now(UTC))
    with team_scope(kube.team.pk):
        assert watching.history.standing().forgotten == 5


def test_tables_are_watched_as_tables(kube: Kube) -> None:
    async def watched() -> None:
        headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
        async with opened(f"{PLS}?watch=1", token=kube.token, headers=headers) as answer:
            await settle(kube, "a")
            event = json.loads(await answer.line())
            assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
            assert event["object"]["rows"][0]["cells"][0] == "a"

    run(watched())


def test_without_hints_it_is_looked_for(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching.hints, "HEARERS", [])
    monkeypatch.setattr(watching.Watch, "_hear", lambda *_: None)

    async def watched() -> None:
        async with watching_(kube, "&resourceVersion=1") as found:
            await settle(kube, "a")
            assert await found.short() == ("ADDED", "a", "2")

    run(watched())


def test_who_may_not_read_any_more_is_cut(kube: Kube) -> None:
    kube.token = make_token(kube.team, abilities=["objects:read"])

    async def watched() -> None:
        async with watching_(kube) as found:
            await settle(kube, "a")
            await found.next()
            await asyncio.to_thread(revoke, kube.token)
            event = await found.next()
            assert event["type"] == "ERROR"
            assert await found.answer.all() == b""

    run(watched())


def test_a_stopping_server_ends_it_properly(kube: Kube) -> None:
    async def watched() -> None:
        async with watching_(kube) as found:
            following().stop()
            assert (await found.answer.all()).strip() == b""
            assert found.answer.is_whole

    run(watched())


def test_watches_count_against_the_plan(database: None) -> None:
    kube = Kube(make_team("free"))
    with maintenance():
        limit = Plan.objects.get(name="free").max_followers
    assert limit is not None

    async def watched() -> None:
        async with asyncio.timeout(20):
            open_: list[Any] = []
            for _ in range(limit):
                one = watching_(kube)
                open_.append(one)
                assert (await one.__aenter__()).answer.status == 200
            answer = await asyncio.to_thread(kube.get, f"{PLS}?watch=1")
            for one in open_:
                await one.__aexit__(None, None, None)
        status = refused(answer, 429, "TooManyRequests")
        assert status["details"]["retryAfterSeconds"] > 0

    run(watched())


# Conformance


class Writer:
    """Writes at random, and notes what each write must look like from outside."""

    def __init__(self, team_id: int, seed: int) -> None:
        self.team_id = team_id
        self.random = random.Random(seed)
        self.alive: dict[str, str] = {}  # name -> colour
        self.events: list[tuple[int, str, str, str, str]] = []  # version, type, name, colour before, colour

    def write(self, count: int, at_once: int) -> None:
        """So many of them in one transaction."""
        for _ in range(count // at_once):
            with team_scope(self.team_id):
                for _ in range(at_once):
                    self._one()

    def _one(self) -> None:
        name, colour = self.random.choice("abcdefghij"), self.random.choice(["red", "blue"])
        now, before = datetime.now(UTC), self.alive.get(name, "")
        labels = {"colour": colour, "n": str(len(self.events))}
        if name not in self.alive:
            document = services.create(KIND, podlogstream(name, labels=labels), Options(), now=now).document
            self._note(document, "ADDED", name, before, colour)
        elif self.random.random() < 0.3:
            deleted = services.delete(KIND, name, Deletion(), now=now)
            self._note(deleted.document, "DELETED", name, before, "")
        else:
            old = services.get(KIND, name)
            new = podlogstream(name, labels=labels)
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            document = services.replace(KIND, name, new, Options(), now=now).document
            self._note(document, "MODIFIED", name, before, colour)

    def _note(self, document: dict[str, Any], type_: str, name: str, before: str, colour: str) -> None:
        self.alive.pop(name, None)
        if colour:
            self.alive[name] = colour
        self.events.append((int(document["metadata"]["resourceVersion"]), type_, name, before, colour))

    def seen_from(self, version: int, colour: str = "") -> list[tuple[str, str, str]]:
        """What who sees objects of that colour only, or all, must be told behind the version."""
        return [
            (type_, name, str(at))
            for at, written, name, before, after in self.events
            if at > version
            for type_ in [_seen(written, before, after, colour)]
            if type_
        ]


def _seen(written: str, before: str, after: str, colour: str) -> str:
    if not colour:
        return written
    was, is_ = before == colour, after == colour
    return {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}.get((was, is_), "")


async def follow(kube: Kube, query: str, count: int) -> list[tuple[str, str, str]]:
    async with watching_(kube, query) as found:
        return [await found.short() for _ in range(count)]


def test_events_are_the_writes_from_whatever_version(kube: Kube) -> None:
    writer = Writer(kube.team.pk, seed=1)

    def write() -> None:
        writer.write(150, at_once=1)
        writer.write(850, at_once=25)

    async def watched() -> None:
        # Some follow while it is written, from lists of different moments; all writes come to an end before they do.
        writing = asyncio.create_task(asyncio.to_thread(write))
        followers = []
        for number in range(4):
            await asyncio.sleep(0.05 * number)
            followers.append(asyncio.create_task(follow_while(kube, writer, writing, ["", "red"][number % 2])))
        await writing
        await asyncio.gather(*followers)
        # And some later, from any version.
        chosen = random.Random(2).sample(range(1, len(writer.events)), 6)
        for number, version in enumerate(chosen):
            colour = ["", "red", "blue"][number % 3]
            expected = writer.seen_from(version, colour)
            selector = f"&labelSelector=colour%3D{colour}" if colour else ""
            found = await follow(kube, f"&resourceVersion={version}{selector}", len(expected))
            assert found == expected

    run(watched())
    assert [version for version, *_ in writer.events] == list(range(2, 1_002))


async def follow_while(kube: Kube, writer: Writer, writing: "asyncio.Task[None]", colour: str) -> None:
    """The state that events make of a list is the state in the end."""
    selector = f"labelSelector=colour%3D{colour}" if colour else ""
    listed = (await asyncio.to_thread(kube.get, f"{PLS}?{selector}")).json()
    version = int(listed["metadata"]["resourceVersion"])
    state = {one["metadata"]["name"] for one in listed["items"]}
    seen: list[tuple[str, str, str]] = []

    async def read(found: Watch) -> None:
        while True:
            seen.append(await found.short())

    async with watching_(kube, f"&resourceVersion={version}&{selector}") as found:
        reading = asyncio.create_task(read(found))
        await writing
        expected = writer.seen_from(version, colour)
        async with asyncio.timeout(20):
            while len(seen) < len(expected) and not reading.done():
                await asyncio.sleep(0.01)
        reading.cancel()
    assert seen == expected
    for type_, name, _ in seen:
        (state.discard if type_ == "DELETED" else state.add)(name)
    assert state == {name for name, its in writer.alive.items() if not colour or its == colour}


def test_many_writers_make_one_order(kube: Kube) -> None:
    """Versions become visible in order: who reads behind one misses nothing that is committed later."""
    count = 4

    def write(number: int) -> None:
        for turn in range(25):
            settle_object(kube.team.pk, "podlogstreams", podlogstream(f"{number}-{turn}"))

    async def watched() -> None:
        async with watching_(kube, "&resourceVersion=1") as found:
            tasks = [asyncio.create_task(asyncio.to_thread(write, number)) for number in range(count)]
            seen = [await found.short() for _ in range(100)]
            await asyncio.gather(*tasks)
        assert [int(version) for _, _, version in seen] == list(range(2, 102))
        assert len({name for _, name, _ in seen}) == 100

    run(watched())
