"""Rows as they come: the page's own search decides which, and how they look."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from django.conf import settings
from django.test import Client

from apps.console.explore.live import MOST_ROWS
from apps.engine import store
from tailsvc.events import Event
from tailsvc.storage.base import Batch
from tests.api.conftest import log_in
from tests.console.conftest import Person
from tests.factories.streams import World, make_stream, now_micros
from tests.streaming import Streamed, opened


class Follower:
    """A person's browser before a stream of their team."""

    def __init__(self, person: Person) -> None:
        stream, ingest_token = make_stream(person.team)
        self.world = World(person.team, "", stream, ingest_token)
        self.path = f"{person.root}/streams/{stream.slug}/live"
        client = Client()
        log_in(client, person.user)
        self.headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
        }

    @asynccontextmanager
    async def following(self, search: str = "", **headers: str) -> AsyncIterator[Streamed]:
        async with opened(f"{self.path}{search}", headers={**self.headers, **headers}) as answer:
            assert await answer.line() == b"retry: 1000"
            assert (await answer.lines(2))[0].startswith(b"id: ")
            yield answer

    async def append(self, *lines: str, **fields: str) -> None:
        events = [Event(now_micros(), line.encode(), **fields) for line in lines]
        batch = [Batch(events)]
        await asyncio.to_thread(store().append, self.world.stream.ref, batch, now=now_micros())


async def message(answer: Streamed) -> tuple[str, int, list[str]]:
    """The position, how many events came, and their rows."""
    lines: list[str] = []
    while (line := (await answer.line()).decode()) or not lines:
        if line:
            lines.append(line)
    found = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return lines[0].removeprefix("id: "), int(found[0]), found[1:]


def test_only_what_the_search_selects_comes_and_as_it_looks(person: Person) -> None:
    follower = Follower(person)

    async def follow() -> tuple[str, int, list[str]]:
        async with follower.following("?query=NOT+level:debug&columns=level,line&wrap=1") as answer:
            await follower.append("hidden", level="DEBUG")
            await follower.append("shown <b>\nsecond\r\nthird", level="ERROR")
            return await message(answer)

    place, count, rows = asyncio.run(follow())
    assert place.endswith("-2")
    assert count == len(rows) == 1
    assert re.fullmatch(
        r'<tr class="error" data-id="2" data-at="\d+" tabindex="-1"><td class="at">[^<]+</td><td class="lv">ERROR</td>'
        r'<td class="line"><bdi>shown &lt;b&gt;&#10;second&#10;third</bdi></td></tr>',
        rows[0],
    )


def test_who_comes_again_goes_on_where_they_were(person: Person) -> None:
    follower = Follower(person)

    async def follow() -> list[str]:
        async with follower.following() as answer:
            await follower.append("one")
            place, _, _ = await message(answer)
        await follower.append("two", "three")
        async with follower.following(**{"Last-Event-ID": place}) as answer:
            _, count, rows = await message(answer)
            assert count == 2
        async with follower.following(f"?after={place}") as answer:
            assert (await message(answer))[2] == rows
        return rows

    assert ["two" in row for row in asyncio.run(follow())] == [True, False]


def test_of_very_many_at_once_all_are_counted_and_the_newest_sent(person: Person) -> None:
    follower = Follower(person)

    async def follow() -> tuple[int, list[str]]:
        counted, rows = 0, []
        async with follower.following() as answer:
            await follower.append(*(f"line {nth} of many" for nth in range(MOST_ROWS + 500)))
            while counted < MOST_ROWS + 500:
                _, count, found = await message(answer)
                assert len(found) == min(count, MOST_ROWS)
                counted, rows = counted + count, found
        return counted, rows

    counted, rows = asyncio.run(follow())
    assert counted == MOST_ROWS + 500
    assert f"line {counted - 1} of many" in rows[-1]


@pytest.mark.parametrize("search", ["?query=status:high", "?filters=[", "?after=nowhere", "?last=soon"])
def test_what_cannot_be_meant_is_refused_in_words(person: Person, search: str) -> None:
    follower = Follower(person)

    async def ask() -> tuple[int, bytes]:
        async with opened(f"{follower.path}{search}", headers=follower.headers) as answer:
            return answer.status, await answer.all()

    status, body = asyncio.run(ask())
    assert status == 422
    assert b'"message":' in body
