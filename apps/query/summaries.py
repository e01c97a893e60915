"""Answers in numbers instead of events: how many when, and which values most often."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from apps.engine import store
from apps.http import metrics
from apps.query import walks
from apps.query.questions import Question
from apps.query.walks import Asked, micros
from tailsvc import limits
from tailsvc.queries import Facets, Histogram, Selection, Split


def closed_selection(stream: Asked, question: Question, *, now: datetime) -> Selection:
    """As a page selects, but always with an end: without one, a histogram would have no width."""
    found = walks.begin(stream, question, now=now).selection
    return found if found.end is not None else replace(found, end=micros(now))


def smallest_interval(selection: Selection) -> int:
    """In milliseconds. The first and the last bucket may be cut: one step less than there may be buckets."""
    span = (selection.end or 0) - (selection.start or 0)
    return max(0, span) // ((limits.HISTOGRAM_BUCKETS - 1) * 1000) + 1


def histogram(stream: Asked, selection: Selection, *, interval_ms: int, split: Split | None) -> Histogram:
    with metrics.QUERY_SECONDS.labels("histogram").time():
        return store().histogram(stream.ref, selection, interval=interval_ms * 1000, split=split)


def facets(stream: Asked, selection: Selection, fields: Sequence[str], *, limit: int) -> Facets:
    with metrics.QUERY_SECONDS.labels("facets").time():
        return store().facets(stream.ref, selection, fields, limit=limit)
