"""Filters over a frame: the rows that match, column by column.

What a column alone cannot tell is answered as possible rows, of which the texts are then put together and looked at;
so this module only has to be quick and never to lose a row.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from tailsvc.deadlines import check
from tailsvc.events import searchable
from tailsvc.filters import (
    And,
    Between,
    Contains,
    Everything,
    Exists,
    Filter,
    Like,
    Not,
    OneOf,
    Or,
)
from tailsvc.filters.matching import between, one_of
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX, SEARCHED_FIELDS
from tailsvc.filters.numbers import as_number
from tailsvc.filters.patterns import like
from tailsvc.folding import upper
from tailsvc.segments.attributes import MIXED, PLAIN, REST
from tailsvc.segments.columns import Column, Mask, Number, Rows, Text, joined, places_in, presence
from tailsvc.segments.dictionary import like_values
from tailsvc.segments.frame import IS_BOT, MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame
from tailsvc.segments.search import rows_containing

Leaf = Exists | OneOf | Between | Like
_BLOCK = 256
# Fewer rows than this share of the values have their own values tested; for more, all are, and it is remembered.
_FEW = 8


class Possible(NamedTuple):
    """Rows in ascending order; `exact`: all of them match."""

    rows: Rows
    exact: bool


def _exactly(rows: Rows) -> Possible:
    return Possible(rows, exact=True)


def _perhaps(rows: Rows) -> Possible:
    return Possible(rows, exact=False)


def matching_rows(frame: Frame, condition: Filter, rows: Rows, *, limit: int | None, newest_first: bool) -> Rows:
    """Those of `rows` (ascending) that match, in the order asked for, at most `limit`."""
    found, exact = find(condition, frame, rows)
    if newest_first:
        found = found[::-1]
    if exact:
        return found[:limit]
    return _confirmed(frame, condition, found, limit)


def _confirmed(frame: Frame, condition: Filter, rows: Rows, limit: int | None) -> Rows:
    kept = [rows[:0]]
    found = 0
    for start in range(0, len(rows), _BLOCK):
        check()
        block = rows[start : start + _BLOCK]
        kept.append(block[_tested(condition, frame, block)])
        found += len(kept[-1])
        if limit is not None and found >= limit:
            break
    return np.concatenate(kept)[:limit]


def _tested(condition: Filter, frame: Frame, rows: Rows) -> Mask:
    """For each row, in whatever order, whether it matches."""
    match condition:
        case And(parts):
            return ~_any_tested([Not(part) for part in parts], frame, rows)
        case Or(parts):
            return _any_tested(parts, frame, rows)
        case Not(part):
            return ~_tested(part, frame, rows)
        case Contains(text):
            return _holding(frame, rows, upper(text))
        case Exists() | OneOf() | Between() | Like():
            found, exact = _leaf(condition, frame, rows)
            return np.isin(rows, found) if exact else _said(condition, frame, rows)
    return np.ones(len(rows), np.bool_)


def _any_tested(parts: Sequence[Filter], frame: Frame, rows: Rows) -> Mask:
    """The cheap conditions first: the others then look at few rows."""
    found = np.zeros(len(rows), np.bool_)
    for part in sorted(parts, key=_cost):
        left = np.flatnonzero(~found)
        if not len(left):
            break
        found[left] = _tested(part, frame, rows[left])
    return found


def _holding(frame: Frame, rows: Rows, needle: str) -> Mask:
    found = np.zeros(len(rows), np.bool_)
    for name in (RAW, *SEARCHED_FIELDS):  # nearly always the line says it
        if name not in frame.columns and name + TEMPLATE not in frame.columns:
            continue
        left = np.flatnonzero(~found)
        texts = _line_texts(frame, rows[left]) if name == RAW else frame.whole(name, rows[left])
        found[left[[*places_in(joined([text or "" for text in texts]), needle)]]] = True
    return found


def _line_texts(frame: Frame, rows: Rows) -> Sequence[str | None]:
    texts, odd = frame.whole(RAW, rows), frame.text(RAW_BYTES)
    if odd is None:
        return texts
    lines = odd.texts(rows)
    return [
        text if line is None else searchable(line.encode("latin-1")) for text, line in zip(texts, lines, strict=True)
    ]


def _said(leaf: Leaf, frame: Frame, rows: Rows) -> Mask:
    """Of what no column has as it is: a message with a template, the class of a status."""
    if leaf.field == MESSAGE:
        texts = frame.whole(MESSAGE, rows)
    else:
        status = frame.number("status")
        numbers = [None] * len(rows) if status is None else status.numbers(rows)
        texts = [None if number is None else f"{number // 100}xx" for number in numbers]
    test = _text_test(leaf)
    passes = {text: text is not None and (isinstance(leaf, Exists) or test(text)) for text in {*texts}}
    return np.fromiter(map(passes.__getitem__, texts), np.bool_, len(texts))


def find(condition: Filter, frame: Frame, rows: Rows) -> Possible:
    check()
    match condition:
        case Everything():
            return Possible(rows, exact=True)
        case And(parts):
            return _all(parts, frame, rows)
        case Or(parts):
            return _any(parts, frame, rows)
        case Not(part):
            found, exact = find(part, frame, rows)
            return _exactly(np.setdiff1d(rows, found, assume_unique=True)) if exact else _perhaps(rows)
        case Contains(text):
            needle = upper(text)
            sure, possible = rows_containing(frame, needle)
            kept = rows[possible[rows]]
            return Possible(kept, bool(sure[kept].all()))
        case Exists() | OneOf() | Between() | Like():
            return _leaf(condition, frame, rows)


def _all(parts: Sequence[Filter], frame: Frame, rows: Rows) -> Possible:
    """The cheap conditions first: the others then look at few rows."""
    exact = True
    for part in sorted(parts, key=_cost):
        if not len(rows):
            break
        rows, sure = find(part, frame, rows)
        exact = exact and sure
    return Possible(rows, exact)


def _any(parts: Sequence[Filter], frame: Frame, rows: Rows) -> Possible:
    found = [find(part, frame, rows) for part in parts]
    union = np.unique(np.concatenate([rows[:0], *(each.rows for each in found)]))
    return Possible(union, all(each.exact for each in found))


def _cost(condition: Filter) -> int:
    match condition:
        case And(parts) | Or(parts):
            return max(map(_cost, parts), default=0)
        case Not(part):
            return _cost(part)
        case Contains():
            return 4
        case Like():
            return 2
        case Exists(field) | OneOf(field) | Between(field):
            return 3 if field.startswith(ATTRIBUTE_PREFIX) else 1
        case _:
            return 0


def _leaf(leaf: Leaf, frame: Frame, rows: Rows) -> Possible:
    if leaf.field.startswith(ATTRIBUTE_PREFIX):
        return _exactly(_on_attribute(leaf, frame, rows, leaf.field[len(ATTRIBUTE_PREFIX) :]))
    if leaf.field == MESSAGE and MESSAGE + TEMPLATE in frame.columns:
        return _perhaps(rows)
    if leaf.field == "status_class":
        return _perhaps(rows)
    column = frame.bots if leaf.field == IS_BOT else frame.columns.get(leaf.field)
    return _exactly(_on_column(leaf, column, rows))


def _on_column(leaf: Leaf, column: Column | None, rows: Rows) -> Rows:
    if column is None:
        return rows[:0]
    if isinstance(leaf, Exists):
        return _present(column, rows)
    if isinstance(column, Text):
        return _on_texts(leaf, column, rows)
    match leaf:
        case OneOf(_, values):
            return _in_range(column, rows, lambda numbers: _among(numbers, [float(value) for value in values]))
        case Between():
            return _in_range(column, rows, lambda numbers: _within(numbers, leaf))
    return rows[:0]


def _present(column: Column, rows: Rows) -> Rows:
    found: Rows = rows[presence(column)[rows]]
    return found


def _text_test(leaf: Leaf) -> Callable[[str], bool]:
    match leaf:
        case OneOf(_, values):
            wanted = set(values)
            return lambda text: text in wanted
        case Like(_, pattern):
            return lambda text: like(text, pattern)
    return lambda _: False


def _on_texts(leaf: Leaf, column: Text, rows: Rows) -> Rows:
    if isinstance(leaf, Like) and len(rows) * _FEW > column.distinct:
        return rows[column.where(like_values(column.values, leaf.pattern))[rows]]
    return _where(column, rows, _text_test(leaf))


def _where(column: Text, rows: Rows, test: Callable[[str], bool]) -> Rows:
    """Tests each value once, and only those that these rows have."""
    codes = column.codes[rows]
    passes = np.zeros(column.distinct + 1, np.bool_)
    asked = np.unique(codes) if len(rows) < column.distinct else np.arange(1, column.distinct + 1)
    values = column.values
    for code in asked.tolist():
        if code and test(values[code - 1]):
            passes[code] = True
    return rows[passes[codes]]


def _in_range(column: Number, rows: Rows, test: Callable[[Any], Any]) -> Rows:
    fits = test(column.values[rows].astype(np.float64))
    found: Rows = rows[fits if column.present is None else fits & column.present[rows]]
    return found


def _among(numbers: Any, values: Sequence[float]) -> Any:
    return numbers == values[0] if len(values) == 1 else np.isin(numbers, values)


def _within(numbers: Any, bounds: Between) -> Any:
    fits = np.ones(len(numbers), np.bool_)
    if bounds.low is not None:
        fits &= numbers >= bounds.low if bounds.includes_low else numbers > bounds.low
    if bounds.high is not None:
        fits &= numbers <= bounds.high if bounds.includes_high else numbers < bounds.high
    return fits


def _on_attribute(leaf: Leaf, frame: Frame, rows: Rows, name: str) -> Rows:
    plain = frame.columns.get(PLAIN + name)
    if plain is not None and isinstance(leaf, Exists):
        return _present(plain, rows)
    if isinstance(plain, Text):
        return _on_texts(leaf, plain, rows)
    if isinstance(plain, Number):
        return _on_number_attribute(leaf, plain, rows)
    mixed, rest = frame.text(MIXED + name), frame.text(REST)
    if mixed is not None:
        return _where(mixed, rows, lambda text: _test_value(leaf, orjson.loads(text)))
    if rest is not None:
        return _where(rest, rows, lambda text: _test_value(leaf, orjson.loads(text).get(name)))
    return rows[:0]


def _on_number_attribute(leaf: Leaf, column: Number, rows: Rows) -> Rows:
    match leaf:
        case OneOf(_, values):
            numbers = [number for value in values if (number := as_number(str(value))) is not None]
            return _in_range(column, rows, lambda found: _among(found, numbers))
        case Between():
            return _in_range(column, rows, lambda found: _within(found, leaf))
    return rows[:0]


def _test_value(leaf: Leaf, value: object) -> bool:
    match leaf:
        case Exists():
            return value is not None
        case OneOf(_, values):
            return one_of(value, values, of_attribute=True)
        case Between():
            return between(value, leaf)
        case Like(_, pattern):
            return isinstance(value, str) and like(value, pattern)
