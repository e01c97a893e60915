"""What is new in a stream's lifecycle, as it happens. Nothing is held while there is nothing to tell."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from django.db import connections
from django.utils import timezone

from apps.accounts.callers import PlanLimits
from apps.accounts.scope import team_scope
from apps.lifecycle import builds, events
from apps.lifecycle.builds import Chunk
from apps.lifecycle.changes import last_change, watch
from apps.lifecycle.events import Wanted
from apps.lifecycle.models import BuildLog, LifecycleEvent
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


async def follow_events(
    stream: StreamRef, wanted: Wanted, *, after: int, plan: PlanLimits
) -> AsyncIterator[Sequence[LifecycleEvent]]:
    """What changes behind `after`; an event that is counted once more is told once more.

    Raises NotThere when the stream is deleted.
    """
    while True:
        upto = await watch().beyond(stream, after)
        found = await in_team(stream.team_id, partial(_events, stream, wanted, after, upto, plan))
        if found:
            yield found
        after = upto


async def follow_build(build: BuildLog, *, start: int) -> AsyncIterator[Sequence[Chunk]]:
    """The log from the byte `start` on, until the build is finished or forgotten.

    Raises NotThere when the stream is deleted.
    """
    while True:
        news = await in_team(build.team_id, partial(_news, build, start))
        if news.chunks:
            start = news.chunks[-1].end
            yield news.chunks
        elif news.is_over:
            return
        else:
            await watch().beyond(build.stream.ref, news.change)


@dataclass(frozen=True, slots=True)
class _News:
    change: int
    chunks: list[Chunk]
    is_over: bool


def _events(stream: StreamRef, wanted: Wanted, after: int, upto: int, plan: PlanLimits) -> Sequence[LifecycleEvent]:
    return events.between(stream.stream_id, wanted, after=after, upto=upto, plan=plan, now=timezone.now())


def _news(build: BuildLog, start: int) -> _News:
    """In this order: what comes after a question is told by the next one, and nothing comes after the end."""
    change = last_change(build.stream.ref)
    is_over = not BuildLog.objects.filter(pk=build.pk, finished_at__isnull=True).exists()
    return _News(change, builds.read(build.pk, start), is_over)
