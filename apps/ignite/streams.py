"""The calls that have no end. Each admits a follower, and then yields what comes, written in the transport's form.

Raise Problem before the first yield, Ended afterwards.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.utils import timezone
from google.protobuf.message import Message

from apps.ignite.calls import wanted_of
from apps.ignite.messages import app_event, compile_chunk
from apps.ignite.visitors import Visitor
from apps.lifecycle import builds
from apps.lifecycle.changes import last_change
from apps.lifecycle.following import change_follower, follow_build, follow_events, in_team
from apps.tail.following import Endable, following
from tailsvc import retention
from tailsvc.dialects.ignite import compute_pb2 as pb
from tailsvc.dialects.ignite.lines import log_line
from tailsvc.events import StoredEvent
from tailsvc.filters import EVERYTHING
from tailsvc.sources import emitted_by
from tailsvc.storage.base import EventStore
from tailsvc.tail import Follower, Start

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_FAR = 3600.0  # a transport that has no word for silence is told nothing


class Form(Protocol[T_co]):
    """How a transport writes messages. One object for all: what was written for one follower serves the others."""

    silence: float | None  # after so many seconds without a message, `nothing` is sent

    def write(self, messages: Iterable[Message]) -> T_co: ...

    def lines(self, epoch: UUID, events: Sequence[StoredEvent]) -> T_co:
        """As the hub wants it."""

    def nothing(self) -> T_co: ...


# What the transport ends when its client is gone, and what it sends.
Opened = tuple[Endable, AsyncIterator[T]]
Stream = Callable[[Visitor, Any, Form[T]], AbstractAsyncContextManager[Opened[T]]]


def log_lines(events: Sequence[StoredEvent]) -> Iterable[Message]:
    return (log_line(stored.event) for stored in events)


@asynccontextmanager
async def stream_app_logs(
    visitor: Visitor, request: pb.StreamAppLogsRequest, form: Form[T]
) -> AsyncIterator[Opened[T]]:
    condition = emitted_by(request.replica_id) if request.replica_id else EVERYTHING
    begin = partial(_begin, visitor, request.from_start)
    async with following().follow(visitor.caller, visitor.stream.ref, begin, condition, form.lines) as follower:
        yield follower, _lines(follower, form)


@asynccontextmanager
async def stream_app_events(
    visitor: Visitor, request: pb.StreamAppEventsRequest, form: Form[T]
) -> AsyncIterator[Opened[T]]:
    wanted = wanted_of(request.severity, request.replica_id)
    stream, plan = visitor.stream.ref, visitor.caller.plan
    async with change_follower(visitor.caller, stream) as follower:
        after = await in_team(stream.team_id, partial(last_change, stream))
        found = follow_events(follower, wanted, after=after, plan=plan, silence=form.silence)
        yield follower, _written(found, app_event, form)


@asynccontextmanager
async def stream_compile_logs(
    visitor: Visitor, request: pb.StreamCompileLogsRequest, form: Form[T]
) -> AsyncIterator[Opened[T]]:
    caller = visitor.caller
    find = partial(builds.find_by_deploy, request.deploy_id, plan=caller.plan, now=timezone.now())
    build = await in_team(caller.team_id, find)
    start = 0 if request.from_start else build.size
    async with change_follower(caller, build.stream.ref) as follower:
        found = follow_build(follower, build, start=start, silence=form.silence)
        yield follower, _written(found, compile_chunk, form)


STREAMS: dict[str, Stream[Any]] = {
    "StreamAppLogs": stream_app_logs,
    "StreamAppEvents": stream_app_events,
    "StreamCompileLogs": stream_compile_logs,
}


async def _lines(follower: Follower[T], form: Form[T]) -> AsyncIterator[T]:
    while True:
        chunk = await follower.next(form.silence or _FAR)
        if chunk is not None and chunk.made is not None:
            yield chunk.made
        elif form.silence is not None:
            yield form.nothing()


async def _written(
    found: AsyncIterator[Sequence[Any]], message_of: Callable[[Any], Message], form: Form[T]
) -> AsyncIterator[T]:
    async for some in found:
        yield form.write(map(message_of, some)) if some else form.nothing()


def _begin(visitor: Visitor, from_start: bool, store: EventStore) -> Start:  # noqa: FBT001 (the request's flag)
    """In a thread. What a replica said since its start is what is kept of it: none takes another's name."""
    stream = visitor.stream
    head = store.head(stream.ref)
    if not from_start:
        return Start.now(head)
    edge = retention.edge(visitor.retention, round(timezone.now().timestamp() * 1_000_000))
    return Start.since_time(store, stream.ref, head, edge)
