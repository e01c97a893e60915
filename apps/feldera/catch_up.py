"""What a reader of logs is sent first: the newest lines, as many as Feldera keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from tailsvc.events import StoredEvent
from tailsvc.queries import Head
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.tail import newest_lines

MOST_LINES = 50_000
MOST_BYTES = 1_000_000  # without line ends


class LogsCursor(NamedTuple):
    """How many lines of an epoch somebody has read."""

    epoch: UUID
    seq: int


@dataclass(frozen=True, slots=True)
class CatchUp:
    """`text` is the lines behind number `seq` of all that were ever appended; `gap` of those asked for are gone."""

    epoch: UUID
    last_id: int
    seq: int
    gap: int
    text: bytes


def render(_epoch: UUID, events: Sequence[StoredEvent]) -> bytes:
    """The raw lines. They are announced as UTF-8, so what is none is replaced, as Feldera does when it takes them."""
    text = b"".join(stored.event.raw + b"\n" for stored in events)
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text


def catch_up(
    store: EventStore, stream: StreamRef, *, edge: int, cursor: LogsCursor | None = None, tail: int | None = None
) -> CatchUp:
    """The newest lines within Feldera's limits: those behind the cursor, and at most `tail`.

    A cursor of another epoch counted other lines, and is passed over; one beyond the end means the end.
    """
    head = store.head(stream)
    behind = cursor.seq if cursor is not None and cursor.epoch == head.epoch else 0
    wanted = max(0, min(head.lines - behind, MOST_LINES if tail is None else tail, MOST_LINES))
    found = _newest(store, stream, head, edge=edge, lines=wanted)
    if _count(found) < wanted < MOST_LINES:
        # Either there are no more, or one whose lines are not all wanted was left out.
        found = _newest(store, stream, head, edge=edge, lines=MOST_LINES)
    shown = min(_count(found), wanted)
    seq = max(0, head.lines - shown)
    text = _last_lines(render(head.epoch, found), _count(found) - shown)
    return CatchUp(head.epoch, head.last_id, seq, max(0, seq - behind), text)


def _newest(store: EventStore, stream: StreamRef, head: Head, *, edge: int, lines: int) -> Sequence[StoredEvent]:
    return newest_lines(store, stream, head, edge=edge, lines=lines, size=MOST_BYTES) if lines else ()


def _count(events: Sequence[StoredEvent]) -> int:
    return sum(1 + stored.event.raw.count(b"\n") for stored in events)


def _last_lines(text: bytes, passed_over: int) -> bytes:
    start = 0
    for _ in range(passed_over):
        start = text.index(b"\n", start) + 1
    return text[start:]
