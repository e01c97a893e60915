"""Answering questions about a stream: pages, one event, its surroundings."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from apps.engine import store
from apps.http import metrics
from apps.query import counts
from apps.query.questions import Question, read_filters
from tailsvc import cursors, retention
from tailsvc.cursors import Cursor, require_same
from tailsvc.errors import CursorExpired, InvalidQuery
from tailsvc.events import StoredEvent
from tailsvc.filters import Ignored
from tailsvc.queries import Direction, Page, Position, Scan, Selection
from tailsvc.storage.base import StreamRef

_CURSOR_KEY = f"cursor {settings.SECRET_KEY}".encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """A stream, as far as a question needs to know it."""

    ref: StreamRef
    uuid: UUID
    retention: timedelta  # its own, within the plan
    plan_retention: timedelta


@dataclass(frozen=True, slots=True)
class Found:
    events: list[StoredEvent]
    next_cursor: str | None
    total: int | None
    ignored: list[Ignored]


@dataclass(frozen=True, slots=True)
class _Walk:
    """A question and, from the second page on, the cursor's memory of it."""

    question: Question
    cursor: Cursor | None
    direction: Direction
    until: int | None
    edge: int

    @property
    def selection(self) -> Selection:
        start = self.edge
        if self.question.start_ms is not None:
            start = max(start, self.question.start_ms * 1000)
        as_of = self.cursor.as_of if self.cursor else None
        return Selection(start, self.until, self.question.filter, as_of)


def search(stream: Asked, question: Question, *, now: datetime) -> Found:
    """One page, and where the next begins. Raises the engine's errors."""
    walk = _begin(stream, question, _micros(now)) if question.cursor is None else _resume(stream, question, now)
    after = walk.cursor.position if walk.cursor else None
    with metrics.QUERY_SECONDS.labels("page").time():
        page = store().scan(stream.ref, Scan(walk.selection, question.limit, walk.direction, after))
    _require_epoch(stream, walk, page)
    total = _total(stream, walk, page)
    return Found(list(page.events), _next_cursor(stream, walk, page, total), total, walk.question.ignored)


def get_event(stream: Asked, event_id: int, *, now: datetime) -> StoredEvent | None:
    found = store().get(stream.ref, event_id)
    if found is None or found.event.timestamp < retention.edge(stream.retention, _micros(now)):
        return None
    return found


def surroundings(
    stream: Asked, event: StoredEvent, *, before: int, after: int, now: datetime
) -> tuple[list[StoredEvent], list[StoredEvent]]:
    """The events around this one, both lists oldest first."""
    everything = Selection(start=retention.edge(stream.retention, _micros(now)))
    place = Position(event.event.timestamp, event.id)

    def beside(count: int, direction: Direction) -> list[StoredEvent]:
        return list(store().scan(stream.ref, Scan(everything, count, direction, place)).events) if count else []

    return beside(before, Direction.NEWEST_FIRST)[::-1], beside(after, Direction.OLDEST_FIRST)


def _begin(stream: Asked, question: Question, now: int) -> _Walk:
    plan_edge = retention.edge(stream.plan_retention, now)
    # Compared in milliseconds, as the client counts.
    if question.start_ms is not None and question.start_ms < plan_edge // 1000:
        hours = round(stream.plan_retention.total_seconds() / 3600)
        raise InvalidQuery("start_time", f"The plan keeps logs for {hours} hours; the window begins before that.")
    until = _end_of(question, now)
    direction = question.direction or Direction.NEWEST_FIRST
    return _Walk(question, None, direction, until, retention.edge(stream.retention, now))


def _resume(stream: Asked, question: Question, now: datetime) -> _Walk:
    cursor = cursors.read(
        question.cursor or "", team_id=stream.ref.team_id, stream_id=stream.ref.stream_id, key=_CURSOR_KEY
    )
    require_same("start_time", question.start_ms, cursor.start_ms)
    require_same("end_time", question.end_ms, cursor.end_ms)
    require_same("filters", question.filters, cursor.filters)
    require_same("direction", question.direction, cursor.direction)
    edge = retention.edge(stream.retention, _micros(now))
    if cursor.position.timestamp < edge:
        raise CursorExpired("The cursor's position lies behind the stream's retention; start again without it.")
    resumed = replace(question, start_ms=cursor.start_ms, end_ms=cursor.end_ms)
    if question.filters is None and cursor.filters:
        resumed = replace(resumed, filters=cursor.filters, filter=read_filters(cursor.filters))
    return _Walk(resumed, cursor, cursor.direction, cursor.until, edge)


def _end_of(question: Question, now: int) -> int | None:
    """The end that counts, in microseconds: a given millisecond to its last; now where only a start was given."""
    if question.end_ms is not None:
        return question.end_ms * 1000 + 999
    return None if question.is_tail else now


def _require_epoch(stream: Asked, walk: _Walk, page: Page) -> None:
    if walk.cursor is None:
        return
    head = page.head or store().head(stream.ref)
    if head.epoch != walk.cursor.epoch:
        raise CursorExpired("The stream was restored since the cursor was made; start again without it.")


def _total(stream: Asked, walk: _Walk, page: Page) -> int | None:
    if walk.question.is_tail or not walk.question.total:
        return None
    if walk.cursor is not None and walk.cursor.total is not None:
        return walk.cursor.total
    as_of = walk.cursor.as_of if walk.cursor else page.head.last_id if page.head else None
    return counts.total(stream.ref, walk.question, replace(walk.selection, as_of=as_of))


def _next_cursor(stream: Asked, walk: _Walk, page: Page, total: int | None) -> str | None:
    if not page.has_more or page.head is None:
        return None
    last = page.events[-1]
    cursor = Cursor(
        position=Position(last.event.timestamp, last.id),
        epoch=page.head.epoch,
        as_of=walk.cursor.as_of if walk.cursor else page.head.last_id,
        start_ms=walk.question.start_ms,
        end_ms=walk.question.end_ms,
        until=walk.until,
        filters=walk.question.filters or "",
        query="",
        direction=walk.direction,
        total=total if total is not None else walk.cursor.total if walk.cursor else None,
    )
    return cursors.write(cursor, team_id=stream.ref.team_id, stream_id=stream.ref.stream_id, key=_CURSOR_KEY)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
