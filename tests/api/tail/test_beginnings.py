"""GET /api/streams/{stream}/tail: what goes on before the first event is sent, and what is sent of a large past."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from apps.query import tails
from apps.query.rendering import NDJSON
from apps.tail import following
from tailsvc import limits
from tailsvc.events import StoredEvent
from tailsvc.tail import newest_matching
from tests.api.tail.test_tail import ingest, messages, run, tail
from tests.asgi import Asgi, scope_of
from tests.factories.streams import World, lines, make_world, now_micros
from tests.streaming import opened

pytestmark = pytest.mark.contract


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def test_of_a_large_past_only_the_newest_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_BYTES", 10)
    world.append(lines(9, start=now_micros() - 10_000_000))

    async def story() -> None:
        async with opened(tail(world, "?lines=9"), token=world.token, headers={"accept": NDJSON}) as answer:
            found = [json.loads(line) for line in await answer.lines(2)]
            assert [one["id"] for one in found] == [8, 9]  # with the second there are ten bytes
            await ingest(world, "now")
            assert json.loads(await answer.line())["id"] == 10
        resumed = f"?lines=9&follow=false&after={found[0]['position']}"
        async with opened(tail(world, resumed), token=world.token, headers={"accept": NDJSON}) as answer:
            assert [json.loads(line)["id"] for line in (await answer.all()).splitlines()] == [9, 10]

    run(story)


def test_a_client_that_hangs_up_before_it_is_answered_is_forgotten(world: World) -> None:
    from config.asgi import application

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:
        """As servers do: what is sent to who is gone vanishes."""

    async def story() -> None:
        headers = {"authorization": f"Bearer {world.token}"}
        await asyncio.wait_for(application(scope_of("GET", tail(world), headers), receive, send), 10)
        assert not following.following()._hub.followers

    run(story)


def test_who_begins_with_a_long_search_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, found = threading.Semaphore(0), threading.Event()

    def searched(*args: Any, **kwargs: Any) -> Sequence[StoredEvent]:
        begun.release()
        found.wait(60)
        return newest_matching(*args, **kwargs)

    monkeypatch.setattr(tails, "newest_matching", searched)

    async def story() -> None:
        async with opened(tail(world), token=world.token) as answer:
            asked = [Asgi().call("GET", tail(world, "?lines=1&follow=false"), token=world.token) for _ in range(2)]
            searching = [asyncio.ensure_future(one) for one in asked]
            try:
                for _ in searching:
                    assert await asyncio.to_thread(begun.acquire, timeout=30)
                await ingest(world, "meanwhile")
                assert await asyncio.wait_for(messages(answer, 1), 10) == ["meanwhile"]
            finally:
                found.set()
                await asyncio.gather(*searching)

    run(story)
