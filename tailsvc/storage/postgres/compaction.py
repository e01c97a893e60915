"""Compaction: rows and recent blocks into segments, small segments into larger ones.

One step reads a run of neighbours by their ids, makes segments of them without any transaction, and puts these in
their place in one. Killed anywhere, it has done nothing or all of a step.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from psycopg.sql import SQL

from tailsvc.segments.frame import Frame, frame_of_stored
from tailsvc.segments.making import make_segment, merge, split_late
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.pieces import BrokenPiece, Piece, PieceGone
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.reads import EVENT_COLUMNS
from tailsvc.storage.postgres.replacing import New, Overtaken, alone, frames_of_all, insert, mark_broken, remove
from tailsvc.storage.postgres.rows import from_row
from tailsvc.storage.postgres.statements import STATEMENTS, plain

_SECOND = 1_000_000
# So many events that wait are made into a segment at once; fewer when the stream pauses, or has waited long enough.
DUE_EVENTS = 32_000
PAUSE = 5 * _SECOND
_SOME_EVENTS, _SOME_WAIT = 1_000, 60 * _SECOND
_FEW_WAIT = 3600 * _SECOND
SEGMENT_EVENTS = 65_536
# What one step holds in memory: columns take about as much again.
_STEP_BYTES = 64 * 1024 * 1024
# Segments under this size are merged, once neighbours make a fair one together or are many.
_SMALL_EVENTS = 8_192
_FEWEST_MERGED, _MOST_SMALL = 32_000, 64


class Waiting(NamedTuple):
    """A stream's counters: ids up to `compacted_to` lie in segments; times in microseconds."""

    last_id: int
    appended_at: int | None
    compacted_to: int
    compacted_at: int

    @property
    def events(self) -> int:
        return self.last_id - self.compacted_to

    def is_due(self, now: int) -> bool:
        idle, since = now - (self.appended_at or 0), now - self.compacted_at
        return (
            self.events >= DUE_EVENTS
            or (self.events >= _SOME_EVENTS and (idle >= PAUSE or since >= _SOME_WAIT))
            or (self.events > 0 and idle >= _SOME_WAIT and since >= _FEW_WAIT)
        )


class _Run(NamedTuple):
    """Neighbours to become one: everything with an id from `first_id` to `last_id`."""

    first_id: int
    last_id: int
    pieces: Sequence[Piece]
    takes_rows: bool


def waiting(connection: Connection, now: int) -> list[StreamRef]:
    params = {
        "now": now, "due": DUE_EVENTS, "some": _SOME_EVENTS, "pause": PAUSE, "some_wait": _SOME_WAIT,
        "few_wait": _FEW_WAIT,
    }  # fmt: skip
    return [StreamRef(*row) for row in connection.execute(plain("waiting"), params)]


def compact(connection: Connection, stream: StreamRef, *, now: int, force: bool) -> bool:
    with alone(connection, stream) as ours:
        if not ours:
            return False  # someone else is at it
        run = _next_run(connection, stream, now, force=force)
        if run is None:
            return False
        try:
            _carry_out(connection, stream, run, now)
        except Overtaken:
            pass
        except (BrokenPiece, PieceGone) as error:  # of one that retention took there is nothing to mark
            mark_broken(connection, stream, error.piece, error.why)
        return True


def _next_run(connection: Connection, stream: StreamRef, now: int, *, force: bool) -> _Run | None:
    row = connection.execute(plain("waiting_of"), {"stream_id": stream.stream_id}).fetchone()
    if row is None:
        return None
    counters = Waiting(*row)
    if counters.events and (force or counters.is_due(now)):
        return _run_of_waiting(connection, stream, counters)
    return _run_of_small(_pieces(connection, stream, "small_pieces"))


