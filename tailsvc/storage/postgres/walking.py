"""One page over all forms: rows, recent blocks and segments, merged by time, and not further than the page needs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, islice, starmap
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from tailsvc import limits
from tailsvc.deadlines import Deadline
from tailsvc.events import StoredEvent
from tailsvc.queries import Direction, Scan, Selection
from tailsvc.segments.columns import Rows
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.frame import Frame
from tailsvc.segments.picking import events_of
from tailsvc.segments.probing import Probe, probe_of
from tailsvc.segments.reader import Segment
from tailsvc.segments.selecting import selected_rows
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.finding import visible_rows
from tailsvc.storage.postgres.pieces import Index, Payloads, Piece
from tailsvc.storage.postgres.snapshots import Snapshot

# What may be decoded at once, whatever a piece's average promises: a few of the largest pieces.
_MOST_DECODED = 256 * limits.MIB


class _Found(NamedTuple):
    """Sorts as the page is ordered. Names its frame and does not hold it: there may be as many as events."""

    order: tuple[int, int]
    event: StoredEvent | None  # of a row
    piece: Piece | None = None
    group: int = 0
    row: int = 0

    @property
    def size(self) -> int:
        """About how many bytes its line has."""
        if self.piece is None:
            return 0 if self.event is None else len(self.event.event.raw)
        return self.piece.raw_bytes // self.piece.events


_place = attrgetter("order")


class Walk:
    """Finds the first `limit` + 1 events of a scan, and decodes as many as a page may have."""

    def __init__(
        self, payloads: Payloads, stream: StreamRef, scan: Scan, snapshot: Snapshot, deadline: Deadline
    ) -> None:
        self._payloads = payloads
        self._stream = stream
        self._scan = scan
        self._snapshot = snapshot
        self._deadline = deadline
        self._wanted = scan.limit + 1
        self._newest_first = scan.direction is Direction.NEWEST_FIRST
        self._found: list[_Found] = []
        self._groups_walked = self._rows_found = 0
        self._window = self._narrowed()

    def run(self, rows: Sequence[StoredEvent]) -> tuple[list[StoredEvent], bool]:
        """The page, and whether there is more. `rows` are the first of the matching events that are rows, in order."""
        self._add(_Found(self._order(stored.event.timestamp, stored.id), stored) for stored in rows)
        pieces = self._in_order()
        brought = 0
        for place, (piece, index) in enumerate(self._indexed(pieces)):
            self._deadline.check()
            if self._is_done(piece):
                break
            if place >= brought:  # few at first: the page may well be full with them
                more = brought + 4 * (brought or 1)
                self._payloads.bring(self._stream, pieces[brought:more])
                brought = more
            self._walk_piece(piece, index)
        return self._page()

    def _in_order(self) -> list[Piece]:
        """Those that reach furthest to where the walk begins first."""
        after = self._scan.after
        if self._newest_first:
            pieces = [piece for piece in self._snapshot.pieces if after is None or piece.min_time <= after.timestamp]
            return sorted(pieces, key=lambda piece: -piece.max_time)
        pieces = [piece for piece in self._snapshot.pieces if after is None or piece.max_time >= after.timestamp]
        return sorted(pieces, key=lambda piece: piece.min_time)

    def _indexed(self, pieces: Sequence[Piece]) -> Iterable[tuple[Piece, Index | None]]:
        self._probe: Probe | None = probe_of(self._scan.selection.filter)
        return (
            ((piece, None) for piece in pieces) if self._probe is None else self._payloads.indexed(self._stream, pieces)
        )

    def _is_done(self, piece: Piece) -> bool:
        """Whether nothing of this piece, and so of no later one, can come before the last event found."""
        if len(self._found) < self._wanted:
            return False
        edge = piece.max_time if self._newest_first else piece.min_time
        # An equal time may still have the better id.
        return self._found[self._wanted - 1].order[0] < (-edge if self._newest_first else edge)

    def _walk_piece(self, piece: Piece, index: Index | None) -> None:
        segment = self._payloads.segment(self._stream, piece)
        groups = self._groups(segment, index)
        found = 0
        while some := [*islice(groups, self._at_once())]:
            self._deadline.check()
            rows = self._walk_groups(piece, segment, sorted(some))
            found += rows
            self._groups_walked += len(some)
            self._rows_found += rows
            if found >= self._wanted:  # the piece's other groups lie behind these
                return

    def _at_once(self) -> int:
        """About as many row groups as the page still needs: a search costs much for each frame, little for each row."""
        missing = self._wanted - len(self._found)
        if not self._rows_found:
            return 1 + self._groups_walked
        return max(1, missing * self._groups_walked // self._rows_found)

    def _walk_groups(self, piece: Piece, segment: Segment, groups: Sequence[int]) -> int:
        frame = segment.frame(*groups)
        rows = self._matching(frame, piece)
        starts = np.cumsum([0, *(segment.groups[group] for group in groups[:-1])])
        places = np.searchsorted(starts, rows, "right") - 1
        self._add(
            _Found(order, None, piece, groups[place], row)
            for order, place, row in zip(
                self._orders(frame, rows), places.tolist(), (rows - starts[places]).tolist(), strict=True
            )
        )
        return len(rows)

    def _orders(self, frame: Frame, rows: Rows) -> Iterator[tuple[int, int]]:
        return starmap(self._order, zip(frame.times[rows].tolist(), frame.ids[rows].tolist(), strict=True))

    def _add(self, found: Iterable[_Found]) -> None:
        """These are in order; mostly all of them come behind what is there."""
        self._found += found
        self._found.sort(key=_place)
        del self._found[self._wanted :]
        self._window = self._narrowed()

    def _groups(self, segment: Segment, index: Index | None) -> Iterator[int]:
        """Those that may hold something, the one where the walk begins first."""
        told = [] if index is None else index.told(self._probe)
        if told and not any(told):  # known without the payload
            return
        spans = segment.spans()
        groups = range(len(spans))
        for group in reversed(groups) if self._newest_first else groups:
            if self._window.overlaps(*spans[group]) and (group >= len(told) or told[group]):
                yield group

    def _matching(self, frame: Frame, piece: Piece) -> Rows:
        window = self._window
        rows = selected_rows(frame, window, after=self._scan.after, direction=self._scan.direction)
        rows = visible_rows(frame, rows, piece, self._snapshot.deletions)
        return matching_rows(frame, window.filter, rows, limit=self._wanted, newest_first=self._newest_first)

    def _narrowed(self) -> Selection:
        """The window as far as the page reaches by now."""
        selection = self._snapshot.selection
        starts, ends = [selection.start], [selection.end]
        behind, before = (ends, starts) if self._newest_first else (starts, ends)
        if self._scan.after is not None:
            behind.append(self._scan.after.timestamp)
        if len(self._found) >= self._wanted:
            before.append(abs(self._found[self._wanted - 1].order[0]))
        return replace(
            selection,
            start=max((edge for edge in starts if edge is not None), default=None),
            end=min((edge for edge in ends if edge is not None), default=None),
        )

    def _order(self, timestamp: int, event_id: int) -> tuple[int, int]:
        return (-timestamp, -event_id) if self._newest_first else (timestamp, event_id)

    def _page(self) -> tuple[list[StoredEvent], bool]:
        """As many of what was found as the limits allow; and whether there is more."""
        events: list[StoredEvent] = []
        size = 0
        for batch in self._batches():
            for stored in self._decoded(batch):
                if len(events) == self._scan.limit or size >= limits.READ_BYTES:
                    return events, True
                events.append(stored)
                size += len(stored.event.raw)
        return events, False

    def _batches(self) -> Iterator[list[_Found]]:
        """What is decoded at once: about a page's bytes, or less where the pieces are large and many."""
        batch: list[_Found] = []
        pieces: set[int] = set()
        about = most = 0
        for found in self._found:
            if about >= limits.READ_BYTES or most >= _MOST_DECODED:
                yield batch
                batch, pieces, about, most = [], set(), 0, 0
            batch.append(found)
            about += found.size
            if found.piece is not None and found.piece.segment_id not in pieces:
                pieces.add(found.piece.segment_id)
                most += found.piece.raw_bytes
        yield batch

    def _decoded(self, batch: Sequence[_Found]) -> list[StoredEvent]:
        """In order; the columns of pieces are decoded only here, for these events."""
        by_piece: dict[Piece, list[int]] = {}
        for place, found in enumerate(batch):
            if found.piece is not None:
                by_piece.setdefault(found.piece, []).append(place)
        events = [found.event for found in batch]
        parts = [
            self._part(piece, [(batch[place].group, batch[place].row) for place in places])
            for piece, places in by_piece.items()
        ]
        for place, event in zip(chain.from_iterable(by_piece.values()), events_of(parts), strict=True):
            events[place] = event
        return [event for event in events if event is not None]

    def _part(self, piece: Piece, places: Sequence[tuple[int, int]]) -> tuple[Frame, Rows]:
        """One frame for all row groups of the piece: each column of each frame costs, whatever it is read for."""
        segment = self._payloads.segment(self._stream, piece)
        groups = sorted({group for group, _ in places})
        starts = dict(zip(groups, accumulate((segment.groups[group] for group in groups), initial=0), strict=False))
        return segment.frame(*groups), np.array([starts[group] + row for group, row in places])
