"""What lies behind an id of a stream, in the order in which it was appended: what followers read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from tailsvc.errors import BrokenSegment, StorageUnavailable
from tailsvc.events import StoredEvent
from tailsvc.filters import Filter, matches
from tailsvc.queries import Head
from tailsvc.segments.columns import Rows
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.frame import Frame
from tailsvc.segments.picking import events_of


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The ids behind `after` up to `upto`; `missing` of them are no more, or cannot be read.

    It is read once and shared by all who follow the stream, whatever their filters.
    """

    after: int
    upto: int
    missing: int
    head: Head
    events: Sequence[StoredEvent] = ()  # in order of id
    frames: Sequence[tuple[Frame, Rows]] = ()  # those that lie in pieces, and in which of their rows
    bytes: int = 0  # of the raw lines, about
    # Told of a piece that turns out to be unreadable: the next read leaves it out.
    notice: Callable[[BrokenSegment], None] = lambda _error: None

    def __len__(self) -> int:
        return self.upto - self.after - self.missing

    def matching(self, condition: Filter) -> list[StoredEvent]:
        """In order of id. May take a while (microseconds an event). Raises StorageUnavailable: read it again."""
        found = [stored for stored in self.events if matches(condition, stored.event)]
        try:
            found += events_of([(frame, self._matching(frame, condition, rows)) for frame, rows in self.frames])
        except BrokenSegment as error:
            self.notice(error)
            raise StorageUnavailable("A piece of the stream cannot be read; try again without it.") from error
        if self.frames:
            found.sort(key=attrgetter("id"))
        return found

    @staticmethod
    def _matching(frame: Frame, condition: Filter, rows: Rows) -> Rows:
        return matching_rows(frame, condition, rows, limit=None, newest_first=False)