def _run_of_waiting(connection: Connection, stream: StreamRef, counters: Waiting) -> _Run:
    """From the first event that waits, as many as make a segment."""
    first = counters.compacted_to + 1
    last = _bounded(connection, stream, first, min(counters.last_id, counters.compacted_to + SEGMENT_EVENTS))
    taken: list[Piece] = []
    size = 0
    for piece in _pieces(connection, stream, "recent_pieces"):
        size += piece.raw_bytes
        if piece.first_id > last or (taken and (piece.last_id > last or size > _STEP_BYTES)):
            last = min(last, piece.first_id - 1)
            break
        if piece.broken is not None:  # it stays as it is; what comes behind begins another run
            last = piece.first_id - 1 if piece.first_id > first else piece.last_id
            break
        taken.append(piece)
        last = max(last, piece.last_id)
    return _Run(first, last, taken, takes_rows=True)


def _bounded(connection: Connection, stream: StreamRef, first: int, last: int) -> int:
    """The last id up to which rows fit into memory."""
    params = {"stream_id": stream.stream_id, "first": first, "last": last, "bytes": _STEP_BYTES}
    row = connection.execute(plain("row_beyond"), params).fetchone()
    return last if row is None else max(first, int(row[0]) - 1)


def _run_of_small(pieces: Sequence[Piece]) -> _Run | None:
    """The first neighbours that together make a fair segment. `pieces` are by their ids; those of a range stay one.

    A recent block is one by itself: it was broken when its neighbours became segments.
    """
    for piece in pieces:
        if piece.is_recent and piece.broken is None:
            return _Run(piece.first_id, piece.last_id, [piece], takes_rows=False)
    run: list[Piece] = []
    for _, same_range in groupby(pieces, key=lambda piece: piece.first_id):
        found = [*same_range]
        if any(piece.broken for piece in found) or _reach(found, _SMALL_EVENTS):
            run = []
            continue
        run += found
        if _reach(run, _FEWEST_MERGED) or len(run) >= _MOST_SMALL:
            return _Run(run[0].first_id, run[-1].last_id, run, takes_rows=False)
    return None


def _reach(pieces: Sequence[Piece], events: int) -> bool:
    """Whether they are so many events, or half of what a step holds: two of them never make more than that."""
    size = sum(piece.raw_bytes for piece in pieces)
    return sum(piece.events for piece in pieces) >= events or size >= _STEP_BYTES // 2


def _carry_out(connection: Connection, stream: StreamRef, run: _Run, now: int) -> None:
    frames = frames_of_all(connection, stream, run.pieces)
    rows = _rows(connection, stream, run) if run.takes_rows else None
    if rows is not None:
        frames.append(rows)
    raw_bytes = sum(piece.raw_bytes for piece in run.pieces) + (0 if rows is None else sum(map(len, rows.raws())))
    new = _segments(frames, run, raw_bytes) if frames else []
    with connection.transaction():
        connection.execute(plain("lock_upkeep"), {"stream_id": stream.stream_id})
        remove(connection, stream, run.pieces)
        span = {"stream_id": stream.stream_id, "first": run.first_id, "last": run.last_id}
        if run.takes_rows and connection.execute(plain("drop_rows"), span).rowcount != (len(rows) if rows else 0):
            raise Overtaken
        for each in new:
            insert(connection, stream, each, now)
        if run.takes_rows:
            connection.execute(plain("note_compacted"), {**span, "now": now})


def _segments(frames: Sequence[Frame], run: _Run, raw_bytes: int) -> list[New]:
    *late, others = split_late(merge(frames))
    sizes = [sum(map(len, frame.raws())) for frame in late]
    parts = zip([*late, others], [*sizes, raw_bytes - sum(sizes)], strict=True)
    made = [make_segment(part, base=run.first_id, raw_bytes=size) for part, size in parts]
    return [New(run.first_id, run.last_id, each.encoded, each) for each in made]


def _rows(connection: Connection, stream: StreamRef, run: _Run) -> Frame | None:
    statement = SQL(STATEMENTS["rows_between"]).format(event_columns=EVENT_COLUMNS)
    params = {"stream_id": stream.stream_id, "first": run.first_id, "last": run.last_id}
    stored = [from_row(row) for row in connection.execute(statement, params, binary=True)]
    return frame_of_stored(stored) if stored else None


def _pieces(connection: Connection, stream: StreamRef, name: str) -> list[Piece]:
    return [Piece._make(row) for row in connection.execute(plain(name), {"stream_id": stream.stream_id}, binary=True)]
