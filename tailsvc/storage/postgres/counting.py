"""Counts, histograms and facets over pieces: from summaries where these tell, else from the columns concerned."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import orjson

from tailsvc.deadlines import Deadline
from tailsvc.facets import OTHER, SplitNames, ValueCounts, facet_text
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX
from tailsvc.queries import Direction, Selection, Split
from tailsvc.segments.attributes import MIXED, REST
from tailsvc.segments.columns import Column, Rows, Text
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.frame import IS_BOT, MESSAGE, TEMPLATE, Frame
from tailsvc.segments.probing import probe_of
from tailsvc.segments.selecting import selected_rows
from tailsvc.segments.summary import MINUTE, Cells, is_told_by_cells
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.cache import Key
from tailsvc.storage.postgres.finding import visible_rows
from tailsvc.storage.postgres.pieces import Index, Payloads, Piece
from tailsvc.storage.postgres.snapshots import Snapshot

T = TypeVar("T")
Weighted = tuple[Frame, Rows, Any]  # rows of a frame, and for how many events each stands
Counted = tuple[int, str, int]  # a bucket's start, a name, how many events
Buckets = dict[int, Counter[str]]


class Tally:
    """Goes over all that a snapshot selects."""

    def __init__(self, payloads: Payloads, stream: StreamRef, snapshot: Snapshot, deadline: Deadline) -> None:
        self._payloads = payloads
        self._stream = stream
        self._snapshot = snapshot
        self._deadline = deadline
        self._selection = snapshot.selection
        self._digest = hashlib.blake2b(repr(self._selection.filter).encode(), digest_size=16).digest()

    def count(self) -> int:
        return sum(self._answers(("count",), MINUTE, _sum_of))

    def histogram(self, interval: int, split: Split | None, told: SplitNames) -> Buckets:
        def counted(parts: Iterator[Weighted]) -> list[Counted]:
            return [one for part in parts for one in _counted(*part, interval, split, told)]

        buckets: Buckets = {}
        question = ("histogram", interval, split)
        for found in self._answers(question, interval, counted, is_final=_names_all):
            for start, name, total in found:
                buckets.setdefault(start, Counter())[told.of(name)] += total
        return buckets

    def facets(self, fields: Sequence[str]) -> ValueCounts:
        counts = ValueCounts(fields)
        told = set(fields) <= {"level", "status", "status_class"} and self._is_told(MINUTE)
        for piece, index in self._indexed(self._snapshot.pieces, told=told):
            for frame, rows, weights in self._weighted(piece, index, told=told):
                for field in fields:
                    for value, times in _values_of(frame, rows, weights, field):
                        counts.add(field, value, times)
        return counts

    def _answers(
        self,
        question: Key,
        interval: int,
        answer: Callable[[Iterator[Weighted]], T],
        is_final: Callable[[T], bool] = lambda _: True,
    ) -> Iterator[T]:
        """Of each piece. What was answered of the whole of one is remembered: pieces never change."""
        key = (*question, self._digest)
        left = []
        for piece in self._snapshot.pieces:
            known = self._payloads.recall(piece, key) if self._is_all_of(piece) else None
            if known is None:
                left.append(piece)
            else:
                yield known
        told = self._is_told(interval)
        for piece, index in self._indexed(left, told=told):
            found = answer(self._weighted(piece, index, told=told))
            if self._is_all_of(piece) and is_final(found):
                self._payloads.remember(piece, key, found)
            yield found

    def _is_told(self, interval: int) -> bool:
        """Whether cells (of a minute) tell the filter and the interval."""
        return interval % MINUTE == 0 and is_told_by_cells(self._selection.filter)

    def _weighted(self, piece: Piece, index: Index | None, *, told: bool) -> Iterator[Weighted]:
        """Rows for which a summary stands in where cells tell the question."""
        if told and index is not None and index.cells is not None and self._is_whole(piece):
            return self._by_cells(piece, index.cells)
        return self._by_rows(piece, self._selection, index)

    def _indexed(self, pieces: Sequence[Piece], *, told: bool) -> Iterator[tuple[Piece, Index | None]]:
        """With their indexes where cells may tell something, or text filters."""
        self._payloads.bring(self._stream, pieces)
        indexed: Iterable[tuple[Piece, Index | None]] = ((piece, None) for piece in pieces)
        if told or probe_of(self._selection.filter):
            indexed = self._payloads.indexed(self._stream, pieces)
        for one in indexed:
            self._deadline.check()
            yield one

    def _is_all_of(self, piece: Piece) -> bool:
        """Whether nothing is taken away from the piece but what the filter takes."""
        start, end = self._selection.start, self._selection.end
        is_inside = (start is None or start <= piece.min_time) and (end is None or end >= piece.max_time)
        return is_inside and self._is_whole(piece)

    def _is_whole(self, piece: Piece) -> bool:
        """Whether only the window may take something away from the piece."""
        as_of = self._selection.as_of
        if as_of is not None and piece.last_id > as_of:
            return False
        return not any(deletion.touches(piece) for deletion in self._snapshot.deletions)

    def _by_cells(self, piece: Piece, cells: Cells) -> Iterator[Weighted]:
        """Cells of the minutes that the window holds whole; the minutes at its ends are decoded."""
        start, end = self._selection.start, self._selection.end
        first = -(-start // MINUTE) * MINUTE if start is not None and start > piece.min_time else None
        behind = (end + 1) // MINUTE * MINUTE if end is not None and end < piece.max_time else None
        if first is not None and behind is not None and first >= behind:
            yield from self._by_rows(piece, self._selection, None)
            return
        inside = Selection(first, None if behind is None else behind - 1)
        rows = np.flatnonzero(_in_window(cells.frame.times, inside))
        rows = matching_rows(cells.frame, self._selection.filter, rows, limit=None, newest_first=False)
        yield cells.frame, rows, cells.counts[rows]
        if first is not None and first > (start or 0):
            yield from self._by_rows(piece, replace(self._selection, end=first - 1), None)
        if behind is not None and end is not None and behind <= end:
            yield from self._by_rows(piece, replace(self._selection, start=behind), None)

    def _by_rows(self, piece: Piece, selection: Selection, index: Index | None) -> Iterator[Weighted]:
        told = [] if index is None else index.told(probe_of(selection.filter))
        if told and not any(told):  # known without the payload
            return
        segment = self._payloads.segment(self._stream, piece)
        groups = [
            group
            for group, span in enumerate(segment.spans())
            if selection.overlaps(*span) and (group >= len(told) or told[group])
        ]
        if not groups:
            return
        # All at once: a search costs much for each frame, and little for each row.
        frame = segment.frame(*groups)
        rows = selected_rows(frame, selection, after=None, direction=Direction.OLDEST_FIRST)
        rows = visible_rows(frame, rows, piece, self._snapshot.deletions)
        rows = matching_rows(frame, selection.filter, rows, limit=None, newest_first=False)
        yield frame, rows, np.ones(len(rows), np.int64)


def _in_window(times: Any, window: Selection) -> Any:
    inside = np.ones(len(times), np.bool_)
    if window.start is not None:
        inside &= times >= window.start
    if window.end is not None:
        inside &= times <= window.end
    return inside


def _sum_of(parts: Iterator[Weighted]) -> int:
    return sum(int(weights.sum()) for _, _, weights in parts)


def _names_all(found: Sequence[Counted]) -> bool:
    """Whether no name stands for others, which depends on what was counted before."""
    return all(name != OTHER for _, name, _ in found)


def _counted(
    frame: Frame, rows: Rows, weights: Any, interval: int, split: Split | None, told: SplitNames
) -> Iterator[Counted]:
    starts, places = np.unique(frame.times[rows] // interval * interval, return_inverse=True)
    names, codes = _split_codes(frame, rows, split, told)
    totals = np.bincount(places * len(names) + codes, weights, len(starts) * len(names)).astype(np.int64)
    for place in np.flatnonzero(totals).tolist():
        bucket, name = divmod(place, len(names))
        yield int(starts[bucket]), names[name], int(totals[place])


def _split_codes(frame: Frame, rows: Rows, split: Split | None, told: SplitNames) -> tuple[Sequence[str], Any]:
    """The names that are told apart, and the number of each row's."""
    if split is Split.LEVEL and (levels := frame.text("level")) is not None:
        return _level_codes(levels, rows, told)
    if split is Split.STATUS_CLASS:
        return _status_classes(frame, rows)
    return [""], np.zeros(len(rows), np.int64)


