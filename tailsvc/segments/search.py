"""Which rows contain a piece of text: searched in the values and the literals that lines are made of.

A line that has a template is put together from literals and values. A needle lies in one of them, or it begins in one
and ends in another and covers all that is between: so each way to lay it over a template says what the values there
must be, end with or begin with, and only distinct values have to be looked at. What that cannot tell is answered as
possible rows, for the caller to look at one by one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tailsvc.filters.nodes import SEARCHED_FIELDS
from tailsvc.folding import upper
from tailsvc.segments.columns import SEPARATOR, Codes, Mask, Number, Text, distinct_numbers, joined, places_in
from tailsvc.segments.dictionary import rows_with
from tailsvc.segments.frame import MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame
from tailsvc.segments.printing import TIMESTAMP, Slot, is_of_numbers, print_numbers, print_texts
from tailsvc.segments.templates import template_of

_IN_NUMBERS = frozenset("0123456789.-+E" + SEPARATOR)
_NO_NUMBERS = (f"{SEPARATOR}INF{SEPARATOR}", f"{SEPARATOR}-INF{SEPARATOR}", f"{SEPARATOR}NAN{SEPARATOR}")
_IN_TIMES = frozenset("0123456789-:T ./,") | frozenset("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC")
_WORDS_OF_TIMES = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC T"
_WORD = re.compile("[A-Z]+")
_SHAPES = {**{ord(each): "0" for each in "0123456789"}, **{ord(each): "A" for each in _IN_TIMES if each.isalpha()}}
# Ways to lay a needle over one template that are looked at. A whole pasted line has tens; a thousand blanks, millions.
_MOST_WAYS = 500


class Found(NamedTuple):
    sure: Mask
    possible: Mask  # includes the sure ones


def rows_containing(frame: Frame, needle: str) -> Found:
    """Where the folded needle occurs in the raw line or in one of the searched fields."""
    search = _Search(frame)
    sure, possible = search.everywhere(needle)
    odd = frame.text(RAW_BYTES)
    return Found(sure, possible if odd is None else possible | odd.present)


class _Said(NamedTuple):
    """A slot's texts, each once, as one; and which of them each row has, or None where they are the rows'."""

    texts: str
    size: int
    codes: Codes | None


class _Parts(NamedTuple):
    """A template, folded: a literal, and each slot with the literal behind it. The text's ends are marked."""

    first: str
    others: tuple[tuple[Slot, str], ...]


class _TooManyWays(Exception):
    pass


