"""Reading a pipeline's logs in tests: lines in, the answer's lines out."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from apps.tail.following import appended
from tailsvc.events import Event
from tests.asgi import Answer, Asgi
from tests.factories.streams import World, now_micros

FRESH = re.compile(
    rb"\[manager\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z  INFO [\w:]+: Fresh start of pipeline logs"
    rb' pipeline-id="([0-9a-f-]{36})" pipeline-name="([\w-]+)"'
)
DISCARDED = re.compile(
    rb"\[manager\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z  WARN [\w:]+:"
    rb" \.\.\. (\d+) prior log lines were discarded due to buffer constraints and are thus not shown\."
    rb' pipeline-id="[0-9a-f-]{36}" pipeline-name="[\w-]+"'
)


def path(world: World, query: str = "") -> str:
    return f"/v0/pipelines/{world.stream.name}/logs{query}"


def append(world: World, *lines: bytes) -> None:
    world.append([Event(now_micros(), line) for line in lines])
    appended(world.stream.ref)


async def append_soon(world: World, *lines: bytes) -> None:
    await asyncio.to_thread(append, world, *lines)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 180))


def snapshot(world: World, query: str = "") -> Answer:
    return Asgi().get(path(world, f"?follow=false{query}"), token=world.token)


def lines_of(answer: Answer) -> list[bytes]:
    assert answer.status == 200
    assert answer.body.endswith(b"\n")
    return answer.body[:-1].split(b"\n")


def discarded(line: bytes) -> int:
    found = DISCARDED.fullmatch(line)
    assert found, line
    return int(found[1])
