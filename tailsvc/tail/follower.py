"""One follower: its position, and what comes next."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from tailsvc.errors import FilterTooCostly, StorageUnavailable
from tailsvc.filters import Filter
from tailsvc.storage.base import EventStore
from tailsvc.storage.stretch import Stretch
from tailsvc.tail.starting import Start
from tailsvc.tail.watch import RETRY_SECONDS, Pace, Render, Shared, Watch, render_stretch

T = TypeVar("T")
# With what a follower ends whose filter takes too long.
TooCostly = Callable[[FilterTooCostly], Exception]


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """What a follower is sent next: `made` of `events` events, none where only something is to be told.

    `missing` events of those between the last chunk and this are no more, whether they would have matched or not.
    With `restored`, the stream was restored from a backup: what came before may be repeated or lost.
    """

    after: int
    upto: int
    epoch: UUID
    events: int
    made: T | None
    missing: int = 0
    restored: bool = False


class Follower(Generic[T]):
    """Of one stream, with a filter. Read by one task at a time: it never holds more than one chunk."""

    def __init__(
        self,
        store: EventStore,
        watch: Watch,
        start: Start,
        condition: Filter,
        render: "Render[T]",
        *,
        leave: Callable[["Follower[Any]"], None],
        too_costly: "TooCostly",
    ) -> None:
        self.after = start.after
        self.epoch = start.epoch
        self._store = store
        self._watch = watch
        self._start = start
        self._condition = condition
        self._render = render
        self._leave = leave
        self._too_costly = too_costly
        self._pace = Pace()
        self._ending: Exception | None = None

    @property
    def behind(self) -> int:
        """How many events it has not been sent, as far as this process knows; of all, not of those that match."""
        return self._watch.tip.last_id - self.after

    def end(self, reason: Exception) -> None:
        """Let `next` raise this, now and from now on."""
        self._ending = self._ending or reason
        self._watch.wake()

    def close(self) -> None:
        self._leave(self)

    async def next(self, seconds: float) -> Chunk[T] | None:
        """The next chunk; None after so many seconds in which nothing came that matches.

        Raises what `end` was given, and what `too_costly` made where its filter takes too long. Waits for the database
        where it is away.
        """
        until = time.monotonic() + seconds
        while True:
            if self._ending is not None:
                raise self._ending
            left = until - time.monotonic()
            chunk = await self._step(max(left, 0))
            if chunk is not None and (chunk.events or chunk.missing or chunk.restored):
                return chunk
            if left <= 0:
                return None

    async def _step(self, seconds: float) -> Chunk[T] | None:
        if self._start.restored or self._watch.tip.epoch != self.epoch:
            return self._restore()
        shared = self._watch.behind(self.after)
        try:
            if shared is not None:
                return await self._take_shared(shared)
            if self.after < self._watch.tip.last_id:
                return await self._read()
        except FilterTooCostly as error:
            self.end(self._too_costly(error))
            return None
        except StorageUnavailable:
            seconds = min(seconds, RETRY_SECONDS)
        await self._watch.wait(seconds)
        return None

    async def _take_shared(self, shared: Shared) -> Chunk[T]:
        try:
            events, made = await shared.rendered(self._condition, self._render)
        except StorageUnavailable:
            self._watch.forget(shared)  # so that each reads it again, without what is broken
            raise
        return self._told(shared.stretch, events, made)

    async def _read(self) -> Chunk[T]:
        """For itself: what lies behind it is not, or no longer, among what was read for all."""
        stretch, events, made = await self._watch.in_thread(self._read_in_thread)
        if stretch.head.epoch != self.epoch:
            self._watch.hint()
            raise StorageUnavailable("The stream was restored; the watch is about to notice.")
        self._pace.note(stretch)
        return self._told(stretch, events, made)

    def _read_in_thread(self) -> tuple[Stretch, int, T]:
        # Events before the start's time are left out only as far as the catch-up goes.
        is_catching_up = self.after < self._start.caught_up
        upto = min(self._start.caught_up, self._watch.tip.last_id) if is_catching_up else self._watch.tip.last_id
        since = self._start.since if is_catching_up else None
        stretch = self._store.stretch(self._watch.stream, self.after, most=self._pace.most, upto=upto, start=since)
        return stretch, *render_stretch(stretch, self._condition, self._render)

    def _told(self, stretch: Stretch, events: int, made: T) -> Chunk[T]:
        is_told = self._start.tells_missing or stretch.after >= self._start.caught_up
        missing = stretch.missing if is_told else 0
        self.after = max(self.after, stretch.upto)
        return Chunk(stretch.after, stretch.upto, stretch.head.epoch, events, made if events else None, missing)

    def _restore(self) -> Chunk[T]:
        tip = self._watch.tip
        self.epoch, self.after = tip
        self._start = Start(tip.last_id, tip.epoch)
        return Chunk(tip.last_id, tip.last_id, tip.epoch, 0, None, restored=True)
