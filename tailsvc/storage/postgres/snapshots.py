"""What a read knows of a stream before it looks at events: one moment of its counters, deletions and catalogue."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tailsvc.errors import UnknownStream
from tailsvc.filters import EVERYTHING, Filter
from tailsvc.filters.storing import from_json
from tailsvc.queries import Head, Selection
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.pieces import Piece
from tailsvc.storage.postgres.pools import Connection, Pools
from tailsvc.storage.postgres.statements import plain

_EARLIEST, _LATEST = -(2**63), 2**63 - 1
_HEAD_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion that waits: what is hidden already."""

    start: int | None
    end: int | None
    condition: Filter
    greatest_id: int
    is_trim: bool = False  # retention's
    number: int = 0
    is_held: bool = False  # carried out, but for pieces that cannot be read

    def touches(self, piece: Piece) -> bool:
        return (
            piece.first_id <= self.greatest_id
            and (self.start is None or piece.max_time >= self.start)
            and (self.end is None or piece.min_time <= self.end)
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is hidden (first what retention took), and the pieces that may hold events of the selection."""

    head: Head
    selection: Selection
    deletions: Sequence[Deletion]
    pieces: Sequence[Piece]
    incomplete: tuple[str, ...] = ()  # pieces that may too, but cannot be read
    has_rows: bool = True  # False: all events lie in pieces, so that there is nothing to ask of rows


@contextmanager
def reading(pools: Pools, stream: StreamRef, selection: Selection) -> Iterator[tuple[Connection, Snapshot]]:
    """A transaction that sees the very moment of the snapshot. Raises UnknownStream."""
    with pools.reader(stream.team_id) as connection:
        yield connection, snapshot(connection, stream, selection)


def snapshot(connection: Connection, stream: StreamRef, selection: Selection) -> Snapshot:
    found = _moment(connection, stream, selection)
    return replace(found, pieces=_pieces(connection, "pieces", stream, _window(selection)))


def snapshot_behind(connection: Connection, stream: StreamRef, after: int, selection: Selection) -> Snapshot:
    """With the pieces that may hold ids behind `after`, up to the selection's `as_of`."""
    found = _moment(connection, stream, selection)
    return replace(found, pieces=_pieces(connection, "pieces_behind", stream, {"after": after, **_window(selection)}))


def _moment(connection: Connection, stream: StreamRef, selection: Selection) -> Snapshot:
    """Without pieces."""
    row = connection.execute(plain("state"), {"stream_id": stream.stream_id}, binary=True).fetchone()
    if row is None:
        raise UnknownStream("There is no such stream.")
    *trim, has_rows, deletions = row[_HEAD_COLUMNS:]
    hidden = [*_trim(*trim), *map(_deletion, deletions or ())]
    return Snapshot(Head(*row[:_HEAD_COLUMNS]), selection, hidden, (), has_rows=has_rows)


def _pieces(connection: Connection, name: str, stream: StreamRef, params: dict[str, int]) -> list[Piece]:
    found = connection.execute(plain(name), {"stream_id": stream.stream_id, **params}, binary=True)
    return [*map(Piece._make, found)]


def _trim(before: int, greatest_id: int) -> list[Deletion]:
    """What retention took, of pieces that hold younger events too."""
    return [Deletion(None, before - 1, EVERYTHING, greatest_id, is_trim=True)] if before else []


def _window(selection: Selection) -> dict[str, int]:
    return {
        "start": _EARLIEST if selection.start is None else selection.start,
        "end": _LATEST if selection.end is None else selection.end,
        "as_of": _LATEST if selection.as_of is None else selection.as_of,
    }


def _deletion(found: Sequence[Any]) -> Deletion:
    start, end, condition, greatest_id, number, is_held = found
    return Deletion(start, end, from_json(condition), greatest_id, number=number, is_held=is_held)
