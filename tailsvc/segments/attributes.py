"""Attributes as columns: one for each name, as far as names are few; what is left is kept as JSON.

`attributes.<name>` holds values of one kind (texts, whole or real numbers), `json.<name>` mixed and other values as
JSON texts, `rest` the attributes of each row that have no column.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import EllipsisType
from typing import Any

import orjson

from tailsvc.segments.columns import Column, Columns, Number, Text

PLAIN, MIXED, REST = "attributes.", "json.", "rest"
# A column costs about 100 bytes a segment, and time for every row that is read. Names beyond these are data.
MOST_COLUMNS = 128
_LARGEST = 2**63 - 1
_ABSENT = ...

Attributes = Mapping[str, Any] | None
Values = list[Any | EllipsisType]


def split_attributes(attributes: Sequence[Attributes]) -> dict[str, Column]:
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, each in enumerate(attributes):
        if each is not None:
            groups.setdefault(tuple(each), []).append(row)
    if not groups:
        return {}
    names = _frequent(groups)
    values: dict[str, Values] = {name: [_ABSENT] * len(attributes) for name in names}
    rest: list[str | None] = [None] * len(attributes)
    for keys, rows in groups.items():
        _fill(values, rest, attributes, keys, rows)
    columns = dict(_column_of(name, found) for name, found in values.items())
    if any(text is not None for text in rest):
        columns[REST] = Text.of(rest)
    return columns


def _frequent(groups: Mapping[tuple[str, ...], Sequence[int]]) -> list[str]:
    counts: Counter[str] = Counter()
    for keys, rows in groups.items():
        for key in keys:
            counts[key] += len(rows)
    return [name for name, _ in counts.most_common(MOST_COLUMNS)]


def _fill(
    values: Mapping[str, Values],
    rest: list[str | None],
    attributes: Sequence[Attributes],
    keys: Sequence[str],
    rows: Sequence[int],
) -> None:
    for key, column in zip(keys, zip(*(attributes[row].values() for row in rows), strict=True), strict=True):  # type: ignore[union-attr]
        target = values.get(key)
        if target is not None:
            for row, value in zip(rows, column, strict=True):
                target[row] = value
    left = [key for key in keys if key not in values]
    if left or not keys:  # an empty object is not the same as none
        for row in rows:
            rest[row] = orjson.dumps({key: attributes[row][key] for key in left}).decode()  # type: ignore[index]


def _column_of(name: str, values: Values) -> tuple[str, Column]:
    kinds = set(map(type, values)) - {EllipsisType}
    if kinds == {str}:
        return PLAIN + name, Text.of([None if value is _ABSENT else value for value in values])
    if kinds in ({int}, {float}):
        numbers = [None if value is _ABSENT else value for value in values]
        if kinds == {float} or all(number is None or abs(number) <= _LARGEST for number in numbers):
            return PLAIN + name, Number.of(numbers, kinds.pop())
    return MIXED + name, Text.of([None if value is _ABSENT else orjson.dumps(value).decode() for value in values])


def as_mixed(column: Column) -> Text:
    """A column of one kind, as one of JSON texts."""
    if isinstance(column, Text):
        return Text([orjson.dumps(value).decode() for value in column.values], column.codes)
    return Text.of([None if number is None else orjson.dumps(number).decode() for number in column.numbers()])


def attribute_names(columns: Columns) -> list[str]:
    return [name for name in columns if name.startswith((PLAIN, MIXED))]


def join_attributes(columns: Columns, rows: Any, count: int) -> list[dict[str, Any] | None]:
    """The attributes of these rows."""
    found: list[dict[str, Any] | None] = [None] * count
    for place, name, value in _read(columns, rows):
        kept = found[place]
        if kept is None:
            kept = found[place] = {}
        if name is None:
            kept.update(value)
        else:
            kept[name] = value
    return found


def _read(columns: Columns, rows: Any) -> Iterator[tuple[int, str | None, Any]]:
    for name in attribute_names(columns):
        column, short = columns[name], name.partition(".")[2]
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
