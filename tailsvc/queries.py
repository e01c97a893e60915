"""What can be asked of a store, and what it answers."""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order asked for. `head` is the stream's as the page was read; None where nothing was found."""

    events: Sequence[StoredEvent]
    has_more: bool
    head: Head | None
