"""Putting pieces in the place of others, in one short transaction, under the lock of the stream's upkeep."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tailsvc.errors import BrokenSegment
from tailsvc.segments.bundle import Bundle, frame_of_bundles
from tailsvc.segments.encode import Encoded
from tailsvc.segments.frame import Frame
from tailsvc.segments.learning import Book, with_templates
from tailsvc.segments.making import Made
from tailsvc.segments.reader import Segment
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.append import PARSER
from tailsvc.storage.postgres.pieces import BrokenPiece, Piece, PieceGone, fetch_part, join_filters
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.statements import plain

# Tells our advisory locks from others of the database.
_LOCK_CLASS = 0x7461696C
_LOCK_KEYS = 2**31
# Lines as they came, of bundles that are joined at once. Their lists take six times as much, their columns and
# templates a fraction: 60,000 events joined in one go took 240 MB, by pieces of this size 115, in less time.
_BUNDLED_BYTES = 4 * 1024 * 1024


class Overtaken(Exception):
    """Something that was to be replaced is not there any more: retention was quicker. Begin again."""


@dataclass(frozen=True, slots=True)
class New:
    """A piece to come, for the ids from `first_id` to `last_id`."""

    first_id: int
    last_id: int
    encoded: Encoded
    made: Made | None  # None: a recent block


@contextmanager
def alone(connection: Connection, stream: StreamRef) -> Iterator[bool]:
    """Whether this stream is ours to keep up; until the end of the block, or of the connection.

    Not a row's lock: that would need a transaction as long as the work, and its snapshot would slow every append.
    """
    params = {"class": _LOCK_CLASS, "key": stream.stream_id % _LOCK_KEYS}
    row = connection.execute(plain("try_lock"), params).fetchone()
    ours = bool(row and row[0])
    try:
        yield ours
    finally:
        if ours and not connection.broken:
            connection.execute(plain("unlock"), params)


def frames_of(connection: Connection, stream: StreamRef, piece: Piece) -> list[Frame]:
    """Raises BrokenPiece, and PieceGone."""
    segment = Segment(lambda part: fetch_part(connection, stream, piece, part), parts=piece.parts, base=piece.first_id)
    try:
        return [_decoded(frame) for frame in segment.frames()]
    except BrokenSegment as error:
        raise BrokenPiece(piece, error) from error


def frames_of_all(connection: Connection, stream: StreamRef, pieces: Sequence[Piece]) -> list[Frame]:
    """The same of many pieces; many bundles together are one frame. Raises BrokenPiece, and PieceGone."""
    recent = [piece.segment_id for piece in pieces if piece.is_recent]
    params = {"stream_id": stream.stream_id, "segment_ids": recent}
    rows = connection.execute(plain("recent_payloads"), params, binary=True).fetchall() if recent else []
    payloads: dict[int, bytes] = dict(rows)
    frames: list[Frame] = []
    bundles = _Bundles()
    for piece in pieces:
        if not piece.is_recent:
            frames += frames_of(connection, stream, piece)
            continue
        if piece.segment_id not in payloads:
            raise PieceGone(piece)
        try:
            segment = Segment(lambda _: payloads[piece.segment_id], parts=1, base=piece.first_id)  # noqa: B023 (read here)
            bundle = segment.bundle()
            if bundle is None:
                frames += map(_decoded, segment.frames())
            else:
                bundles.add(bundle, piece.raw_bytes)
        except BrokenSegment as error:
            raise BrokenPiece(piece, error) from error
    return [*frames, *bundles.all_frames()]


class _Bundles:
    """Those of one step, which become frames before their lists fill the memory."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._book = Book()
        self._bundles: list[Bundle] = []
        self._bytes = 0

    def add(self, bundle: Bundle, raw_bytes: int) -> None:
        self._bundles.append(bundle)
        self._bytes += raw_bytes
        if self._bytes >= _BUNDLED_BYTES:
            self._join()

    def all_frames(self) -> list[Frame]:
        if self._bundles:
            self._join()
        return self._frames

    def _join(self) -> None:
        self._frames.append(with_templates(frame_of_bundles(self._bundles), self._book))
        self._bundles, self._bytes = [], 0


def _decoded(frame: Frame) -> Frame:
    return Frame(frame.ids, frame.times, {name: frame.columns[name] for name in frame.columns})


def remove(connection: Connection, stream: StreamRef, pieces: Sequence[Piece]) -> None:
    """Within a transaction. Raises Overtaken."""
    params = {"stream_id": stream.stream_id, "segment_ids": [piece.segment_id for piece in pieces]}
    if connection.execute(plain("drop_catalogued"), params).rowcount != len(pieces):
        raise Overtaken
    for name in ("drop_recent", "drop_parts", "drop_indexes"):
        connection.execute(plain(name), params)


def insert(connection: Connection, stream: StreamRef, new: New, now: int) -> int:
    """Within a transaction; the new piece's number."""
    row = connection.execute(plain("next_segment")).fetchone()
    number: int = row[0] if row else 0
    ids = {**stream._asdict(), "segment_id": number}
    encoded = new.encoded
    if new.made is None:
        connection.execute(plain("insert_recent"), {**ids, "data": encoded.parts[0]})
    else:
        for part, data in enumerate(encoded.parts):
            connection.execute(plain("insert_part"), {**ids, "part": part, "data": data})
        index: dict[str, Any] = {"summary": new.made.summary, "text_filter": join_filters(new.made.filters)}
        connection.execute(plain("insert_index"), {**ids, **index})
    connection.execute(
        plain("insert_catalogued"),
        {
            **ids,
            "first_id": new.first_id,
            "last_id": new.last_id,
            "events": encoded.events,
            "min_time": encoded.min_time,
            "max_time": encoded.max_time,
            "parts": len(encoded.parts),
            "bytes": sum(map(len, encoded.parts)),
            "raw_bytes": encoded.raw_bytes,
            "now": now,
            "parser": PARSER,
        },
    )
    return number


def mark_broken(connection: Connection, stream: StreamRef, piece: Piece, why: str | None) -> None:
    """None: it can be read again."""
    params = {"stream_id": stream.stream_id, "segment_id": piece.segment_id, "why": why}
    connection.execute(plain("mark_broken"), params)
