"""How much is held at a time."""

import asyncio

import pytest

from apps.ingest.room import Room
from tailsvc.errors import StorageUnavailable


def test_a_request_waits_until_there_is_room() -> None:
    async def run() -> list[str]:
        room, told = Room(size=100, patience=5), []

        async def request(name: str, size: int, hold: asyncio.Event) -> None:
            with room.enter() as share:
                await share.grow_to(size // 2)
                await share.grow_to(size)
                told.append(f"{name} in")
                await hold.wait()
            told.append(f"{name} out")

        first, second = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(request("a", 80, first)), asyncio.create_task(request("b", 90, second))]
        while told != ["a in"]:
            await asyncio.sleep(0.01)
        first.set()
        second.set()
        await asyncio.gather(*tasks)
        assert room.held == 0
        return told

    assert asyncio.run(run()) == ["a in", "a out", "b in", "b out"]


def test_who_waits_too_long_is_told_to_come_back() -> None:
    async def run() -> None:
        room = Room(size=100, patience=0.1)
        with room.enter() as full:
            await full.grow_to(100)
            with pytest.raises(StorageUnavailable), room.enter() as late:
                await late.grow_to(1)
        assert room.held == 0

    asyncio.run(run())


def test_an_empty_room_takes_even_what_is_larger_than_itself() -> None:
    async def run() -> None:
        room = Room(size=100)
        with room.enter() as share:
            await share.grow_to(1000)
            assert room.held == 1000

    asyncio.run(run())
