"""Pages for who scrolls both ways: from any place in either direction, without a walk that remembers where it began.

A place is an event's time and id. It needs no signature: it leads to nothing but events that the question selects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.engine import store
from apps.http import metrics
from apps.query import walks
from apps.query.questions import Question
from apps.query.walks import Asked
from tailsvc.events import StoredEvent
from tailsvc.queries import Direction, Head, Incomplete, Position, Scan


@dataclass(frozen=True, slots=True)
class Screen:
    """Events, the newest first, whichever way they were reached. `has_more` in the direction that was asked."""

    events: Sequence[StoredEvent]
    has_more: bool
    incomplete: Incomplete = ()


def newest(stream: Asked, question: Question, *, limit: int, now: datetime) -> tuple[Screen, Head]:
    """The newest events up to the head that comes with them: a follower that begins there misses none."""
    selection = walks.begin(stream, question, now=now).selection
    head = store().head(stream.ref)
    return _read(stream, Scan(replace(selection, as_of=head.last_id), limit)), head


def beyond(
    stream: Asked, question: Question, place: Position, direction: Direction, *, limit: int, now: datetime
) -> Screen:
    """What comes behind a place: older events, or (OLDEST_FIRST) newer ones, those next to it."""
    selection = walks.begin(stream, question, now=now).selection
    return _read(stream, Scan(selection, limit, direction, place))


def _read(stream: Asked, scan: Scan) -> Screen:
    with metrics.QUERY_SECONDS.labels("page").time():
        page = store().scan(stream.ref, scan)
    events = page.events if scan.direction is Direction.NEWEST_FIRST else page.events[::-1]
    return Screen(events, page.has_more, page.incomplete)
