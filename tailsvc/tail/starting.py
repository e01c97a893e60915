"""Where a follower begins, and the newest lines before that place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from tailsvc import limits
from tailsvc.events import StoredEvent
from tailsvc.filters import EVERYTHING, Filter
from tailsvc.queries import Head, Scan, Selection
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.stretch import Stretch
from tailsvc.tail.places import Place

_FIRST_WINDOW = 64


@dataclass(frozen=True, slots=True)
class Start:
    """Behind the id `after`. Up to the id `caught_up`, events before the time `since` are left out.

    `tells_missing`: the reader was here before, so what it can no longer be sent is told. `restored`: it was, but
    its position means nothing any more.
    """

    after: int
    epoch: UUID
    since: int | None = None
    caught_up: int = 0
    tells_missing: bool = False
    restored: bool = False

    @classmethod
    def now(cls, head: Head) -> "Start":
        return cls(head.last_id, head.epoch)

    @classmethod
    def since_time(cls, store: EventStore, stream: StreamRef, head: Head, start: int) -> "Start":
        """With the events since that time."""
        first = store.first_since(stream, start)
        after = head.last_id if first is None else min(first - 1, head.last_id)
        return cls(after, head.epoch, start, head.last_id)

    @classmethod
    def resumed(cls, head: Head, place: Place, *, edge: int) -> "Start":
        """Behind a position that was sent before; `edge` is retention's, in microseconds."""
        if not place.is_of(head.epoch):
            return cls(head.last_id, head.epoch, restored=True)
        # A position beyond the head was never sent by us.
        return cls(min(place.id, head.last_id), head.epoch, edge, head.last_id, tells_missing=True)


def newest_matching(
    store: EventStore, stream: StreamRef, head: Head, condition: Filter, *, edge: int, events: int
) -> Sequence[StoredEvent]:
    """The newest events (by time) that match, in order of id; of large ones only as many as a page has."""
    selection = Selection(start=edge, filter=condition, as_of=head.last_id)
    page = store.scan(stream, Scan(selection, events)) if events else None
    return sorted(page.events, key=attrgetter("id")) if page else []


def newest_lines(
    store: EventStore, stream: StreamRef, head: Head, *, edge: int, lines: int, size: int
) -> Sequence[StoredEvent]:
    """The newest events, in order of id, that fit into both limits; each counts with all its lines.

    `size` bytes are counted without line ends. As many reads as are needed, backwards.
    """
    found: list[StoredEvent] = []
    for stored in _backwards(store, stream, head.last_id, edge):
        raw = stored.event.raw
        inner = raw.count(b"\n")
        lines -= 1 + inner
        size -= len(raw) - inner
        if lines < 0 or size < 0:
            break
        found.append(stored)
    found.reverse()
    return found


def _backwards(store: EventStore, stream: StreamRef, last: int, edge: int) -> Iterator[StoredEvent]:
    """The newest first. Each window is twice as wide as the one before: what was deleted is soon passed over. One that
    has too many bytes is made narrower before any of it is decoded."""
    window = _FIRST_WINDOW
    while last > 0:
        after = max(0, last - window)
        stretches = [*_stretches(store, stream, after, last, edge)]
        size = sum(stretch.bytes for stretch in stretches)
        if size > limits.READ_BYTES and last - after > 1:
            window = max(1, (last - after) * limits.READ_BYTES // (2 * size))
            continue
        for stretch in reversed(stretches):
            yield from reversed(stretch.matching(EVERYTHING))
        last, window = after, 2 * window


def _stretches(store: EventStore, stream: StreamRef, after: int, last: int, edge: int) -> Iterator[Stretch]:
    while after < last:
        stretch = store.stretch(stream, after, most=last - after, upto=last, start=edge)
        yield stretch
        after = max(stretch.upto, after + 1)
