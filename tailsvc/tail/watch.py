"""One stream that is followed in this process: what is new of it is read once, by one task, for all its followers."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import structlog

from tailsvc import limits
from tailsvc.deadlines import Deadline
from tailsvc.errors import FilterTooCostly, StorageUnavailable, TookTooLong, UnknownStream
from tailsvc.events import StoredEvent
from tailsvc.filters import Filter
from tailsvc.storage.base import EventStore, StreamRef, Tip
from tailsvc.storage.stretch import Stretch

T = TypeVar("T")
# Makes of events what a follower is sent; the epoch is for their positions. One function for many followers: what it
# made for one is given to the others.
Render = Callable[[UUID, Sequence[StoredEvent]], T]
# Runs a function in a thread.
InThread = Callable[[Callable[[], T]], Awaitable[T]]

# After a read the next one waits so long: with many small appends a read for each would cost more than they do.
PAUSE_SECONDS = 0.008
RETRY_SECONDS = 0.5
# What was read is kept for followers that are a little behind; the others read for themselves.
KEPT_STRETCHES = 16
KEPT_SECONDS = 5.0
MOST_EVENTS = 2_000
# Events may have any size: after each read the next one is cut so that it has about this length. A follower that does
# not read holds a chunk of it until it is cut.
READ_BYTES = 512 * 1024
FIRST_EVENTS = 64

_log = structlog.get_logger(__name__)


class Pace:
    """How many events to read next, so that a read has about READ_BYTES; grows slowly, for what comes is unknown."""

    def __init__(self) -> None:
        self.most = FIRST_EVENTS

    def note(self, stretch: Stretch) -> None:
        fitting = READ_BYTES * len(stretch) // stretch.bytes if stretch.bytes else MOST_EVENTS
        self.most = max(1, min(MOST_EVENTS, fitting, 4 * self.most))


class Shared:
    """A stretch, and what was made of it for one follower or another."""

    def __init__(self, stretch: Stretch, in_thread: "InThread[Any]") -> None:
        self.stretch = stretch
        self.read_at = time.monotonic()
        self._in_thread = in_thread
        self._made: dict[Hashable, asyncio.Future[tuple[int, Any]]] = {}

    async def rendered(self, condition: Filter, render: "Render[T]") -> tuple[int, T]:
        """How many events match, and what `render` made of them."""
        key = (condition, render)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = asyncio.ensure_future(self._make(condition, render))
        found: tuple[int, T] = await asyncio.shield(made)
        return found

    async def _make(self, condition: Filter, render: "Render[T]") -> tuple[int, T]:
        made: tuple[int, T] = await self._in_thread(lambda: render_stretch(self.stretch, condition, render))
        return made


def render_stretch(stretch: Stretch, condition: Filter, render: "Render[T]") -> tuple[int, T]:
    """Raises FilterTooCostly."""
    try:
        with Deadline(limits.FOLLOW_SECONDS, time.thread_time).holds():
            found = stretch.matching(condition)
    except TookTooLong as error:
        raise FilterTooCostly(
            "The filter takes too long on the lines of this stream; narrow it, or search instead."
        ) from error
    return len(found), render(stretch.head.epoch, found)


class Watch:
    """`tip` is how far the shared reading came, and in which epoch."""

    def __init__(self, store: EventStore, stream: StreamRef, tip: Tip, in_thread: "InThread[Any]") -> None:
        self.stream = stream
        self.tip = tip
        self.followers = 0
        self.in_thread = in_thread
        self._store = store
        self._kept: deque[Shared] = deque()
        self._moved = asyncio.Event()
        self._dirty = False
        self._reading: asyncio.Task[None] | None = None
        self._pace = Pace()

    def behind(self, after: int) -> Shared | None:
        """What was read and begins at that very id."""
        return next((one for one in self._kept if one.stretch.after == after < one.stretch.upto), None)

    def forget(self, shared: Shared) -> None:
        if shared in self._kept:
            self._kept.remove(shared)

    async def wait(self, seconds: float) -> bool:
        """Whether something moved within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def hint(self) -> None:
        """There may be more than was read."""
        self._dirty = True
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())

    def note_tip(self, tip: Tip) -> None:
        """How far the stream is by now, as a poll saw it; forgets what nobody needs any more."""
        edge = time.monotonic() - KEPT_SECONDS
        while self._kept and self._kept[0].read_at < edge:
            self._kept.popleft()
        if tip != self.tip:
            self.hint()

    def wake(self) -> None:
        """All who wait shall look what there is."""
        self._moved.set()
        self._moved = asyncio.Event()

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                pause = PAUSE_SECONDS if await self._read_once() else RETRY_SECONDS
                await asyncio.sleep(pause)
        finally:
            self._reading = None

    async def _read_once(self) -> bool:
        after, most = self.tip.last_id, self._pace.most
        try:
            stretch = await self.in_thread(lambda: self._store.stretch(self.stream, after, most=most))
        except UnknownStream:
            return True  # purged; those who follow are told by whoever deleted it
        except StorageUnavailable as error:
            _log.warning("following waits for the database", stream=self.stream.stream_id, error=str(error))
            self._dirty = True
            return False
        self._take(stretch)
        return True

    def _take(self, stretch: Stretch) -> None:
        self._pace.note(stretch)
        head = stretch.head
        if head.epoch != self.tip.epoch or head.last_id < self.tip.last_id:  # restored: other events have these ids
            self._kept.clear()
            self.tip = Tip(head.epoch, head.last_id)
            self.wake()
            return
        self._dirty |= stretch.upto < head.last_id
        if stretch.upto > stretch.after:
            self._kept.append(Shared(stretch, self.in_thread))
            if len(self._kept) > KEPT_STRETCHES:
                self._kept.popleft()
            self.tip = Tip(head.epoch, stretch.upto)
            self.wake()
