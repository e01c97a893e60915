"""Clocks that are written alike in many texts, read and compared all at once: `2026-11-20T00:00:00.003`.

What is read here is written in one way only, so that two texts are equal where their clocks are.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.(\d{1,9}))?", re.ASCII)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_PLACES = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)  # of the digits, before the point
_POINT = 19
_MOST_CHARS = 64

Micros = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
Reals = npt.NDArray[np.float64]


class Clocks(NamedTuple):
    """`micros` since 1970 as the clock shows them, wherever it hangs; `nanos` beyond these."""

    micros: Micros
    nanos: Micros | None
    separator: str
    digits: int  # behind the point
    before: str  # what every text has around its clock
    behind: str


def read_clocks(texts: Sequence[str]) -> Clocks | None:
    """None where the texts differ in more than the digits of one clock, or where a clock shows no time."""
    first = texts[0]
    found = _CLOCK.search(first[:_MOST_CHARS])
    joined = "".join(texts)
    if found is None or not joined.isascii() or set(map(len, texts)) != {len(first)}:
        return None
    start, digits = found.start(), len(found[2] or "")
    shown, others, weights = _layout(len(first), start, digits)
    characters = np.frombuffer(joined.encode(), np.uint8).reshape(len(texts), len(first))
    figures = characters[:, shown] - np.uint8(ord("0"))
    around = characters[:, others]
    if figures.max() > 9 or (around != around[0]).any():
        return None
    read = _read(figures, digits, weights)
    return None if read is None else Clocks(*read, found[1], digits, first[:start], first[found.end() :])


def _read(figures: npt.NDArray[np.uint8], digits: int, weights: Reals) -> tuple[Micros, Micros | None] | None:
    # Exact, as all numbers are small; numpy multiplies only real matrices quickly.
    days, hours, minutes, seconds, fractions = (figures.astype(np.float64) @ weights).astype(np.int64).T
    if hours.max() > 23 or minutes.max() > 59 or seconds.max() > 59:
        return None
    distinct, rows = (days[:1], 0) if (days == days[0]).all() else np.unique(days, return_inverse=True)
    known = [*map(_day, distinct.tolist())]
    if None in known:
        return None
    micros = np.array(known, np.int64)[rows] * _DAY + ((hours * 60 + minutes) * 60 + seconds) * _SECOND
    if digits <= 6:
        return micros + fractions * 10 ** (6 - digits), None
    nanos = fractions * 10 ** (9 - digits)
    return micros + nanos // 1000, nanos % 1000


def _day(number: int) -> int | None:
    """20261120 as days since 1970."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100).toordinal() - _FIRST_DAY
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _layout(length: int, start: int, digits: int) -> tuple[Places, Places, Reals]:
    """Where the digits stand in a text of this length, and what else; how much each digit counts.

    A column for the date, the hours, the minutes, the seconds, and what is behind the point.
    """
    shown = [start + place for place in (*_PLACES, *range(_POINT + 1, _POINT + 1 + digits))]
    weights, at = np.zeros((len(shown), 5)), 0
    for column, count in enumerate((8, 2, 2, 2, digits)):
        weights[at : at + count, column] = 10.0 ** np.arange(count - 1, -1, -1)
        at += count
    others = [place for place in range(length) if place not in shown]
    return np.array(shown, np.intp), np.array(others, np.intp), weights
