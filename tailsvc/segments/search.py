"""Which rows contain a piece of text: searched in the values and the literals that lines are made of.

A line that has a template is put together from literals and values, so a needle lies in one of them, or reaches over
a border between two. It can reach over a border only if it holds the character of the literal there; then the rows
in which a part of the needle is found are answered as possible ones, for the caller to look at one by one.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tailsvc.filters.nodes import SEARCHED_FIELDS
from tailsvc.folding import upper
from tailsvc.segments.columns import Mask, Number, Text, joined, places_in
from tailsvc.segments.dictionary import rows_with
from tailsvc.segments.frame import MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame
from tailsvc.segments.printing import TIMESTAMP, Slot, is_of_numbers, print_numbers, print_texts
from tailsvc.segments.templates import Template, template_of

_CUT = "\x00"  # stands in no text of an event
_IN_NUMBERS = frozenset("0123456789.-+EINFA")
_IN_TIMES = frozenset("0123456789-:T ./,") | frozenset("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC")


_SHAPES = {**{ord(each): "0" for each in "0123456789"}, **{ord(each): "A" for each in _IN_TIMES if each.isalpha()}}


class Found(NamedTuple):
    sure: Mask
    possible: Mask  # includes the sure ones


def rows_containing(frame: Frame, needle: str) -> Found:
    """Where the folded needle occurs in the raw line or in one of the searched fields."""
    search = _Search(frame)
    sure, possible = search.whole(RAW, needle)
    for name in SEARCHED_FIELDS:
        found = search.whole(name, needle)
        if found.possible.any():
            sure, possible = sure | found.sure, possible | found.possible
    odd = frame.text(RAW_BYTES)
    return Found(sure, possible if odd is None else possible | odd.present)


class _Search:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        nothing = np.zeros(len(frame), np.bool_)
        # Compared by identity: what found nothing, as nearly all do, costs no further array.
        self._nowhere = Found(nothing, nothing)
        self._everywhere = Found(~nothing, ~nothing)
        self._perhaps = Found(nothing, ~nothing)
        self._memory: dict[tuple[str, Slot], Found] = {}

    def whole(self, name: str, needle: str) -> Found:
        """In the texts of a column, those that have a template included."""
        plain, templates = self._frame.text(name), self._frame.text(name + TEMPLATE)
        found = self._nowhere if plain is None else self._all_or_nothing(_in_column(plain, needle))
        if templates is None:
            return found
        for code in np.flatnonzero(np.bincount(templates.codes)).tolist():
            if code:
                told = self._in_template(template_of(templates.values[code - 1]), needle)
                if told is not self._nowhere:
                    rows = templates.codes == code
                    found = self._either(found, Found(rows & told.sure, rows & told.possible))
        return found

    def _in_template(self, template: Template, needle: str) -> Found:
        edges = _edges(template)
        if edges is None:
            return self._perhaps
        parts = _cut(needle, edges)
        if parts == [needle]:
            return self._in_parts(template, needle)
        if not parts:
            return self._perhaps
        found = self._in_parts(template, max(parts, key=len))
        return found if found is self._nowhere else Found(self._nowhere.sure, found.possible)

    def _in_parts(self, template: Template, needle: str) -> Found:
        if any(needle in literal for literal in _folded_literals(template.spec)):
            return self._everywhere
        found = self._nowhere
        for slot in template.slots:
            found = self._either(found, self._in_slot(slot, needle))
        return found

    def _either(self, one: Found, other: Found) -> Found:
        if one is self._nowhere or other is self._nowhere:
            return other if one is self._nowhere else one
        return Found(one.sure | other.sure, one.possible | other.possible)

    def _all_or_nothing(self, rows: Mask | None) -> Found:
        return self._nowhere if rows is None else Found(rows, rows)

    def _in_slot(self, slot: Slot, needle: str) -> Found:
        key = (needle, slot)
        if key not in self._memory:
            self._memory[key] = self._look_in_slot(slot, needle)
        return self._memory[key]

    def _look_in_slot(self, slot: Slot, needle: str) -> Found:
        if slot == Slot(MESSAGE):
            return self.whole(MESSAGE, needle)
        is_number = slot.column != TIMESTAMP and is_of_numbers(slot.format)
        if is_number and not _IN_NUMBERS.issuperset(needle):
            return self._nowhere  # without a look at the column
        column = None if slot.column == TIMESTAMP else self._frame.columns[slot.column]
        if isinstance(column, Text) and slot.column != MESSAGE:
            return self._all_or_nothing(_in_column(column, needle, slot.format))
        if isinstance(column, Number):
            return self._all_or_nothing(_in_numbers(column, needle, slot.format))
        if slot.column == TIMESTAMP and not self._may_be_in_time(slot, needle):
            return self._nowhere
        places = [*places_in(joined(self._frame.printed(slot)), needle)]
        if not places:
            return self._nowhere
        rows = np.zeros(len(self._frame), np.bool_)
        rows[places] = True
        return Found(rows, rows)

    def _may_be_in_time(self, slot: Slot, needle: str) -> bool:
        """Of these formats all texts have digits and letters in the same places: a uuid need not be looked for."""
        if not _IN_TIMES.issuperset(needle):
            return False
        if not slot.format.startswith(("iso:", "clf:")):
            return True
        return _shape(needle) in _shape(upper(self._frame.printed(slot, slice(0, 1))[0]))


def _shape(text: str) -> str:
    return text.translate(_SHAPES)


def _in_column(column: Text, needle: str, format_: str = "") -> Mask | None:
    """None: nowhere."""
    return rows_with(Text(print_texts(column.values, format_), column.codes) if format_ else column, needle)


def _in_numbers(column: Number, needle: str, format_: str) -> Mask | None:
    distinct, codes = np.unique(column.values, return_inverse=True)
    printed = print_numbers(Number(distinct), format_)
    found: Mask = np.array([needle in upper(text) for text in printed], np.bool_)[codes]
    return found


@lru_cache(maxsize=4096)
def _folded_literals(spec: str) -> tuple[str, ...]:
    return tuple(map(upper, template_of(spec).literals))


@lru_cache(maxsize=4096)
def _template_edges(spec: str) -> frozenset[str] | None:
    parts = template_of(spec).parts
    edges: set[str] = set()
    for left, right in pairwise(parts):
        if isinstance(left, Slot) and isinstance(right, Slot):
            return None
        edges.add(upper(left[-1:]) if isinstance(right, Slot) else upper(right[:1]))  # type: ignore[arg-type]
    return frozenset(edges)


def _edges(template: Template) -> frozenset[str] | None:
    """The characters over which a needle can reach out of a value; None where two values touch."""
    return _template_edges(template.spec)


def _cut(needle: str, edges: frozenset[str]) -> list[str]:
    for edge in edges:
        if edge in needle:
            needle = needle.replace(edge, _CUT)
    return [part for part in needle.split(_CUT) if part]
