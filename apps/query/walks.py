"""A question on its way through a stream: which events it means, and the cursor that remembers it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.conf import settings

from apps.accounts.callers import PlanLimits
from apps.query.questions import Question, recall_condition
from apps.streams.models import Stream
from tailsvc import cursors, retention
from tailsvc.cursors import Cursor, require_same
from tailsvc.errors import CursorExpired, InvalidQuery
from tailsvc.queries import Direction, Head, Position, Selection
from tailsvc.storage.base import StreamRef

_CURSOR_KEY = f"cursor {settings.SECRET_KEY}".encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """A stream, as far as a question needs to know it."""

    ref: StreamRef
    uuid: UUID
    name: str
    retention: timedelta  # its own, within the plan
    plan_retention: timedelta

    @classmethod
    def of(cls, stream: Stream, plan: PlanLimits) -> Self:
        own = stream.retention(plan.retention_hours)
        return cls(stream.ref, stream.uuid, stream.name, own, timedelta(hours=plan.retention_hours))


@dataclass(frozen=True, slots=True)
class Walk:
    """A question and, from the second page on, the cursor's memory of it."""

    question: Question
    cursor: Cursor | None
    direction: Direction
    until: int | None
    edge: int

    @property
    def start(self) -> int | None:
        """As asked for, in microseconds."""
        return None if self.question.start_ms is None else self.question.start_ms * 1000

    @property
    def after(self) -> Position | None:
        return self.cursor.position if self.cursor else None

    @property
    def selection(self) -> Selection:
        as_of = self.cursor.as_of if self.cursor else None
        return Selection(max(self.edge, self.start or 0), self.until, self.question.filter, as_of)

    def require_epoch(self, head: Head) -> None:
        if self.cursor is not None and head.epoch != self.cursor.epoch:
            raise CursorExpired("The stream was restored since the cursor was made; start again without it.")


def begin(stream: Asked, question: Question, *, now: datetime) -> Walk:
    """Raises InvalidQuery where the window begins before the plan's retention."""
    plan_edge = retention.edge(stream.plan_retention, micros(now))
    # Compared in milliseconds, as the client counts.
    if question.start_ms is not None and question.start_ms < plan_edge // 1000:
        hours = round(stream.plan_retention.total_seconds() / 3600)
        raise InvalidQuery("start_time", f"The plan keeps logs for {hours} hours; the window begins before that.")
    until = _end_of(question, micros(now))
    direction = question.direction or Direction.NEWEST_FIRST
    return Walk(question, None, direction, until, retention.edge(stream.retention, micros(now)))


def resume(stream: Asked, question: Question, *, now: datetime) -> Walk:
    """The walk that the question's cursor belongs to. Raises InvalidCursor and CursorMismatch."""
    cursor = cursors.read(
        question.cursor or "", team_id=stream.ref.team_id, stream_id=stream.ref.stream_id, key=_CURSOR_KEY
    )
    require_same("start_time", question.start_ms, cursor.start_ms)
    require_same("end_time", question.end_ms, cursor.end_ms)
    require_same("filters", question.filters, cursor.filters)
    require_same("query", question.query, cursor.query)
    require_same("direction", question.direction, cursor.direction)
    resumed = replace(
        question,
        start_ms=cursor.start_ms,
        end_ms=cursor.end_ms,
        filters=cursor.filters,
        query=cursor.query,
        filter=recall_condition(cursor.filters, cursor.query),
    )
    return Walk(resumed, cursor, cursor.direction, cursor.until, retention.edge(stream.retention, micros(now)))


def cursor_text(stream: Asked, walk: Walk, place: Position, head: Head, *, total: int | None = None) -> str:
    """A cursor that leads on behind `place`; the first one fixes what had arrived by `head`."""
    cursor = Cursor(
        position=place,
        epoch=head.epoch,
        as_of=walk.cursor.as_of if walk.cursor else head.last_id,
        start_ms=walk.question.start_ms,
        end_ms=walk.question.end_ms,
        until=walk.until,
        filters=walk.question.filters or "",
        query=walk.question.query or "",
        direction=walk.direction,
        total=total,
    )
    return cursors.write(cursor, team_id=stream.ref.team_id, stream_id=stream.ref.stream_id, key=_CURSOR_KEY)


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _end_of(question: Question, now: int) -> int | None:
    """The end that counts, in microseconds: a given millisecond to its last; now where only a start was given."""
    if question.end_ms is not None:
        return question.end_ms * 1000 + 999
    return None if question.is_tail else now
