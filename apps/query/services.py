"""Answering questions about a stream: pages, one event, its surroundings."""

from dataclasses import dataclass, replace
from datetime import datetime

from apps.engine import store
from apps.http import metrics
from apps.query import counts, walks
from apps.query.questions import Question
from apps.query.walks import Asked, Walk, micros
from tailsvc import retention
from tailsvc.errors import CursorExpired
from tailsvc.events import StoredEvent
from tailsvc.filters import Ignored
from tailsvc.queries import Direction, Incomplete, Page, Position, Scan, Selection


@dataclass(frozen=True, slots=True)
class Found:
    events: list[StoredEvent]
    next_cursor: str | None
    total: int | None
    ignored: list[Ignored]
    incomplete: Incomplete


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The events around one, both lists oldest first."""

    before: list[StoredEvent]
    after: list[StoredEvent]
    incomplete: Incomplete


def search(stream: Asked, question: Question, *, now: datetime) -> Found:
    """One page, and where the next begins. Raises the engine's errors."""
    walk = (walks.begin if question.cursor is None else walks.resume)(stream, question, now=now)
    _require_kept(walk)
    with metrics.QUERY_SECONDS.labels("page").time():
        page = store().scan(stream.ref, Scan(walk.selection, question.limit, walk.direction, walk.after))
    if walk.cursor is not None:
        walk.require_epoch(page.head or store().head(stream.ref))
    total = _total(stream, walk, page)
    following = _next_cursor(stream, walk, page, total)
    return Found(list(page.events), following, total, walk.question.ignored, page.incomplete)


def get_event(stream: Asked, event_id: int, *, now: datetime) -> StoredEvent | None:
    """Raises BrokenSegment where it may lie in what cannot be read."""
    found = store().get(stream.ref, event_id)
    if found is None or found.event.timestamp < retention.edge(stream.retention, micros(now)):
        return None
    return found


def surroundings(stream: Asked, event: StoredEvent, *, before: int, after: int, now: datetime) -> Surroundings:
    everything = Selection(start=retention.edge(stream.retention, micros(now)))
    place = Position(event.event.timestamp, event.id)

    def beside(count: int, direction: Direction) -> Page:
        if not count:
            return Page((), has_more=False, head=None)
        return store().scan(stream.ref, Scan(everything, count, direction, place))

    older, newer = beside(before, Direction.NEWEST_FIRST), beside(after, Direction.OLDEST_FIRST)
    missing = dict.fromkeys([*older.incomplete, *newer.incomplete])  # one may lie on both sides
    return Surroundings([*older.events][::-1], [*newer.events], tuple(missing))


def _require_kept(walk: Walk) -> None:
    if walk.after is not None and walk.after.timestamp < walk.edge:
        raise CursorExpired("The cursor's position lies behind the stream's retention; start again without it.")


def _total(stream: Asked, walk: Walk, page: Page) -> int | None:
    if walk.question.is_tail or not walk.question.total:
        return None
    if walk.cursor is not None and walk.cursor.total is not None:
        return walk.cursor.total
    as_of = walk.cursor.as_of if walk.cursor else page.head.last_id if page.head else None
    return counts.total(stream, walk.question, replace(walk.selection, as_of=as_of))


def _next_cursor(stream: Asked, walk: Walk, page: Page, total: int | None) -> str | None:
    if not page.has_more or page.head is None:
        return None
    last = page.events[-1]
    kept = total if total is not None else walk.cursor.total if walk.cursor else None
    return walks.cursor_text(stream, walk, Position(last.event.timestamp, last.id), page.head, total=kept)
