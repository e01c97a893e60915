"""How a stored value was printed in its line: the formats that a template's slots name.

Each format is a function of a whole column, since templates are rendered for many rows at once.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from tailsvc.segments.columns import Number, Numbers

TIMESTAMP = "timestamp"
Micros = npt.NDArray[np.int64]


class Slot(NamedTuple):
    """A column, and the format that its values are printed in."""

    column: str
    format: str = ""


class Form(NamedTuple):
    """A value as it may stand in the line."""

    slot: Slot
    printed: str


_SECOND = 1_000_000
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LARGEST_SHIFT = 14 * 3600
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d):(\d\d)(?:([.,])(\d{1,9})(?!\d))?", re.ASCII)
_NANO = re.compile(r"(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d):(\d\d)\.(\d{7,9})(?!\d)", re.ASCII)
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)", re.ASCII)
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_MICRO_DIGITS = 6
_NANOS = "nano:"
_NANO_CHARS = 19  # beyond 2262 there is no time in nanoseconds
_PLAIN_BELOW = 1e15  # from 1e16 on, `repr` writes an exponent
_SMALL = 1000  # numbers below are so frequent that their texts are kept
_FEW = 200  # fewer are printed one by one: that is quicker than to look at all of them first
_PRINTED: dict[str, Callable[[float], str]] = {"d": "%d".__mod__, "r": repr}
_MILLIS = [f".{milli:03d}" for milli in range(1000)]


# -- texts


def print_texts(values: Sequence[str], format_: str) -> Sequence[str]:
    if not format_:
        return values
    if format_.startswith(_NANOS):
        return print_nanos(values, format_)
    return [*map(TEXT_FORMATS[format_], values)]


def text_forms(column: str, value: str) -> Iterator[Form]:
    yield Form(Slot(column), value)
    for name, change in TEXT_FORMATS.items():
        changed = change(value)
        if changed != value:
            yield Form(Slot(column, name), changed)


def as_json(text: str) -> str:
    """As it stands between the quotes of a JSON string."""
    return orjson.dumps(text).decode()[1:-1]


def as_ascii_json(text: str) -> str:
    """As Python and others print it, who send nothing beyond ASCII."""
    return json.dumps(text)[1:-1]


def as_php_json(text: str) -> str:
    return as_ascii_json(text).replace("/", "\\/")


def as_html_json(text: str) -> str:
    """As Go prints it, for pages that JSON may stand in."""
    return as_json(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


TEXT_FORMATS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "capital": str.capitalize,
    "json": as_json,
    "ascii": as_ascii_json,
    "slash": as_php_json,
    "html": as_html_json,
}


# -- numbers


def is_of_numbers(format_: str) -> bool:
    return format_ in _PRINTED or (format_[:1] in ("f", "s") and format_[1:].isdigit())


def print_numbers(column: Number, format_: str) -> list[str]:
    """Rows without a number print as 0."""
    values = column.values.tolist()
    if len(values) < _FEW and format_ in _PRINTED:
        return [*map(_PRINTED[format_], values)]
    if format_ == "d":  # cuts off what is behind the point
        small = _are_small(column.values)
        return [*map(_small_texts().__getitem__, map(int, values))] if small else [*map("%d".__mod__, values)]
    if format_ == "r":
        # `%.1f` is four times as quick as `repr`, and the same for numbers of tenths; a table twice as quick again.
        if not ((np.abs(column.values) < _PLAIN_BELOW).all() and _are_tenths(column.values)):
            return [*map(repr, values)]
        if _are_small(column.values):
            return [*map(_small_tenths().__getitem__, np.rint(column.values * 10).astype(np.int64).tolist())]
        return [*map("%.1f".__mod__, values)]
    kind, digits = format_[0], int(format_[1:])
    if kind == "s":
        values = [value / 1000 for value in values]
    pattern = f"%.{digits}f"
    return [pattern % value for value in values]


def _are_small(values: Numbers) -> bool:
    """From 0 on and below _SMALL, none of them -0.0."""
    return bool(((values >= 0) & (values < _SMALL) & ~np.signbit(values)).all())


@cache
def _small_texts() -> list[str]:
    return [*map(str, range(_SMALL))]


@cache
def _small_tenths() -> list[str]:
    return [f"{number // 10}.{number % 10}" for number in range(_SMALL * 10)]


def _are_tenths(values: Numbers) -> bool:
    return bool((np.round(values * 10) / 10 == values).all())


def number_forms(column: str, value: float) -> Iterator[Form]:
    if isinstance(value, int):
        yield Form(Slot(column, "d"), str(value))
        return
    yield Form(Slot(column, "r"), repr(value))
    if abs(value) >= 1e15:
        return
    if value.is_integer():
        yield Form(Slot(column, "d"), str(int(value)))
    for digits in (1, 2, 3, 6):
        yield Form(Slot(column, f"f{digits}"), f"%.{digits}f" % value)
    for digits in (3, 6, 4, 5):  # milliseconds that were printed as seconds
        yield Form(Slot(column, f"s{digits}"), f"%.{digits}f" % (value / 1000))


# -- times


def print_times(micros: Micros, format_: str) -> list[str]:
    kind, *options = format_.split(":")
    if kind == "epoch":
        return [*map(str, (micros // 10 ** int(options[0])).tolist())]
    if kind == "seconds":
        return _with_fraction([*map(str, (micros // _SECOND).tolist())], micros, int(options[0]))
    texts = _seconds_texts((micros + int(options[-1]) * _SECOND) // _SECOND, kind)
    if kind != "iso":
        return texts
    separator, digits = options[0], int(options[1])
    if separator[0] == " ":
        texts = [text.replace("T", " ") for text in texts]
    texts = _with_fraction(texts, micros, digits)
    return [text.replace(".", ",") for text in texts] if separator[1:] == "," else texts


def _seconds_texts(seconds: Micros, kind: str) -> list[str]:
    if len(seconds) < _FEW:
        return [*map(_SECONDS[kind], seconds.tolist())]
    distinct, rows = np.unique(seconds, return_inverse=True)
    known = [*map(_SECONDS[kind], distinct.tolist())]
    return [known[row] for row in rows.tolist()]


def time_forms(text: str, micros: int) -> Iterator[Form]:
    """Where in the line its time may stand, in which form."""
    for match in _ISO.finditer(text):
        year, month, day, separator, hour, minute, second, point, fraction = match.groups()
        shift = _shift(micros, (year, month, day, hour, minute, second))
        if shift is not None and not (fraction or "")[_MICRO_DIGITS:].strip("0"):
            separator += "," if point == "," else ""
            yield Form(Slot(TIMESTAMP, f"iso:{separator}:{len(fraction or '')}:{shift}"), match[0])
    for kind, pattern in (("clf", _CLF), ("syslog", _SYSLOG)):
        for match in pattern.finditer(text):
            shift = _shift(micros, _calendar_parts(kind, match.groups(), micros))
            if shift is not None:
                yield Form(Slot(TIMESTAMP, f"{kind}:{shift}"), match[0])
    second, fraction = divmod(micros, _SECOND)
    yield Form(Slot(TIMESTAMP, "seconds:3"), f"{second}.{fraction // 1000:03d}")
    yield Form(Slot(TIMESTAMP, "seconds:6"), f"{second}.{fraction:06d}")
    for digits in (0, 3, 6):
        yield Form(Slot(TIMESTAMP, f"epoch:{digits}"), str(micros // 10**digits))


def print_nanos(values: Sequence[str], format_: str) -> list[str]:
    """Texts of nanoseconds since 1970 as clocks with so many digits; what is no such text as nothing."""
    _, separator, digits, shift = format_.split(":")
    texts = []
    for value in values:
        second, nanos = divmod(int(value), 1_000_000_000) if value.isdecimal() and len(value) <= _NANO_CHARS else (0, 0)
        clock = _iso_second(second + int(shift)).replace("T", separator)
        texts.append(f"{clock}.{nanos:09d}"[: len(clock) + 1 + int(digits)])
    return texts


def nano_forms(text: str, column: str, value: str) -> Iterator[Form]:
    """The same time with more digits than microseconds have, as the column holds it."""
    for match in _NANO.finditer(text) if value.isdecimal() and len(value) <= _NANO_CHARS else ():
        year, month, day, separator, hour, minute, second, fraction = match.groups()
        shift = _shift(int(value) // 1000, (year, month, day, hour, minute, second))
        if shift is not None:
            yield Form(Slot(column, f"{_NANOS}{separator}:{len(fraction)}:{shift}"), match[0])


def _calendar_parts(kind: str, groups: Sequence[str], micros: int) -> Sequence[str | int]:
    """Year, month, ... second of a time that names its month; one without a year is of the event's."""
    if kind == "clf":
        day, name, year, *clock = groups
    else:
        name, day, *clock = groups
        year = str(datetime.fromtimestamp(micros // _SECOND, UTC).year)
    return (year, _MONTHS.index(name) + 1 if name in _MONTHS else 0, day, *clock)


def _with_fraction(texts: list[str], micros: Micros, digits: int) -> list[str]:
    if not digits:
        return texts
    rest = micros % _SECOND
    fractions = (rest // 10 ** (6 - digits) if digits <= _MICRO_DIGITS else rest * 10 ** (digits - 6)).tolist()
    if digits == len(_MILLIS[0]) - 1:
        return [text + _MILLIS[fraction] for text, fraction in zip(texts, fractions, strict=True)]
    pattern = f"%s.%0{digits}d"
    return [pattern % pair for pair in zip(texts, fractions, strict=True)]


def _shift(micros: int, parts: Sequence[str | int]) -> int | None:
    """By how many seconds the printed clock is ahead of UTC."""
    try:
        printed = int(datetime(*map(int, parts), tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    shift = printed - micros // _SECOND
    return shift if abs(shift) <= _LARGEST_SHIFT and shift % 900 == 0 else None


@lru_cache(maxsize=4096)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4096)
def _clf_second(second: int) -> str:
    at = datetime.fromtimestamp(second, UTC)
    return f"{at.day:02d}/{_MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S}"


@lru_cache(maxsize=4096)
def _syslog_second(second: int) -> str:
    at = datetime.fromtimestamp(second, UTC)
    return f"{_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S}"


_SECONDS: dict[str, Callable[[int], str]] = {"iso": _iso_second, "clf": _clf_second, "syslog": _syslog_second}
