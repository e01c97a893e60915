"""How many lines, when and of which kind: what the histogram draws."""

from dataclasses import dataclass, replace
from datetime import datetime

from apps.console.explore.rows import level_class
from apps.query import scrolling, summaries
from apps.query.questions import Question
from apps.query.walks import Asked
from tailsvc.filters import EVERYTHING
from tailsvc.queries import Direction, Position, Selection, Split

# Drawn from the ground up, so that what matters stands on firm ground.
KINDS = ("error", "warn", "info", "debug", "other")
_BARS = 120
# Milliseconds; what people count time in.
_STEPS = [
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(1000 * step for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)),
    *(3_600_000 * step for step in (1, 2, 3, 6, 12, 24, 48, 168, 336, 720, 2160, 8760)),
]


@dataclass(frozen=True, slots=True)
class Drawing:
    """`starts` in seconds; for each kind its counts, all of one length; the window in milliseconds."""

    interval_ms: int
    start_ms: int
    end_ms: int
    starts: list[float]
    counts: dict[str, list[int]]

    @property
    def total(self) -> int:
        return sum(map(sum, self.counts.values()))


def interval_for(span_ms: int) -> int:
    """So that there are at most about 120 bars."""
    return next((step for step in _STEPS if span_ms <= step * _BARS), -(-span_ms // _BARS))


def draw(stream: Asked, question: Question, *, now: datetime) -> Drawing:
    """Raises the engine's errors."""
    selection = _within_what_is_there(stream, question, now)
    start_ms, end_ms = (selection.start or 0) // 1000, (selection.end or 0) // 1000
    interval = max(interval_for(end_ms - start_ms), summaries.smallest_interval(selection))
    buckets = summaries.histogram(stream, selection, interval_ms=interval, split=Split.LEVEL).buckets
    first = start_ms // interval * interval
    places = range(first, end_ms + 1, interval)
    counts = {kind: [0] * len(places) for kind in KINDS}
    for bucket, by_level in buckets.items():
        place = (bucket // 1000 - first) // interval
        if 0 <= place < len(places):
            for level, count in by_level.items():
                counts[level_class(level)][place] += count
    return Drawing(interval, start_ms, end_ms, [place / 1000 for place in places], counts)


def _within_what_is_there(stream: Asked, question: Question, now: datetime) -> Selection:
    """Without a start, from the stream's oldest event on: retention may reach back to when there was nothing.

    Whatever the search finds of it, so that the same stretch is drawn while somebody narrows it down.
    """
    selection = summaries.closed_selection(stream, question, now=now)
    if question.start_ms is not None:
        return selection
    before = Position(selection.start or 0, 0)
    everything = replace(question, filter=EVERYTHING)
    found = scrolling.beyond(stream, everything, before, Direction.OLDEST_FIRST, limit=1, now=now).events
    start = found[0].event.timestamp if found else selection.end
    return Selection(max(selection.start or 0, start or 0), selection.end, selection.filter, selection.as_of)
