"""Deletion by query: accepted and hidden at once, erased later; and the trimming of what retention half took."""

from collections.abc import Sequence

import numpy as np
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from tailsvc import limits
from tailsvc.errors import TooManyDeletions, UnknownStream
from tailsvc.filters.storing import to_json
from tailsvc.queries import Selection
from tailsvc.segments.encode import encode
from tailsvc.segments.frame import Frame, join_frames
from tailsvc.segments.making import make_segment
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.finding import visible_rows
from tailsvc.storage.postgres.pieces import BrokenPiece, Piece, PieceGone
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.replacing import New, Overtaken, alone, frames_of, insert, mark_broken, remove
from tailsvc.storage.postgres.snapshots import Deletion, Snapshot, snapshot
from tailsvc.storage.postgres.statements import STATEMENTS, plain
from tailsvc.storage.postgres.where import Where


def accept(connection: Connection, stream: StreamRef, selection: Selection, now: int) -> None:
    params = {
        **stream._asdict(),
        "start": selection.start,
        "end": selection.end,
        "condition": Jsonb(to_json(selection.filter)),
        "as_of": selection.as_of,
        "now": now,
        "most": limits.DELETIONS_WAITING,
    }
    if not connection.execute(plain("accept_deletion"), params).rowcount:
        if connection.execute(plain("is_the_team_s"), params).fetchone() is None:
            raise UnknownStream("There is no such stream.")
        raise TooManyDeletions(
            f"{limits.DELETIONS_WAITING} deletions of this stream wait to be carried out; try again later."
        )


def erase(connection: Connection, stream: StreamRef) -> bool:
    with alone(connection, stream) as ours:
        if not ours:
            return False
        # In this order: what is accepted between the two is not forgotten before it was carried out.
        waiting = connection.execute(plain("deletions_of"), {"stream_id": stream.stream_id}).fetchall()
        try:
            found = snapshot(connection, stream, Selection())
        except UnknownStream:  # it was purged
            return False
        everything = connection.execute(plain("all_pieces"), {"stream_id": stream.stream_id}, binary=True)
        try:
            changed = [_erase_from(connection, stream, found, Piece._make(row)) for row in everything.fetchall()]
            _finish(connection, stream, found, [number for (number,) in waiting])
        except Overtaken:
            return True  # retention came between: once more
        return any(changed) or bool(waiting)


def _erase_from(connection: Connection, stream: StreamRef, found: Snapshot, piece: Piece) -> bool:
    """Rewrites one piece without what is to go; whether there was anything."""
    if piece.broken is not None or not any(_is_worth_it(deletion, piece) for deletion in found.deletions):
        return False
    try:
        frames = frames_of(connection, stream, piece)
    except (BrokenPiece, PieceGone) as error:  # of one that retention took there is nothing to mark
        mark_broken(connection, stream, piece, error.why)
        return False
    kept = [frame.take(visible_rows(frame, np.arange(len(frame)), piece, found.deletions)) for frame in frames]
    left = sum(map(len, kept))
    if left == piece.events:
        return False
    _replace(connection, stream, piece, [frame for frame in kept if len(frame)], piece.events - left)
    return True


def _is_worth_it(deletion: Deletion, piece: Piece) -> bool:
    """What was deleted goes now; what retention took once it is half of the piece, so that this is seldom done."""
    if not deletion.is_trim or deletion.end is None:
        return deletion.touches(piece)
    return deletion.touches(piece) and deletion.end - piece.min_time > (piece.max_time - piece.min_time) // 2


def _replace(connection: Connection, stream: StreamRef, piece: Piece, frames: Sequence[Frame], gone: int) -> None:
    new = _rewritten(piece, join_frames(frames)) if frames else None
    raw_bytes = new.encoded.raw_bytes if new else 0
    with connection.transaction():
        connection.execute(plain("lock_upkeep"), {"stream_id": stream.stream_id})
        remove(connection, stream, [piece])
        if new is not None:
            insert(connection, stream, new, 0)
        _count_discarded(connection, stream, gone, piece.raw_bytes - raw_bytes)


def _rewritten(piece: Piece, frame: Frame) -> New:
    raw_bytes = sum(map(len, frame.raws()))
    if piece.is_recent:
        block = encode(frame, base=piece.first_id, raw_bytes=raw_bytes, thorough=False)
        return New(piece.first_id, piece.last_id, block, None)
    made = make_segment(frame, base=piece.first_id, raw_bytes=raw_bytes)
    return New(piece.first_id, piece.last_id, made.encoded, made)


def _finish(connection: Connection, stream: StreamRef, found: Snapshot, numbers: Sequence[int]) -> None:
    """Erases rows, and forgets the deletions: no piece has anything of theirs any more, and none can get it."""
    if not numbers:
        return
    with connection.transaction():
        connection.execute(plain("lock_upkeep"), {"stream_id": stream.stream_id})
        for deletion in found.deletions:
            _erase_rows(connection, stream, deletion)
        params = {"stream_id": stream.stream_id, "deletion_ids": list(numbers)}
        connection.execute(plain("forget_deletions"), params)


def _erase_rows(connection: Connection, stream: StreamRef, deletion: Deletion) -> None:
    where = Where()
    condition = SQL("{} AND {}").format(where.selection(stream, Selection()), where.deleted(deletion))
    statement = SQL(STATEMENTS["erase_rows"]).format(where=condition)
    row = connection.execute(statement, where.params).fetchone()
    if row is not None:
        _count_discarded(connection, stream, int(row[0]), int(row[1]))


def _count_discarded(connection: Connection, stream: StreamRef, events: int, raw_bytes: int) -> None:
    params = {"stream_id": stream.stream_id, "events": events, "bytes": raw_bytes}
    connection.execute(plain("count_discarded"), params)
