"""What is new in a stream's lifecycle, as it happens. Nothing is held while there is nothing to tell."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import connections
from django.utils import timezone

from apps.accounts.callers import Caller, PlanLimits
from apps.accounts.errors import NotThere
from apps.accounts.scope import team_scope
from apps.lifecycle import builds, events
from apps.lifecycle.builds import Chunk
from apps.lifecycle.changes import last_change, watch
from apps.lifecycle.events import Wanted
from apps.lifecycle.models import BuildLog, LifecycleEvent
from apps.tail.ends import StreamDeleted
from apps.tail.following import following
from tailsvc.storage.base import StreamRef

T = TypeVar("T")


async def in_team(team_id: int, work: Callable[[], T]) -> T:
    """Do it in a thread, in the team's scope."""

    def scoped() -> T:
        try:
            with team_scope(team_id):
                return work()
        finally:
            connections.close_all()  # gives this thread's connection back to the pool

    return await asyncio.to_thread(scoped)


class ChangeFollower:
    """Waits for changes of one stream's lifecycle, until it is ended."""

    def __init__(self, stream: StreamRef) -> None:
        self.stream = stream
        self._reason: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def end(self, reason: Exception) -> None:
        if not self._reason.done():
            self._reason.set_result(reason)

    async def beyond(self, seen: int, seconds: float | None) -> int | None:
        """The last change, once it is greater than `seen`; None after so many seconds. Raises Ended."""
        change = asyncio.ensure_future(watch().beyond(self.stream, seen))
        either: set[asyncio.Future[Any]] = {change, self._reason}
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._reason.done():
                raise self._reason.result()
            return change.result() if change.done() else None
        except NotThere:
            raise StreamDeleted from None
        finally:
            change.cancel()
            if change.done() and not change.cancelled():
                change.exception()  # looked at, even where another reason was told


@asynccontextmanager
async def change_follower(caller: Caller, stream: StreamRef) -> AsyncIterator[ChangeFollower]:
    """Counted against the caller's plan, ended with the stream or the caller's rights. Raises Problem 429."""
    follower = ChangeFollower(stream)
    async with following().admit(caller, stream, follower):
        yield follower


async def follow_events(
    follower: ChangeFollower, wanted: Wanted, *, after: int, plan: PlanLimits, silence: float | None = None
) -> AsyncIterator[Sequence[LifecycleEvent]]:
    """What changes behind `after`; an event that is counted once more is told once more.

    Nothing, after so many seconds of silence. Raises Ended.
    """
    stream = follower.stream
    while True:
        upto = await follower.beyond(after, silence)
        if upto is None:
            yield ()
            continue
        found = await in_team(stream.team_id, partial(_events, stream, wanted, after, upto, plan))
        if found:
            yield found
        after = upto


async def follow_build(
    follower: ChangeFollower, build: BuildLog, *, start: int, silence: float | None = None
) -> AsyncIterator[Sequence[Chunk]]:
    """The log from the byte `start` on, until the build is finished or forgotten.

    Nothing, after so many seconds of silence. Raises Ended.
    """
    while True:
        news = await in_team(build.team_id, partial(_news, build, start))
        if news.chunks:
            start = news.chunks[-1].end
            yield news.chunks
        elif news.is_over:
            return
        elif await follower.beyond(news.change, silence) is None:
            yield ()


@dataclass(frozen=True, slots=True)
class _News:
    change: int
    chunks: list[Chunk]
    is_over: bool


def _events(stream: StreamRef, wanted: Wanted, after: int, upto: int, plan: PlanLimits) -> Sequence[LifecycleEvent]:
    return events.between(stream.stream_id, wanted, after=after, upto=upto, plan=plan, now=timezone.now())


def _news(build: BuildLog, start: int) -> _News:
    """In this order: what comes after a question is told by the next one, and nothing comes after the end."""
    try:
        change = last_change(build.stream.ref)
    except NotThere:
        raise StreamDeleted from None
    is_over = not BuildLog.objects.filter(pk=build.pk, finished_at__isnull=True).exists()
    return _News(change, builds.read(build.pk, start), is_over)
