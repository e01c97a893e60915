"""One upkeep of all streams: those that have most to do first, a step at a time. Safe to run twice at once.

And what operators ask of all streams: how much they hold, and whether it is whole.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import structlog

from apps.accounts.models import Team
from apps.accounts.scope import maintenance
from apps.engine import store
from apps.http import metrics
from apps.streams.models import Stream
from apps.streams.services import RESTORABLE_FOR
from tailsvc.errors import StorageUnavailable, StorageUnreachable
from tailsvc.storage.base import Progress, StreamRef, StreamSize

# A run gives way to the next after this long, so that a stream that never rests does not hold up the others.
_RUN_SECONDS = 20.0
_ERASE_SECONDS = 10.0  # likewise, for what was deleted
_TIDY_SECONDS = 10.0
# Two at once would hold twice the memory, and share one interpreter all the same.
_sweeping = threading.Lock()
_log = structlog.get_logger(__name__)
_tidied_at = 0.0
# Streams whose last step failed: they come last, so that the time which they take is not that of the others.
_failing: set[int] = set()


def sweep(*, now: datetime) -> int:
    """Do what is due; how many steps that took: none where another thread of this process is at it."""
    if not _sweeping.acquire(blocking=False):
        return 0
    try:
        return _sweep(now)
    finally:
        _sweeping.release()


def _sweep(now: datetime) -> int:
    steps, deadline, at = 0, time.monotonic() + _RUN_SECONDS, _micros(now)
    waiting = store().waiting(now=at)
    _failing.intersection_update(stream.stream_id for stream in waiting)
    for stream in sorted(waiting, key=lambda one: one.stream_id in _failing):
        _failing.discard(stream.stream_id)
        steps += _keep_up(stream, lambda stream=stream: store().compact(stream, now=at), deadline)  # type: ignore[misc]
        if time.monotonic() >= deadline:
            break
    steps += _erase(waiting)
    if steps:
        _tidy(every=_TIDY_SECONDS)
    return steps


def _erase(streams: Sequence[StreamRef]) -> int:
    """In turns, a step of each: a deletion may be hours of work, and compaction must not wait for it."""
    steps, deadline, left = 0, time.monotonic() + _ERASE_SECONDS, deque(streams)
    while left and time.monotonic() < deadline:
        stream = left.popleft()
        if _keep_up(stream, lambda stream=stream: store().erase(stream), most=1):  # type: ignore[misc]
            steps += 1
            left.append(stream)
    return steps


def everything(*, now: datetime) -> int:
    """Do all that there is to do, due or not; how many steps that took."""
    steps, at = 0, _micros(now)
    for stream in _streams():
        steps += _keep_up(stream, lambda stream=stream: store().compact(stream, now=at, force=True))  # type: ignore[misc]
        steps += _keep_up(stream, lambda stream=stream: store().erase(stream))  # type: ignore[misc]
    _tidy()
    return steps


def team_slugs() -> list[str]:
    with maintenance():
        return list(Team.objects.values_list("slug", flat=True))


def streams_by_team() -> list[Stream]:
    """Of all teams, with them, in their order; deleted ones too, until they are purged."""
    with maintenance():
        return list(Stream.objects.select_related("team").order_by("team__slug", "name", "pk"))


def sizes(streams: Iterable[Stream]) -> dict[int, StreamSize]:
    """By stream id. The streams of a team stand side by side: each team is one question to the store."""
    found: dict[int, StreamSize] = {}
    for _, of_team in groupby(streams, key=lambda stream: stream.team_id):
        found |= store().sizes([stream.ref for stream in of_team])
    return found


def problems(stream: Stream, *, now: datetime, progress: Progress) -> list[str]:
    """What is wrong with what the stream holds. Raises StorageUnreachable."""
    if stream.deleted_at is not None and stream.deleted_at <= now - RESTORABLE_FOR:
        return []  # it is being purged, in several steps: half of it may be gone
    try:
        return store().check(stream.ref, progress=progress)
    except StorageUnreachable:
        raise
    except StorageUnavailable as error:
        return [f"Not checked: {error}"]


def _keep_up(
    stream: StreamRef, step: Callable[[], bool], deadline: float = float("inf"), most: float = float("inf")
) -> int:
    """How many steps it took, at most. The next run tries again what failed; other streams need not wait for it."""
    steps = 0
    try:
        while steps < most and time.monotonic() < deadline and _timed(step):
            steps += 1
    except StorageUnavailable as error:
        _failing.add(stream.stream_id)
        _log.warning("upkeep put off", stream=stream.stream_id, team=stream.team_id, error=str(error))
    except Exception:  # noqa: BLE001 (what one tenant sent must not stop the upkeep of all)
        _failing.add(stream.stream_id)
        _log.exception("upkeep failed", stream=stream.stream_id, team=stream.team_id)
    return steps


def _timed(step: Callable[[], bool]) -> bool:
    with metrics.COMPACTION_SECONDS.time():
        return step()


def _tidy(*, every: float = 0.0) -> None:
    global _tidied_at  # noqa: PLW0603 (one clock for all threads of the worker)
    if time.monotonic() - _tidied_at >= every:
        _tidied_at = time.monotonic()
        store().tidy()


def _streams() -> Iterator[StreamRef]:
    with maintenance():
        found = list(Stream.objects.order_by("pk"))
    for stream in found:
        yield stream.ref


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
