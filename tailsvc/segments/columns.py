"""Columns in memory: texts as distinct values and a code for each row, numbers as arrays."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from tailsvc.folding import upper

Codes = npt.NDArray[Any]  # whole numbers, in whatever type holds them
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Numbers = npt.NDArray[Any]  # int64 or float64


SEPARATOR = "\x00"  # stands in no text of an event
_NEARBY = 1 << 18  # so far apart a table of whole numbers is quicker than sorting them
_NOT = np.zeros(1, np.bool_)


class Deferred(ABC):
    """A column of which only that is decoded which is asked for; see `Text`."""

    __slots__ = ()

    @property
    @abstractmethod
    def distinct(self) -> int: ...

    @property
    @abstractmethod
    def alphabet(self) -> frozenset[str] | None:
        """The folded characters that the values are made of, where few; None: any."""

    @abstractmethod
    def values(self) -> Sequence[str]: ...

    @abstractmethod
    def codes(self) -> Codes: ...

    @abstractmethod
    def holding(self, needle: str) -> Sequence[int]: ...


class Text:
    """`codes` counts from 1 into `values`, which are distinct; 0 is a row without a value."""

    __slots__ = ("_codes", "_deferred", "_values")

    def __init__(self, values: Sequence[str] | Deferred, codes: Codes | None = None) -> None:
        self._deferred = values if isinstance(values, Deferred) else None
        self._values = None if isinstance(values, Deferred) else values
        self._codes = codes

    @property
    def codes(self) -> Codes:
        if self._codes is None:
            self._codes = self._deferred.codes()  # type: ignore[union-attr]
        return self._codes

    @property
    def values(self) -> Sequence[str]:
        if self._values is None:
            self._values = self._deferred.values()  # type: ignore[union-attr]
        return self._values

    @property
    def distinct(self) -> int:
        """How many values there are; they are not decoded for that."""
        return len(self.values) if self._deferred is None else self._deferred.distinct

    def may_hold(self, needle: str) -> bool:
        """Whether a value can contain the folded needle, as far as is known without decoding."""
        alphabet = None if self._deferred is None else self._deferred.alphabet
        return alphabet is None or alphabet.issuperset(needle.strip(SEPARATOR))

    def holding(self, needle: str) -> Sequence[int]:
        """The places of the values in which the folded needle occurs, in any case."""
        if self._deferred is None:
            return places_in(joined(self.values), needle)
        return self._deferred.holding(needle)

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "Text":
        distinct: dict[str | None, Any] = dict.fromkeys(texts)
        distinct.pop(None, None)
        values = [*distinct]
        places: dict[str | None, int] = dict(zip(distinct, count(1)))
        places[None] = 0
        return cls(values, np.fromiter(map(places.__getitem__, texts), np.int32, len(texts)))  # type: ignore[arg-type]

    def take(self, rows: Rows | slice) -> "Text":
        taken = Text(self._deferred or self.values, self.codes[rows])
        taken._values = self._values
        return taken

    def compact(self) -> "Text":
        """The same with only the values that occur, in the order of their first row."""
        if self._is_compact():
            return self
        first = first_rows(self.codes, self.distinct + 1)
        first[0] = len(self.codes)
        used = np.argsort(first, kind="stable")[: int((first < len(self.codes)).sum())]
        places = np.zeros(len(first), np.int32)
        places[used] = np.arange(1, len(used) + 1)
        values = self.values
        return Text([values[code - 1] for code in used.tolist()], places[self.codes])

    def _is_compact(self) -> bool:
        """Whether each row has a value that occurred before, or the next one, and no value is left."""
        highest = np.maximum.accumulate(self.codes)
        if not len(highest) or highest[0] > 1 or highest[-1] != self.distinct:
            return not len(highest) and not self.distinct
        return len(highest) == 1 or int((highest[1:] - highest[:-1]).max()) <= 1

    def used(self) -> list[str]:
        """The values that some row has."""
        values = self.values
        return [values[code - 1] for code in np.flatnonzero(np.bincount(self.codes)).tolist() if code]

    def texts(self, rows: Rows | slice = slice(None)) -> list[str | None]:
        values = self.values
        return [values[code - 1] if code else None for code in self.codes[rows].tolist()]

    def where(self, chosen: Mask) -> Mask:
        """The rows whose value is chosen; `chosen` is by value."""
        rows: Mask = np.concatenate([_NOT, chosen])[self.codes]
        return rows

    @property
    def present(self) -> Mask:
        there: Mask = self.codes != 0
        return there


@dataclass(frozen=True, slots=True)
class Number:
    """`values` where `present`; None: every row has one."""

    values: Numbers
    present: Mask | None = None

    @classmethod
    def of(cls, numbers: Sequence[float | None], dtype: type) -> "Number":
        if None not in numbers:
            return cls(np.array(numbers, dtype))
        present = np.fromiter((number is not None for number in numbers), np.bool_, len(numbers))
        return cls(np.array([0 if number is None else number for number in numbers], dtype), present)

    def take(self, rows: Rows | slice) -> "Number":
        return Number(self.values[rows], None if self.present is None else self.present[rows])

    def numbers(self, rows: Rows | slice = slice(None)) -> list[Any]:
        found: list[Any] = self.values[rows].tolist()
        if self.present is None:
            return found
        return [number if there else None for number, there in zip(found, self.present[rows].tolist(), strict=True)]

    @property
    def mask(self) -> Mask:
        return np.ones(len(self.values), np.bool_) if self.present is None else self.present

    @property
    def is_real(self) -> bool:
        return self.values.dtype.kind == "f"

    @property
    def size(self) -> int:
        return self.values.nbytes + (0 if self.present is None else self.present.nbytes)


def joined(values: Sequence[str]) -> str:
    """All values as one folded text, each between separators: most searches find nothing in it, and are done."""
    return upper(f"{SEPARATOR}{SEPARATOR.join(values)}{SEPARATOR}")


def places_in(text: str, needle: str) -> Sequence[int]:
    """Which of the values that are joined in `text` hold the needle.

    A separator at its beginning or end stands for that of a value.
    """
    found: list[int] = []
    anchored = needle.startswith(SEPARATOR)
    place, counted = -1, 0
    at = text.find(needle)
    while at >= 0:
        inside = at + anchored
        place += text.count(SEPARATOR, counted, inside)
        found.append(place)
        counted = text.find(SEPARATOR, inside)
        at = text.find(needle, counted)
    return found


def first_rows(codes: Codes, count: int) -> Rows:
    """Of each code below `count` the first row that has it; the number of rows where none has."""
    first = np.full(count, len(codes), np.intp)
    # Written from the last row on, so that the first has the last word; sorting would cost ten times as much.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


def distinct_numbers(values: Numbers) -> tuple[Numbers, Codes]:
    """As `np.unique` tells them: each number once, ascending, and which of them each row has."""
    if len(values) and values.dtype.kind == "i":
        least, most = int(values.min()), int(values.max())
        if most - least < _NEARBY:  # a table is ten times as quick as sorting
            offsets = (values - least).astype(np.intp)
            there = np.zeros(most - least + 1, np.bool_)
            there[offsets] = True
            return np.flatnonzero(there) + least, (np.cumsum(there) - 1)[offsets]
    return np.unique(values, return_inverse=True)


Column = Text | Number
Columns = Mapping[str, Column]


def presence(column: Column) -> Mask:
    return column.present if isinstance(column, Text) else column.mask


def join_texts(parts: Sequence[Text | int]) -> Text:
    """One after the other; a number stands for so many rows without a value."""
    places: defaultdict[str, int] = defaultdict(count(1).__next__)
    codes: list[Codes] = []
    for part in parts:
        if isinstance(part, int):
            codes.append(np.zeros(part, np.int32))
            continue
        known = [0, *map(places.__getitem__, part.values)]
        codes.append(np.array(known, np.int32)[part.codes])
    return Text([*places], np.concatenate(codes))


def join_numbers(parts: Sequence[Number | int], dtype: Any) -> Number:
    values = [np.zeros(part, dtype) if isinstance(part, int) else part.values for part in parts]
    present = [np.zeros(part, np.bool_) if isinstance(part, int) else part.mask for part in parts]
    mask = np.concatenate(present)
    return Number(np.concatenate(values), None if mask.all() else mask)
