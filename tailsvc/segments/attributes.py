"""Attributes as columns: one for each name, as far as names are few; what is left is kept as JSON.

`attributes.<name>` holds values of one kind (texts, whole or real numbers), `json.<name>` mixed and other values as
JSON texts, `rest` the attributes of each row that have no column.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from tailsvc.event_tables import ABSENT
from tailsvc.events import by_name
from tailsvc.segments.columns import Column, Columns, Number, Text

PLAIN, MIXED, REST = "attributes.", "json.", "rest"
# A column costs about 100 bytes a segment, and time for every row that is read. Names beyond these are data.
MOST_COLUMNS = 128
LARGEST = 2**63 - 1

Attributes = Mapping[str, Any] | None


def split_attributes(attributes: Sequence[Attributes]) -> dict[str, Column]:
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, each in enumerate(attributes):
        if each is not None:
            groups.setdefault(tuple(each), []).append(row)
    found: dict[str, tuple[list[int], list[Any]]] = {name: ([], []) for name in _frequent(groups)}
    rest: dict[int, str] = {}
    for keys, rows in groups.items():
        _collect(found, attributes, keys, rows)
        left = [key for key in keys if key not in found]
        if left or not keys:  # an empty object is not the same as none
            rest |= {row: orjson.dumps({key: attributes[row][key] for key in left}).decode() for row in rows}  # type: ignore[index]
    columns = dict(_column_of(name, rows, values, len(attributes)) for name, (rows, values) in found.items())
    if rest:
        columns[REST] = _scattered(Text.of([*rest.values()]), [*rest], len(attributes))
    return columns


def _frequent(groups: Mapping[tuple[str, ...], Sequence[int]]) -> list[str]:
    counts: Counter[str] = Counter()
    for keys, rows in groups.items():
        for key in keys:
            counts[key] += len(rows)
    return [name for name, _ in counts.most_common(MOST_COLUMNS)]


def _collect(
    found: Mapping[str, tuple[list[int], list[Any]]],
    attributes: Sequence[Attributes],
    keys: Sequence[str],
    rows: Sequence[int],
) -> None:
    for key, values in zip(keys, zip(*(attributes[row].values() for row in rows), strict=True), strict=True):  # type: ignore[union-attr]
        if key in found:
            found[key][0].extend(rows)
            found[key][1].extend(values)


def _column_of(name: str, rows: Sequence[int], values: Sequence[Any], count: int) -> tuple[str, Column]:
    kinds = set(map(type, values))
    if kinds == {str}:
        return PLAIN + name, _scattered(Text.of(values), rows, count)
    if kinds == {float} or (kinds == {int} and max(map(abs, values)) <= LARGEST):
        return PLAIN + name, _scattered(Number.of(values, kinds.pop()), rows, count)
    return MIXED + name, _scattered(Text.of(as_json_texts(values)), rows, count)


def as_json_texts(values: Sequence[Any]) -> list[Any]:
    """ABSENT stays what it is."""
    return [value if value is ABSENT else orjson.dumps(value).decode() for value in values]


def _scattered(column: Column, rows: Sequence[int], count: int) -> Column:
    """A column of these rows only, as one of all `count` rows."""
    if len(rows) == count and all(map(int.__eq__, rows, range(count))):
        return column
    if isinstance(column, Text):
        codes = np.zeros(count, np.int32)
        codes[rows] = column.codes
        return Text(column.values, codes)
    values, present = np.zeros(count, column.values.dtype), np.zeros(count, np.bool_)
    values[rows], present[rows] = column.values, True
    return Number(values, present)


def as_mixed(column: Column) -> Text:
    """A column of one kind, as one of JSON texts."""
    if isinstance(column, Text):
        return Text(as_json_texts(column.values), column.codes)
    return Text.of([None if number is None else orjson.dumps(number).decode() for number in column.numbers()])


def attribute_names(columns: Columns) -> list[str]:
    return [name for name in columns if name.startswith((PLAIN, MIXED))]


def join_attributes(columns: Columns, rows: Any, count: int) -> list[dict[str, Any] | None]:
    """The attributes of these rows, by name."""
    found: list[dict[str, Any] | None] = [None] * count
    for place, name, value in _read(columns, rows):
        kept = found[place]
        if kept is None:
            kept = found[place] = {}
        if name is None:
            found[place] = by_name(kept | value)
        else:
            kept[name] = value
    return found


def _read(columns: Columns, rows: Any) -> Iterator[tuple[int, str | None, Any]]:
    for short, name in sorted((name.partition(".")[2], name) for name in attribute_names(columns)):
        column = columns[name]
        if isinstance(column, Number):
            read: Sequence[Any] = column.numbers(rows)
        else:
            read = column.texts(rows)
        is_json = name.startswith(MIXED)
        for place, value in enumerate(read):
            if value is not None:
                yield place, short, orjson.loads(value) if is_json else value
    rest = columns.get(REST)
    if isinstance(rest, Text):
        for place, text in enumerate(rest.texts(rows)):
            if text is not None:
                yield place, None, orjson.loads(text)
