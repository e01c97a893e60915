"""How much of what clients are sending one process holds at a time.

A single body may be large, and many may come at once: beyond the limit a request waits for others to be answered, and
gets a 503 if that takes too long. Agents drop what is refused, so waiting comes first.
"""

import asyncio
import time

from tailsvc import limits
from tailsvc.errors import StorageUnavailable

_LOOK_AGAIN_SECONDS = 0.02


class Room:
    """Bytes held on one event loop. A request that finds the room empty may always enter: nothing waits for ever."""

    def __init__(self, size: int = limits.RECEIVING_BYTES, patience: float = limits.WAITING_SECONDS) -> None:
        self._size = size
        self._patience = patience
        self.held = 0

    def enter(self) -> "Share":
        return Share(self)

    async def take(self, count: int) -> None:
        give_up = time.monotonic() + self._patience
        while self.held and self.held + count > self._size:
            if time.monotonic() >= give_up:
                raise StorageUnavailable("Too much is being received at once; try again.")
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        self.held += count


class Share:
    """One request's part of the room, given back when it is answered."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    async def grow_to(self, size: int) -> None:
        if size > self._held:
            await self._room.take(size - self._held)
            self._held = size

    def __enter__(self) -> "Share":
        return self

    def __exit__(self, *_: object) -> None:
        self._room.held -= self._held
