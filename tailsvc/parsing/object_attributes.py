"""What is left of values once fields were taken out of them: attributes, column by column.

Objects of the same names are taken apart into columns of their own, and put together again where something changed.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from tailsvc.event_tables import ABSENT, Absent, by_value, values_of
from tailsvc.limits import ATTRIBUTE_NAME_CHARS, JSON_DEPTH
from tailsvc.parsing.json_values import EXACT, Inexact, TooDeep, is_normal, normal
from tailsvc.parsing.nested_objects import Path, Taken
from tailsvc.parsing.tables import Column


class Odd:
    """The type of ODD, which stands for what must be read singly."""


ODD = Odd()

FEWEST_ALIKE = 8  # objects of the same names that are worth columns
_DEPTH = 2  # of an attribute's value
_SCALARS = {str, bool, type(None), Absent}
_NUMBERS = {int, float}


class _Cut(NamedTuple):
    """What to take out of a value: itself, these names, and what lies below those."""

    whole: list[bool]
    names: set[str]
    below: dict[str, "_Cut"]


_NO_CUT = _Cut([], set(), {})


def attributes_of(values: Column, taken: Sequence[tuple[Path, Taken]]) -> Column:
    """The values as attributes, without what was taken of them; ABSENT where nothing is left.

    As in `objects`, an object that is empty for that is gone, and one that came empty is not.
    """
    if not taken:
        return _read(values, _NO_CUT, _DEPTH)
    if not all(rows is True for _, rows in taken):
        return _read_by_row(values, taken)
    return _read(values, _cut(path for path, _ in taken), _DEPTH)


def _read_by_row(values: Column, taken: Sequence[tuple[Path, Taken]]) -> Column:
    cuts: dict[tuple[bool, ...], _Cut] = {}
    by_row = zip(*(rows if isinstance(rows, Sequence) else repeat(rows, len(values)) for _, rows in taken), strict=True)
    read = []
    for value, here in zip(values, by_row, strict=True):
        if here not in cuts:
            cuts[here] = _cut(path for (path, _), is_taken in zip(taken, here, strict=True) if is_taken)
        read.append(_read_one(value, cuts[here], _DEPTH))
    return read


def _cut(paths: Iterable[Path]) -> _Cut:
    cut = _Cut([], set(), {})
    for path in paths:
        inner = cut
        for name in path[:-1]:
            inner = inner.below.setdefault(name, _Cut([], set(), {}))
        if path:
            inner.names.add(path[-1])
        else:
            cut.whole.append(True)
    return cut


def _read(values: Column, cut: _Cut, depth: int) -> Column:
    """The very column where nothing changes."""
    said = values_of(values)
    kinds = set(map(type, said))
    if not cut.whole:
        if kinds <= _SCALARS or (kinds <= _NUMBERS and min(said) > -EXACT and max(said) < EXACT):
            return values
        if kinds == {list} and depth <= JSON_DEPTH and set(map(type, chain.from_iterable(said))) <= _SCALARS:
            return values
        if dict in kinds and len(said) >= FEWEST_ALIKE:
            read = _read_objects if len(kinds) > 1 or len(set(map(tuple, said))) > 1 else _read_alike
            return by_value(lambda objects: read(objects, cut, depth), values)
    return by_value(lambda values: [_read_one(value, cut, depth) for value in values], values)


def _read_objects(values: Column, cut: _Cut, depth: int) -> Column:
    """Those of the same names at once, and what is no object."""
    groups: dict[tuple[str, ...] | None, list[int]] = {}
    for row, value in enumerate(values):
        groups.setdefault(tuple(value) if type(value) is dict else None, []).append(row)
    read: list[Any] = [ABSENT] * len(values)
    for names, rows in groups.items():
        group: Column = [values[row] for row in rows]
        if names is None:
            group = _read(group, cut, depth)
        elif len(group) >= FEWEST_ALIKE:
            group = _read_alike(group, cut, depth)
        else:
            group = [_read_one(value, cut, depth) for value in group]
        for row, value in zip(rows, group, strict=True):
            read[row] = value
    return read


def _read_alike(objects: Column, cut: _Cut, depth: int) -> Column:
    names = tuple(objects[0])
    if not names:
        return objects
    if depth > JSON_DEPTH or max(map(len, names)) > ATTRIBUTE_NAME_CHARS:
        return [ODD] * len(objects)
    kept: dict[str, Column] = {}
    is_same = True
    for name, column in zip(names, zip(*map(dict.values, objects), strict=True), strict=True):
        if name not in cut.names:
            kept[name] = _read(column, cut.below.get(name, _NO_CUT), depth + 1)
        is_same = is_same and kept.get(name) is column
    return objects if is_same else _together(kept, len(objects))


def _together(columns: dict[str, Column], count: int) -> Column:
    """Objects of these columns."""
    if not columns:
        return [ABSENT] * count
    rows = zip(*columns.values(), strict=True)
    if not any(set(map(type, column)) & {Absent, Odd} for column in columns.values()):
        return [*map(dict, map(zip, repeat([*columns]), rows))]
    return [ODD if ODD in row else _without_absent(columns, row) for row in rows]


def _without_absent(names: Iterable[str], row: Sequence[Any]) -> Any:
    return {name: value for name, value in zip(names, row, strict=True) if value is not ABSENT} or ABSENT


def _read_one(value: Any, cut: _Cut, depth: int) -> Any:
    value = _without(value, cut)
    kind = type(value)
    if kind is int:
        return value if -EXACT <= value <= EXACT else str(value)
    if (kind is dict or kind is list) and is_normal(value, depth):
        return value
    try:
        return normal(value, depth, exact=False)
    except (TooDeep, Inexact):
        return ODD


def _without(value: Any, cut: _Cut) -> Any:
    if type(value) is not dict:
        return ABSENT if cut.whole else value
    left = {name: item for name, item in value.items() if name not in cut.names}
    for name, below in cut.below.items():
        item = left.get(name)
        if type(item) is dict:
            item = left[name] = _without(item, below)
            if item is ABSENT:
                del left[name]
    return left if left or not value else ABSENT
