"""Deletion by query: accepted and hidden at once, erased later; and the trimming of what retention half took.

What lies in a piece that cannot be read can be erased no more than read. It may come back, so the deletion is held:
it hides on, and is carried out when the piece is there again (`checking`) or forgotten when it is gone for good.
"""

import time
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

# A step gives way to other streams after this long, though a deletion may concern every piece of its stream.
_STEP_SECONDS = 5.0


class Erased:
    """Which pieces hold nothing that a deletion hides. As pieces never change, the next step passes them over.

    Of this process; another one looks for itself.
    """

    def __init__(self) -> None:
        self._pieces: dict[int, set[int]] = {}  # by the deletion's number

    def knows(self, deletion: Deletion, piece: Piece) -> bool:
        return piece.segment_id in self._pieces.get(deletion.number, ())

    def note(self, deletions: Sequence[Deletion], segment_id: int) -> None:
        for deletion in deletions:
            if deletion.number:
                self._pieces.setdefault(deletion.number, set()).add(segment_id)

    def forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._pieces.pop(number, None)


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


def erase(connection: Connection, stream: StreamRef, erased: Erased) -> bool:
    """One step; whether there may be more to do."""
    with alone(connection, stream) as ours:
        if not ours:
            return False
        try:
            found = snapshot(connection, stream, Selection())
        except UnknownStream:  # it was purged
            return False
        try:
            unread = _erase_pieces(connection, stream, found, erased, time.monotonic() + _STEP_SECONDS)
            if unread is not None:
                erased.forget(_finish(connection, stream, found, unread))
        except Overtaken:
            return True  # retention came between: once more
        return unread is None or any(deletion.number and not deletion.is_held for deletion in found.deletions)


def _erase_pieces(
    connection: Connection, stream: StreamRef, found: Snapshot, erased: Erased, until: float
) -> list[Piece] | None:
    """The pieces that cannot be read; None where the time was up before all were looked at. One is looked at always."""
    rows = connection.execute(plain("all_pieces"), {"stream_id": stream.stream_id}, binary=True).fetchall()
    unread, looked = [], 0
    for piece in map(Piece._make, rows):
        if piece.broken is not None:
            unread.append(piece)
            continue
        if not any(_is_worth_it(one, piece) and not erased.knows(one, piece) for one in found.deletions):
            continue
        if looked and time.monotonic() >= until:
            return None
        looked += 1
        try:
            erased.note(found.deletions, _erase_from(connection, stream, found, piece))
        except (BrokenPiece, PieceGone) as error:  # of one that retention took there is nothing to mark
            mark_broken(connection, stream, piece, error.why)
            unread.append(piece)
    return unread


def _erase_from(connection: Connection, stream: StreamRef, found: Snapshot, piece: Piece) -> int:
    """Rewrites one piece without what is to go; the number of the one that is there now, or was.

    Raises BrokenPiece, and PieceGone.
    """
    frames = frames_of(connection, stream, piece)
    kept = [frame.take(visible_rows(frame, np.arange(len(frame)), piece, found.deletions)) for frame in frames]
    left = sum(map(len, kept))
    if left == piece.events:
        return piece.segment_id
    return _replace(connection, stream, piece, [frame for frame in kept if len(frame)], piece.events - left)


def _is_worth_it(deletion: Deletion, piece: Piece) -> bool:
    """What was deleted goes now; what retention took once it is half of the piece, so that this is seldom done."""
    if not deletion.is_trim or deletion.end is None:
        return not deletion.is_held and deletion.touches(piece)
    return deletion.touches(piece) and deletion.end - piece.min_time > (piece.max_time - piece.min_time) // 2


def _replace(connection: Connection, stream: StreamRef, piece: Piece, frames: Sequence[Frame], gone: int) -> int:
    new = _rewritten(piece, join_frames(frames)) if frames else None
    raw_bytes = new.encoded.raw_bytes if new else 0
    number = piece.segment_id
    with connection.transaction():
        connection.execute(plain("lock_upkeep"), {"stream_id": stream.stream_id})
        remove(connection, stream, [piece])
        if new is not None:
            number = insert(connection, stream, new, 0)
        _count_discarded(connection, stream, gone, piece.raw_bytes - raw_bytes)
    return number


def _rewritten(piece: Piece, frame: Frame) -> New:
    raw_bytes = sum(map(len, frame.raws()))
    if piece.is_recent:
        block = encode(frame, base=piece.first_id, raw_bytes=raw_bytes, thorough=False)
        return New(piece.first_id, piece.last_id, block, None)
    made = make_segment(frame, base=piece.first_id, raw_bytes=raw_bytes)
    return New(piece.first_id, piece.last_id, made.encoded, made)


def _finish(connection: Connection, stream: StreamRef, found: Snapshot, unread: Sequence[Piece]) -> list[int]:
    """Erases rows, and forgets the deletions of which no piece has anything any more, and none can get it: which."""
    accepted = [deletion for deletion in found.deletions if deletion.number]
    left = {deletion.number for deletion in accepted if any(map(deletion.touches, unread))}
    fresh = [deletion.number for deletion in accepted if not deletion.is_held]
    held = [deletion.number for deletion in accepted if deletion.is_held and deletion.number not in left]
    if not fresh and not held:
        return []
    ids = {"stream_id": stream.stream_id, "segment_ids": [piece.segment_id for piece in unread]}
    with connection.transaction():
        connection.execute(plain("lock_upkeep"), ids)
        for deletion in found.deletions if fresh else ():
            _erase_rows(connection, stream, deletion)
        connection.execute(plain("hold_deletions"), {**ids, "deletion_ids": [*left.intersection(fresh)]})
        done = [number for number in fresh if number not in left]
        connection.execute(plain("forget_deletions"), {**ids, "deletion_ids": done, "held": False})
        connection.execute(plain("forget_deletions"), {**ids, "deletion_ids": held, "held": True})
    return [*done, *held]


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