def _level_codes(levels: Text, rows: Rows, told: SplitNames) -> tuple[Sequence[str], Any]:
    codes = levels.codes[rows]
    used = np.flatnonzero(np.bincount(codes))
    names = [told.of(levels.values[code - 1] if code else "") for code in used.tolist()]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(["", *names]))}
    table = np.zeros(len(levels.values) + 1, np.int64)
    table[used] = [numbers[name] for name in names]
    return [*numbers], table[codes]


def _status_classes(frame: Frame, rows: Rows) -> tuple[Sequence[str], Any]:
    status = frame.number("status")
    if status is None:
        return [""], np.zeros(len(rows), np.int64)
    classes = np.where(status.mask[rows], status.values[rows] // 100, 0)
    return ["", *(f"{number}xx" for number in range(1, 10))], classes


def _values_of(frame: Frame, rows: Rows, weights: Any, field: str) -> Iterable[tuple[str, int]]:
    """The values of these rows, and how many events have each."""
    if field == "status_class":
        names, codes = _status_classes(frame, rows)
        return _of_codes(names, codes, weights)
    if field == MESSAGE and MESSAGE + TEMPLATE in frame.columns:
        return Counter(text for text in frame.whole(MESSAGE, rows) if text is not None).items()
    column = frame.bots if field == IS_BOT else frame.columns.get(field)
    if column is not None:
        return _of_column(column, rows, weights, is_flag=field == IS_BOT)
    if field.startswith(ATTRIBUTE_PREFIX):
        return Counter(_odd_attribute(frame, rows, field[len(ATTRIBUTE_PREFIX) :])).items()
    return ()


def _of_column(column: Column, rows: Rows, weights: Any, *, is_flag: bool) -> Iterator[tuple[str, int]]:
    if isinstance(column, Text):
        yield from _of_codes(["", *column.values], column.codes[rows], weights)
        return
    there = column.mask[rows]
    values, codes = np.unique(column.values[rows][there], return_inverse=True)
    totals = np.bincount(codes, weights[there], len(values)).astype(np.int64).tolist()
    for value, total in zip(values.tolist(), totals, strict=True):
        yield facet_text(bool(value) if is_flag else value), total


def _of_codes(names: Sequence[str], codes: Any, weights: Any) -> Iterator[tuple[str, int]]:
    """The first name is that of rows without a value, which do not count."""
    totals = np.bincount(codes, weights, len(names)).astype(np.int64)
    for code in np.flatnonzero(totals).tolist():
        if code:
            yield names[code], int(totals[code])


def _odd_attribute(frame: Frame, rows: Rows, name: str) -> Iterator[str]:
    mixed, rest = frame.text(MIXED + name), frame.text(REST)
    if mixed is not None:
        values = [orjson.loads(text) for text in mixed.texts(rows) if text is not None]
    elif rest is not None:
        values = [orjson.loads(text).get(name) for text in rest.texts(rows) if text is not None]
    else:
        return
    yield from (facet_text(value) for value in values if value is not None)
