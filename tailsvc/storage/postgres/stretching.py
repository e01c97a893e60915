"""Reading by id, over all forms: the next stretch of a stream."""

from collections.abc import Sequence

import numpy as np

from tailsvc.events import StoredEvent
from tailsvc.queries import Selection
from tailsvc.segments.columns import Rows
from tailsvc.segments.frame import Frame
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.finding import visible_rows
from tailsvc.storage.postgres.pieces import Payloads
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.snapshots import Snapshot
from tailsvc.storage.postgres.statements import plain
from tailsvc.storage.stretch import Stretch


def next_id(connection: Connection, stream: StreamRef, after: int) -> int | None:
    row = connection.execute(plain("next_id"), {"stream_id": stream.stream_id, "after": after}).fetchone()
    return None if row is None else row[0]


def first_since(connection: Connection, stream: StreamRef, start: int) -> int | None:
    row = connection.execute(plain("first_since"), {"stream_id": stream.stream_id, "start": start}).fetchone()
    return None if row is None else row[0]


def stretch_of(
    payloads: Payloads, stream: StreamRef, found: Snapshot, rows: Sequence[StoredEvent], *, after: int, upto: int
) -> Stretch:
    """Of the snapshot's pieces, and of `rows`. Holds all it needs: a piece may go as soon as this is made."""
    frames: list[tuple[Frame, Rows]] = []
    size = sum(len(stored.event.raw) for stored in rows)
    payloads.bring(stream, found.pieces)
    for piece in found.pieces:
        segment = payloads.segment(stream, piece)
        segment.hold()
        for frame in segment.frames():
            concerned = _between(frame, after, upto, found.selection)
            visible = visible_rows(frame, concerned, piece, found.deletions)
            if len(visible):
                frames.append((frame, visible))
                size += piece.raw_bytes * len(visible) // piece.events
    there = len(rows) + sum(len(visible) for _, visible in frames)
    return Stretch(after, upto, upto - after - there, found.head, rows, frames, size)


def _between(frame: Frame, after: int, upto: int, selection: Selection) -> Rows:
    chosen = (frame.ids > after) & (frame.ids <= upto)
    if selection.start is not None:
        chosen &= frame.times >= selection.start
    return np.flatnonzero(chosen)
