"""What can be asked of a store, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from tailsvc.events import StoredEvent
from tailsvc.filters import EVERYTHING, Filter


class Direction(StrEnum):
    OLDEST_FIRST = "asc"
    NEWEST_FIRST = "desc"


class Position(NamedTuple):
    """A place in the order of a stream by time; ids break ties."""

    timestamp: int  # microseconds
    id: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: a window of event times in microseconds, both ends inclusive, and a filter."""

    start: int | None = None
    end: int | None = None
    filter: Filter = field(default=EVERYTHING)
    # Events with a greater id came after the walk began: the tail's business, not this walk's.
    as_of: int | None = None

    def overlaps(self, first: int, last: int) -> bool:
        """Whether the window holds some of these microseconds, both ends inclusive."""
        return (self.start is None or last >= self.start) and (self.end is None or first <= self.end)


@dataclass(frozen=True, slots=True)
class Scan:
    """One page of a selection, beginning behind `after`."""

    selection: Selection
    limit: int
    direction: Direction = Direction.NEWEST_FIRST
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A stream's counters. `epoch` changes when a restore may have taken events back."""

    epoch: UUID
    last_id: int
    bytes: int  # of raw lines, ever appended
    appended_at: int | None  # microseconds
    lines: int  # ever appended; a raw message with line ends is several


class Split(StrEnum):
    """What a histogram tells apart."""

    LEVEL = "level"
    STATUS_CLASS = "status_class"


# Pieces of the stream that could not be read, named for people; what was answered is right but for their events.
Incomplete = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order asked for. `head` is the stream's as the page was read; None where nothing was found.

    Where they are large (`limits.READ_BYTES`) these are fewer than the scan's limit; `has_more` says so all the same.
    """

    events: Sequence[StoredEvent]
    has_more: bool
    head: Head | None
    incomplete: Incomplete = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by the buckets' first microsecond (a multiple of the interval) and by the split's value.

    Events without the split field count under "", those of too many unusual values under `facets.OTHER`; buckets
    without events are left out.
    """

    buckets: Mapping[int, Mapping[str, int]]
    incomplete: Incomplete = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """For each field its most frequent values as texts, most frequent first, ties in the order of the texts.

    Events that lack the field are not counted. Fields among `approximate` have so many values that not all could be
    kept while they were counted: rare ones may be missing, and counts be too small.
    """

    values: Mapping[str, Sequence[tuple[str, int]]]
    incomplete: Incomplete = ()
    approximate: tuple[str, ...] = ()
