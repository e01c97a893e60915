"""Events by the column (`EventTables`) to a frame, without a tuple for each.

Each column is gathered from all tables. Where a table knows how its lines are made of their values, the lines need not
be kept: see `weaving`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, count, repeat
from operator import is_not
from typing import Any

import numpy as np
import numpy.typing as npt

from tailsvc.event_tables import ABSENT, Absent, Coded, EventTable, EventTables, Values, by_value, values_of
from tailsvc.events import Event
from tailsvc.segments.attributes import LARGEST, MIXED, MOST_COLUMNS, PLAIN, as_json_texts, split_attributes
from tailsvc.segments.columns import Column, Mask, Number, Text, presence
from tailsvc.segments.frame import IS_BOT, RAW, TEMPLATE, TEXT_COLUMNS, Frame, line_columns
from tailsvc.segments.weaving import Place, weave

_NUMBERS = {"status": int, "response_time_ms": float, IS_BOT: int}
# Of a column, the rows and their values.
Parts = list[tuple[Place, Values]]


def frame_of_tables(events: EventTables, first_id: int) -> Frame:
    """Events as they were appended; lines are kept where their columns do not tell them."""
    tables = [*events.tables, *_table_of(events.singles)]
    places = [_place(table.rows) for table in tables]
    size = len(events)
    times = np.zeros(size, np.int64)
    for table, place in zip(tables, places, strict=True):
        times[place] = table.times
    columns = dict(_fields(tables, places, size)) | _attributes(tables, places, size)
    frame = Frame(np.arange(first_id, first_id + size, dtype=np.int64), times, columns)
    return Frame(frame.ids, times, columns | _lines(frame, tables, places))


def _table_of(singles: Mapping[int, Event]) -> Iterator[EventTable]:
    if singles:
        values = zip(*singles.values(), strict=True)
        times, raws, *fields, attributes = values
        named = dict(zip(Event._fields[2:-1], fields, strict=True))
        yield EventTable([*singles], times, raws, named, {}, attributes)


def _place(rows: Sequence[int]) -> Place:
    return slice(rows.start, rows.stop) if isinstance(rows, range) else np.array(rows, np.intp)


def _fields(tables: Sequence[EventTable], places: Sequence[Place], size: int) -> Iterator[tuple[str, Column]]:
    for name in (*TEXT_COLUMNS, *_NUMBERS):
        parts = [
            (place, table.fields[name]) for table, place in zip(tables, places, strict=True) if name in table.fields
        ]
        if parts:
            column = _numbers(parts, size, _NUMBERS[name]) if name in _NUMBERS else _texts(parts, size)
            if name == IS_BOT and isinstance(column, Number):  # every event says it
                column = Number(column.values)
            if presence(column).any():
                yield name, column


def _texts(parts: Parts, size: int) -> Text:
    codes_of: defaultdict[str | None, int] = defaultdict(count(1).__next__, {None: 0})
    codes = np.zeros(size, np.int32)
    for place, values in parts:
        said = values_of(values)
        known = np.fromiter(map(codes_of.__getitem__, said), np.int32, len(said))
        codes[place] = known[values.codes] if isinstance(values, Coded) else known
    _, *distinct = codes_of
    return Text(distinct, codes)  # type: ignore[arg-type]


def _numbers(parts: Parts, size: int, dtype: type) -> Number:
    found: npt.NDArray[Any] = np.zeros(size, dtype)
    present = np.zeros(size, np.bool_)
    for place, values in parts:
        said = values_of(values)
        there = _present(said)
        numbers: npt.NDArray[Any] = np.array(
            [0 if value is None else value for value in said] if None in said else said, dtype
        )
        if isinstance(values, Coded):
            there, numbers = there[values.codes], numbers[values.codes]
        present[place], found[place] = there, numbers
    return Number(found, None if present.all() else present)


def _present(values: Values) -> Mask:
    if None not in values:
        return np.ones(len(values), np.bool_)
    return np.fromiter(map(is_not, values, repeat(None)), np.bool_, len(values))


# -- attributes


def _attributes(tables: Sequence[EventTable], places: Sequence[Place], size: int) -> dict[str, Column]:
    """As `split_attributes` makes them."""
    parts: dict[str, Parts] = {}
    for table, place in zip(tables, places, strict=True):
        for name, values in table.attributes.items():
            parts.setdefault(name, []).append((place, values))
    for table in tables:
        for keys, rows, by_key in _by_keys(table):
            if not keys:  # an empty object is not the same as none
                return _split(tables, size)
            for name, column in zip(keys, by_key, strict=True):
                parts.setdefault(name, []).append((np.array(rows, np.intp), column))
    if len(parts) > MOST_COLUMNS:
        return _split(tables, size)
    return dict(named for name, found in parts.items() if (named := _attribute(name, found, size)) is not None)


def _by_keys(table: EventTable) -> Iterator[tuple[tuple[str, ...], list[int], Iterable[Values]]]:
    """The attributes that not every row has, by their names."""
    groups: dict[tuple[str, ...], tuple[list[int], list[Any]]] = {}
    for row, others in zip(table.rows, table.others or (), strict=table.others is not None):
        if others is not None:
            keys = tuple(others)
            group = groups.get(keys)
            if group is None:  # asked first: making a default for every row costs as much as all the rest
                group = groups[keys] = ([], [])
            group[0].append(row)
            group[1].append(others.values())
    for keys, (found, values) in groups.items():
        yield keys, found, zip(*values, strict=True)


def _attribute(name: str, parts: Parts, size: int) -> tuple[str, Column] | None:
    """None where no row has it."""
    kinds = _kinds(parts)
    if Absent in kinds:
        parts = [part for place, values in parts if len((part := _there(place, values, size))[1])]
        kinds = _kinds(parts)
    if not kinds:
        return None
    if kinds == {str}:
        return PLAIN + name, _texts(parts, size)
    if kinds == {float} or (kinds == {int} and max(max(map(abs, values_of(values))) for _, values in parts) <= LARGEST):
        return PLAIN + name, _numbers(parts, size, kinds.pop())
    return MIXED + name, _texts([(place, by_value(as_json_texts, values)) for place, values in parts], size)


def _kinds(parts: Parts) -> set[type]:
    return set[type]().union(*(set(map(type, values_of(values))) for _, values in parts))


def _there(place: Place, values: Values, size: int) -> tuple[Place, Values]:
    """The rows that have a value, and their values."""
    there = [value is not ABSENT for value in values]
    return np.arange(size)[place][there], [*compress(values, there)]


def _split(tables: Sequence[EventTable], size: int) -> dict[str, Column]:
    attributes: list[Any] = [None] * size
    for table in tables:
        for row, found in zip(table.rows, table.all_attributes(), strict=False):
            attributes[row] = found
    return split_attributes(attributes)


# -- lines


def _lines(frame: Frame, tables: Sequence[EventTable], places: Sequence[Place]) -> dict[str, Column]:
    codes = np.zeros(len(frame), np.int32)
    templates: dict[str, int] = {}
    kept: list[bytes] = []
    rows: list[int] = []
    for table, place in zip(tables, places, strict=True):
        told = weave(frame, table, place, templates)
        codes[place] = told
        if not told.all():
            left = np.flatnonzero(told == 0).tolist()
            kept += [table.raws[row] for row in left]
            rows += [table.rows[row] for row in left]
    found = {name: _scattered(column, rows, len(frame)) for name, column in line_columns(kept).items()}
    if templates:
        found[RAW + TEMPLATE] = Text([*templates], codes)
    return found


def _scattered(column: Text, rows: list[int], size: int) -> Column:
    codes = np.zeros(size, np.int32)
    codes[rows] = column.codes
    return Text(column.values, codes)
