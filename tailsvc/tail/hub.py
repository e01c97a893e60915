"""All followers of one process."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from tailsvc.filters import Filter
from tailsvc.storage.base import EventStore, StreamRef, Tip
from tailsvc.tail.follower import Follower, TooCostly
from tailsvc.tail.starting import Start
from tailsvc.tail.watch import Render, Watch

T = TypeVar("T")
# Reading and rendering for followers: two at a time, so that a thousand that catch up leave room for queries.
THREADS = 2
# To find out where a follower begins may take a whole query: whoever follows already does not wait for it.
BEGINNING_THREADS = 4

_log = structlog.get_logger(__name__)


class Hub:
    """Made and used on one event loop; `hint` alone may be called from any thread.

    `poll_seconds()` is asked before each look at the streams' heads: often where no hints arrive, seldom where they do.
    `too_costly` makes what a follower raises whose filter takes too long.
    """

    def __init__(self, store: EventStore, *, poll_seconds: Callable[[], float], too_costly: TooCostly) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._too_costly = too_costly
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tail")
        self._beginning = ThreadPoolExecutor(BEGINNING_THREADS, thread_name_prefix="tail-begin")
        self._watches: dict[int, Watch] = {}
        self._followers: set[Follower[Any]] = set()
        self._polling: asyncio.Task[None] | None = None

    @property
    def followers(self) -> "Iterable[Follower[Any]]":
        return tuple(self._followers)

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._threads, work)

    async def begin(self, work: Callable[[], T]) -> T:
        """In another thread than those that read for followers."""
        return await self._loop.run_in_executor(self._beginning, work)

    def hint(self, streams: Iterable[int]) -> None:
        """Something was appended to these streams. From any thread."""
        followed = [stream for stream in streams if stream in self._watches]
        if followed:
            with suppress(RuntimeError):  # the loop was closed just now
                self._loop.call_soon_threadsafe(self._hint, followed)

    def follow(self, stream: StreamRef, start: Start, condition: Filter, render: "Render[T]") -> "Follower[T]":
        """Close it in the end."""
        watch = self._watches.get(stream.stream_id)
        if watch is None:
            tip = Tip(start.epoch, max(start.after, start.caught_up))
            watch = self._watches[stream.stream_id] = Watch(self._store, stream, tip, self.in_thread)
        watch.followers += 1
        follower = Follower(
            self._store,
            watch,
            start,
            condition,
            render,
            leave=lambda one: self._leave(one, watch),
            too_costly=self._too_costly,
        )
        self._followers.add(follower)
        watch.hint()  # since the start was looked up, something may have come
        if self._polling is None:
            self._polling = asyncio.ensure_future(self._poll())
        return follower

    def end_all(self, reason: Exception) -> None:
        for follower in self.followers:
            follower.end(reason)

    def close(self) -> None:
        """When nobody follows any more."""
        if self._polling is not None:
            self._polling.cancel()
        for watch in self._watches.values():
            watch.close()
        for threads in (self._threads, self._beginning):
            threads.shutdown(wait=False, cancel_futures=True)

    def _hint(self, streams: Iterable[int]) -> None:
        for stream in streams:
            watch = self._watches.get(stream)
            if watch is not None:
                watch.hint()

    def _leave(self, follower: "Follower[Any]", watch: Watch) -> None:
        if follower not in self._followers:
            return
        self._followers.discard(follower)
        watch.followers -= 1
        if watch.followers == 0:
            watch.close()
            del self._watches[watch.stream.stream_id]

    async def _poll(self) -> None:
        """Hints are lost, and without Redis there are none: look at the heads of all streams that are followed."""
        try:
            while self._watches:
                await asyncio.sleep(self._poll_seconds())
                await self._poll_once()
        finally:
            self._polling = None

    async def _poll_once(self) -> None:
        watches = list(self._watches.values())
        try:
            tips = await self.in_thread(lambda: self._store.tips([watch.stream for watch in watches]))
        except Exception as error:  # noqa: BLE001 (whatever it is, followers must not be left without hints)
            _log.warning("followers wait for the database", error=repr(error))
            return
        for watch in watches:
            tip = tips.get(watch.stream.stream_id)
            if tip is not None:
                watch.note_tip(tip)