class _Search:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        nothing = np.zeros(len(frame), np.bool_)
        # Compared by identity: what found nothing, as nearly all do, costs no further array.
        self._nowhere = Found(nothing, nothing)
        self._everywhere = Found(~nothing, ~nothing)
        self._perhaps = Found(nothing, ~nothing)
        self._memory: dict[tuple[str, Slot], Found] = {}
        self._said: dict[Slot, _Said] = {}

    def everywhere(self, needle: str) -> Found:
        found = self._nowhere
        for name in (RAW, *SEARCHED_FIELDS) if SEPARATOR not in needle else ():  # which stands in no text
            found = self._either(found, self._whole(name, needle))
        return found

    def _whole(self, name: str, needle: str) -> Found:
        """In the texts of a column, those that have a template included."""
        plain, templates = self._frame.text(name), self._frame.text(name + TEMPLATE)
        found = self._nowhere if plain is None else self._all_or_nothing(rows_with(plain, needle))
        if templates is None:
            return found
        for code in np.flatnonzero(np.bincount(templates.codes)).tolist():
            if code:
                told = self._in_template(templates.values[code - 1], needle)
                if told is not self._nowhere:
                    rows = templates.codes == code
                    found = self._either(found, Found(rows & told.sure, rows & told.possible))
        return found

    def _in_template(self, spec: str, needle: str) -> Found:
        parts = _parts(spec)
        if parts is None:
            return self._perhaps
        if needle in parts.first or any(needle in literal for _, literal in parts.others):
            return self._everywhere
        found = self._nowhere
        for slot, _ in parts.others:
            found = self._either(found, self._in_slot(slot, needle))
        try:
            return self._either(found, self._across(parts, needle))
        except _TooManyWays:
            return self._perhaps

    def _across(self, parts: _Parts, needle: str) -> Found:
        """Over several parts."""
        found, ways = self._nowhere, 0
        # With so much of the needle up to the end of a literal: in which rows.
        reached = dict.fromkeys(_sizes_of_ends(parts.first, needle), self._everywhere)
        for slot, literal in parts.others:
            here = dict.fromkeys(_sizes_of_ends(literal, needle), self._everywhere)
            for start, rows in [(0, self._everywhere), *reached.items()]:
                found = self._either(found, self._ending_in(slot, needle, start, rows))
                for end, behind in _places_of_literal(literal, needle, start):
                    ways += 1
                    if ways > _MOST_WAYS:
                        raise _TooManyWays
                    told = self._both(rows, self._covered(slot, needle, start, end))
                    if behind == len(needle):
                        found = self._either(found, told)
                    elif told is not self._nowhere:
                        here[behind] = self._either(here.get(behind, self._nowhere), told)
            reached = here
        return found

    def _ending_in(self, slot: Slot, needle: str, start: int, rows: Found) -> Found:
        """The rest of the needle begins the slot's text."""
        return self._both(rows, self._in_slot(slot, SEPARATOR + needle[start:])) if start else self._nowhere

    def _covered(self, slot: Slot, needle: str, start: int, end: int) -> Found:
        """This piece of the needle is the slot's text, or its end where the needle begins in it."""
        if start == end:
            return self._empty(slot)
        return self._in_slot(slot, (SEPARATOR if start else "") + needle[start:end] + SEPARATOR)

    def _empty(self, slot: Slot) -> Found:
        """Rows in which the slot prints as nothing."""
        column = None if slot.column == TIMESTAMP else self._frame.columns[slot.column]
        if slot.column == MESSAGE:
            return self._perhaps
        if not isinstance(column, Text):
            return self._nowhere  # neither a time nor a number is empty
        found, absent = self._in_slot(slot, SEPARATOR + SEPARATOR), ~column.present
        return self._either(found, Found(absent, absent)) if absent.any() else found

    def _either(self, one: Found, other: Found) -> Found:
        if one is self._nowhere or other is self._nowhere:
            return other if one is self._nowhere else one
        return Found(one.sure | other.sure, one.possible | other.possible)

    def _both(self, one: Found, other: Found) -> Found:
        if one is self._everywhere or other is self._everywhere:
            return other if one is self._everywhere else one
        if one is self._nowhere or other is self._nowhere:
            return self._nowhere
        possible = one.possible & other.possible
        return Found(one.sure & other.sure, possible) if possible.any() else self._nowhere

    def _all_or_nothing(self, rows: Mask | None) -> Found:
        return self._nowhere if rows is None else Found(rows, rows)

    def _in_slot(self, slot: Slot, needle: str) -> Found:
        key = (needle, slot)
        if key not in self._memory:
            self._memory[key] = self._look_in_slot(slot, needle)
        return self._memory[key]

    def _look_in_slot(self, slot: Slot, needle: str) -> Found:
        if slot == Slot(MESSAGE):
            return self._whole(MESSAGE, needle)
        if slot.column == TIMESTAMP:
            return self._in_said(slot, needle) if self._may_be_in_time(slot, needle) else self._nowhere
        if is_of_numbers(slot.format) and not _may_be_in_number(needle):
            return self._nowhere  # without a look at the column
        column = self._frame.columns[slot.column]
        if isinstance(column, Text) and slot.column != MESSAGE and not slot.format:
            return self._all_or_nothing(rows_with(column, needle))
        return self._in_said(slot, needle)

    def _in_said(self, slot: Slot, needle: str) -> Found:
        said = self._said.get(slot)
        if said is None:
            said = self._said[slot] = self._say(slot)
        places = [*places_in(said.texts, needle)]
        if not places:
            return self._nowhere
        chosen = np.zeros(said.size, np.bool_)
        chosen[places] = True
        return self._all_or_nothing(chosen if said.codes is None else chosen[said.codes])

    def _say(self, slot: Slot) -> _Said:
        column = None if slot.column == TIMESTAMP else self._frame.columns[slot.column]
        if isinstance(column, Number):
            distinct, codes = distinct_numbers(column.values)
            return _Said(joined(print_numbers(Number(distinct), slot.format)), len(distinct), codes)
        if isinstance(column, Text) and slot.column != MESSAGE:
            texts = ["", *print_texts(column.values, slot.format)]
            return _Said(joined(texts), len(texts), column.codes)
        return _Said(joined(self._frame.printed(slot)), len(self._frame), None)

    def _may_be_in_time(self, slot: Slot, needle: str) -> bool:
        """Of these formats all texts have digits and letters in the same places: a uuid need not be looked for."""
        if not _IN_TIMES.issuperset(needle.strip(SEPARATOR)):
            return False
        if any(word not in _WORDS_OF_TIMES for word in _WORD.findall(needle)):
            return False
        if not slot.format.startswith(("iso:", "clf:")):
            return True
        return _shape(needle) in _shape(joined(self._frame.printed(slot, slice(0, 1))))


def _shape(text: str) -> str:
    return text.translate(_SHAPES)


def _may_be_in_number(needle: str) -> bool:
    return _IN_NUMBERS.issuperset(needle) or any(needle in text for text in _NO_NUMBERS)


@lru_cache(maxsize=4096)
def _parts(spec: str) -> _Parts | None:
    """None where two values touch."""
    literals, slots = [SEPARATOR], []
    for part in template_of(spec).parts:
        if isinstance(part, str):
            literals[-1] += upper(part)
        else:
            slots.append(part)
            literals.append("")
    literals[-1] += SEPARATOR
    return _Parts(literals[0], (*zip(slots, literals[1:], strict=True),)) if all(literals) else None


def _sizes_of_ends(literal: str, needle: str) -> Iterator[int]:
    """The sizes of the needle's beginnings, short of all of it, with which the literal ends."""
    return (size for size in range(1, min(len(literal), len(needle) - 1) + 1) if literal.endswith(needle[:size]))


def _places_of_literal(literal: str, needle: str, start: int) -> Iterator[tuple[int, int]]:
    """Where in the needle from `start` on the literal begins and ends; at the needle's end, some of it is enough."""
    if not start:  # the needle begins before the literal
        start = 1
    at = needle.find(literal, start)
    while at >= 0:
        yield at, at + len(literal)
        at = needle.find(literal, at + 1)
    for at in range(max(start, len(needle) - len(literal) + 1), len(needle)):
        if literal.startswith(needle[at:]):
            yield at, len(needle)
