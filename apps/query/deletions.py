"""Deleting what a question selects."""

from dataclasses import dataclass, replace
from datetime import datetime

from apps.accounts.audit import record
from apps.engine import store
from apps.http import metrics
from apps.query import counts, walks
from apps.query.questions import Question
from apps.query.walks import Asked, micros
from tailsvc.queries import Incomplete, Selection
from tailsvc.storage.base import StreamRef

_YEAR = 365 * 24 * 3600 * 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many events went: those that a query found in this window (ms), up to this id.

    Those in pieces that are `incomplete` are not among them: what of these is selected stays hidden if they come back.
    """

    count: int
    start_ms: int | None
    end_ms: int | None
    last_id: int
    incomplete: Incomplete


def delete_events(stream: Asked, question: Question, *, actor: str, now: datetime) -> Deleted:
    """Hide at once what a query with the same window, filters and query would find now. Raises TooManyDeletions."""
    walk = walks.begin(stream, question, now=now)
    last_id = store().head(stream.ref).last_id
    visible = replace(walk.selection, as_of=last_id)
    with metrics.QUERY_SECONDS.labels("delete").time():
        count, incomplete = _count(stream.ref, visible)
        until_ms = None if walk.until is None else walk.until // 1000
        done = Deleted(count, question.start_ms, until_ms, last_id, incomplete)
        _record(stream, question, done, actor=actor, now=now)
        # From the window's own start, not from retention's edge: a longer retention must not bring events back.
        store().delete(stream.ref, replace(visible, start=walk.start), now=micros(now))
    counts.totals().forget(stream.ref.stream_id)
    return done


def _count(stream: StreamRef, selection: Selection) -> tuple[int, Incomplete]:
    """By a histogram: unlike a count, it names what it could not read."""
    found = store().histogram(stream, selection, interval=_YEAR, split=None)
    return sum(sum(bucket.values()) for bucket in found.buckets.values()), found.incomplete


def _record(stream: Asked, question: Question, done: Deleted, *, actor: str, now: datetime) -> None:
    """Before the deed, whose failure takes the entry back; not the other way round."""
    details = {
        "start_time": done.start_ms,
        "end_time": done.end_ms,
        "filters": question.filters,
        "query": question.query,
        "last_id": done.last_id,
        "deleted": done.count,
    }
    record(team_id=stream.ref.team_id, actor=actor, action="logs.delete", subject=stream.name, now=now, details=details)
