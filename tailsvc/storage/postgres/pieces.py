"""Pieces: rows of the catalogue, and how their payloads are had."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tailsvc.errors import BrokenSegment
from tailsvc.segments.encode import groups_of
from tailsvc.segments.probing import Probe
from tailsvc.segments.reader import Segment
from tailsvc.segments.summary import Cells, read_summary
from tailsvc.segments.text_filter import bits_of
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.cache import Cache, Key
from tailsvc.storage.postgres.pools import Connection, Pools
from tailsvc.storage.postgres.statements import plain

_INDEXES = 16  # two megabytes each at most, for lines full of identifiers
_BROUGHT = "brought"  # a payload as it was fetched, in the cache


class Piece(NamedTuple):
    """The columns of the statements `pieces` and `piece_of`; times in microseconds."""

    segment_id: int
    first_id: int
    last_id: int
    events: int
    min_time: int
    max_time: int
    parts: int
    bytes: int
    raw_bytes: int
    broken: str | None

    @property
    def is_recent(self) -> bool:
        return self.parts == 1

    def named(self, why: object) -> str:
        kind = "recent block" if self.is_recent else "segment"
        return f"{kind} {self.segment_id} (ids {self.first_id} to {self.last_id}): {why}"


class PieceGone(Exception):
    """Its payload was deleted after the catalogue was read: compaction or retention came between. Read again.

    One that the catalogue still names is lost.
    """

    why = "its payload is missing"

    def __init__(self, piece: Piece) -> None:
        super().__init__(piece.segment_id)
        self.piece = piece


class BrokenPiece(BrokenSegment):
    """A payload that cannot be read, and whose it is."""

    def __init__(self, piece: Piece, why: object) -> None:
        super().__init__(piece.named(why))
        self.piece = piece
        self.why = str(why)


class Index(NamedTuple):
    """What is known of a segment beside its columns; either may be missing."""

    cells: Cells | None
    filters: Sequence[bytes]  # the bits of one for each row group, or none

    def told(self, probe: Probe | None) -> list[bool]:
        """For each row group: whether it may hold what is asked for. Empty where that cannot be told."""
        return [] if probe is None else [probe(filter_) for filter_ in self.filters]


class _Memory:
    """The cache, as one piece sees it."""

    __slots__ = ("_cache", "_number", "_piece")

    def __init__(self, cache: Cache, piece: Piece) -> None:
        self._cache = cache
        self._piece = piece
        self._number = piece.segment_id

    def find(self, key: Key) -> Any:
        return self._cache.get((self._number, *key))

    def keep(self, key: Key, make: Callable[[], Any]) -> Any:
        """Two threads may make the same; both are right."""
        try:
            made = make()
        except BrokenSegment as error:
            raise BrokenPiece(self._piece, error) from error
        self._cache.put((self._number, *key), made)
        return made


class Payloads:
    """Fetches what the cache does not have; counts what it fetches, for tests and metrics."""

    def __init__(self, pools: Pools, cache: Cache) -> None:
        self._pools = pools
        self._cache = cache
        self.fetched = 0

    def segment(self, stream: StreamRef, piece: Piece) -> Segment:
        return Segment(
            lambda part: self._fetch(stream, piece, part),
            parts=piece.parts,
            base=piece.first_id,
            memory=_Memory(self._cache, piece),
        )

    def recall(self, piece: Piece, question: Key) -> Any:
        """What was answered of all of the piece before; None: nothing."""
        return self._cache.get((piece.segment_id, *question))

    def remember(self, piece: Piece, question: Key, answer: Any) -> None:
        self._cache.put((piece.segment_id, *question), answer)

    def bring(self, stream: StreamRef, pieces: Sequence[Piece]) -> None:
        """Fetch the recent blocks among these that are not here yet, all at once: they are small, and may be many."""
        wanted = [piece.segment_id for piece in pieces if piece.is_recent and not self._has(piece)]
        if len(wanted) < 2:
            return  # whoever needs it fetches it
        with self._pools.reader(stream.team_id) as connection:
            params = {"stream_id": stream.stream_id, "segment_ids": wanted}
            rows = connection.execute(plain("recent_payloads"), params, binary=True).fetchall()
        for number, data in rows:
            self._cache.put((number, _BROUGHT), bytes(data))
        self.fetched += len(rows)

    def _has(self, piece: Piece) -> bool:
        number = piece.segment_id
        return self._cache.get((number, "part", 0)) is not None or self._cache.get((number, _BROUGHT)) is not None

    def indexed(self, stream: StreamRef, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Index]]:
        """Each piece with its index, few fetched at a time: together they may be gigabytes."""
        for start in range(0, len(pieces), _INDEXES):
            some = pieces[start : start + _INDEXES]
            yield from zip(some, self.indexes(stream, some), strict=True)

    def indexes(self, stream: StreamRef, pieces: Sequence[Piece]) -> list[Index]:
        """Of each piece; those of recent blocks, and what cannot be read, are empty."""
        events = {piece.segment_id: piece.events for piece in pieces if not piece.is_recent}
        found = {number: self._cache.get((number, "index")) for number in events}
        missing = [number for number, index in found.items() if index is None]
        if missing:
            with self._pools.reader(stream.team_id) as connection:
                params = {"stream_id": stream.stream_id, "segment_ids": missing}
                rows = connection.execute(plain("segment_indexes"), params, binary=True).fetchall()
            for number, summary, filters in rows:
                found[number] = index = Index(_cells(summary), _cut(filters, groups_of(events[number])))
                self._cache.put((number, "index"), index)
        nothing = Index(None, ())
        return [found.get(piece.segment_id) or nothing for piece in pieces]

    def _fetch(self, stream: StreamRef, piece: Piece, part: int) -> bytes:
        brought: bytes | None = self._cache.get((piece.segment_id, _BROUGHT)) if piece.is_recent else None
        if brought is not None:
            return brought
        with self._pools.reader(stream.team_id) as connection:
            return fetch_part(connection, stream, piece, part, self)


def fetch_part(
    connection: Connection, stream: StreamRef, piece: Piece, part: int, counter: Payloads | None = None
) -> bytes:
    params = {"stream_id": stream.stream_id, "segment_id": piece.segment_id, "part": part}
    name = "recent_payload" if piece.is_recent else "segment_payload"
    row = connection.execute(plain(name), params, binary=True).fetchone()
    if row is None:
        raise PieceGone(piece)
    if counter is not None:
        counter.fetched += 1
    return bytes(row[0])


def _cells(summary: bytes | None) -> Cells | None:
    try:
        return None if summary is None else read_summary(summary)
    except BrokenSegment:
        return None  # the columns say the same, only slower


def join_filters(filters: Sequence[bytes]) -> bytes:
    """Each behind its length (4 bytes, little endian)."""
    return b"".join(len(each).to_bytes(4, "little") + each for each in filters)


def _cut(joined: bytes | None, groups: int) -> list[bytes]:
    """Of each row group one, or none at all: where some are lost, the others may be any group's."""
    found, start = [], 0
    while joined and start < len(joined):
        end = start + 4 + int.from_bytes(joined[start : start + 4], "little")
        found.append(bits_of(joined[start + 4 : end]))
        start = end
    return found if len(found) == groups else []
