"""Is every id of a stream in exactly one piece, and does every piece still hold the lines that came?

How many bytes these had was counted when they arrived and only added up since: what a piece says now is compared with
that.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tailsvc.errors import BrokenSegment
from tailsvc.storage.base import Progress, StreamRef
from tailsvc.storage.postgres.pieces import BrokenPiece, Piece, PieceGone
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.replacing import frames_of, mark_broken
from tailsvc.storage.postgres.statements import plain

Range = tuple[int, int]
Numbers = npt.NDArray[np.int64]


class _Contents(NamedTuple):
    """What a piece holds, as decoded."""

    ids: Numbers
    times: Numbers
    raw_bytes: int


def check(connection: Connection, stream: StreamRef, progress: Progress) -> list[str]:
    ids = {"stream_id": stream.stream_id}
    with connection.transaction():
        connection.execute(b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        counters = connection.execute(plain("check_counters"), ids).fetchone()
        if counters is None:
            return ["The stream has no head or no row for its upkeep."]
        pieces = [Piece._make(row) for row in connection.execute(plain("all_pieces"), ids, binary=True)]
        rows = [number for (number,) in connection.execute(plain("row_ids"), ids, binary=True)]
    found = [*_partition(pieces, rows, *counters)]
    beside: dict[Range, list[Piece]] = {}
    for piece in pieces:
        beside.setdefault((piece.first_id, piece.last_id), []).append(piece)
    done = 0
    for together in beside.values():
        found += _together(connection, stream, together)
        done += len(together)
        progress(done, len(pieces))
    return found


def _partition(
    pieces: Sequence[Piece], rows: Sequence[int], last_id: int, discarded: int, compacted_to: int
) -> Iterator[str]:
    ranges = _ranges(pieces)
    for left, right in pairwise(ranges):
        if right[0] <= left[1]:
            yield f"Pieces overlap: ids {left[0]} to {left[1]}, and {right[0]} to {right[1]}."
    if ranges and ranges[-1][1] > last_id:
        yield f"A piece has ids up to {ranges[-1][1]}; the head has given out {last_id}."
    numbers = np.array(rows, np.int64)
    for first, last in ranges:
        inside = int(((numbers >= first) & (numbers <= last)).sum())
        if inside:
            yield f"{inside} rows lie within the ids {first} to {last} of a piece."
    if len(numbers) and numbers.max() > last_id:
        yield f"A row has the id {numbers.max()}; the head has given out {last_id}."
    if (numbers <= compacted_to).any():  # a recent block may: one that was broken when compaction went by
        yield f"Rows still wait below the id {compacted_to}, up to which all is in segments."
    events = sum(piece.events for piece in pieces) + len(rows) + discarded
    if events != last_id:
        yield f"{last_id} ids were given out; pieces, rows and what was discarded make {events}."


def _ranges(pieces: Sequence[Piece]) -> list[Range]:
    return sorted({(piece.first_id, piece.last_id) for piece in pieces})


def _together(connection: Connection, stream: StreamRef, pieces: Sequence[Piece]) -> Iterator[str]:
    """What is wrong with the pieces of one range."""
    seen: list[Numbers] = []
    for piece in pieces:
        try:
            found = _contents(connection, stream, piece)
        except BrokenPiece as error:
            mark_broken(connection, stream, piece, error.why)
            yield f"Unreadable: {error}."
            continue
        except PieceGone as error:
            if _is_catalogued(connection, stream, piece):
                mark_broken(connection, stream, piece, error.why)
                yield f"Unreadable: {piece.named(error.why)}."
            continue
        if piece.broken is not None:  # it was brought back, or this version reads what an earlier one could not
            _take_back(connection, stream, piece)
        seen.append(found.ids)
        yield from _facts(piece, found)
    together = np.concatenate(seen) if seen else np.empty(0, np.int64)
    if len(np.unique(together)) != len(together):
        yield f"Ids from {pieces[0].first_id} to {pieces[0].last_id} occur more than once."


def _contents(connection: Connection, stream: StreamRef, piece: Piece) -> _Contents:
    """Makes every event of it, a row group's at a time. Raises BrokenPiece, and PieceGone."""
    frames = frames_of(connection, stream, piece)
    ids, times = (np.concatenate([getattr(frame, name) for frame in frames]) for name in ("ids", "times"))
    try:
        raw_bytes = sum(len(stored.event.raw) for frame in frames for stored in frame.events())
    except BrokenSegment as error:
        raise BrokenPiece(piece, error) from error
    return _Contents(ids, times, raw_bytes)


def _take_back(connection: Connection, stream: StreamRef, piece: Piece) -> None:
    """What of it was deleted meanwhile is hidden, and is to be erased now."""
    with connection.transaction():
        connection.execute(plain("lock_upkeep"), {"stream_id": stream.stream_id})
        mark_broken(connection, stream, piece, None)
        connection.execute(plain("release_deletions"), {"stream_id": stream.stream_id})


def _facts(piece: Piece, found: _Contents) -> Iterator[str]:
    ids, times, raw_bytes = found
    facts = (len(ids), int(times.min()), int(times.max()))
    if facts != (piece.events, piece.min_time, piece.max_time):
        yield f"The catalogue is wrong: {piece.named(f'holds {facts[0]} events from {facts[1]} to {facts[2]}')}."
    if raw_bytes != piece.raw_bytes:
        told = f"its lines have {raw_bytes} bytes; {piece.raw_bytes} came"
        yield f"Lines have changed: {piece.named(told)}."
    if ids.min() < piece.first_id or ids.max() > piece.last_id:
        yield f"Ids lie outside the range: {piece.named(f'holds {ids.min()} to {ids.max()}')}."
    later, steps = np.diff(times), np.diff(ids)
    if ((later < 0) | ((later == 0) & (steps <= 0))).any():
        yield f"Events do not lie in the order of time: {piece.named('pages would leave some out')}."


def _is_catalogued(connection: Connection, stream: StreamRef, piece: Piece) -> bool:
    params = {"stream_id": stream.stream_id, "segment_id": piece.segment_id}
    return connection.execute(plain("is_catalogued"), params).fetchone() is not None
