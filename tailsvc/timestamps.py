"""Reading and writing the time notations of all formats.

A notation without a zone is UTC. Nothing here raises: what is not a time is None.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import add, itemgetter
from typing import Any, TypeVar, cast

from tailsvc.clock_columns import read_clocks
from tailsvc.limits import EARLIEST_MICROS

# (microseconds since 1970 UTC, the notation's smallest step in microseconds, nanoseconds beyond the microsecond).
# A plain tuple: one is made for every line.
Moment = tuple[int, int, int]
# The same for many lines, each part by itself; where a line has no time the first part is None.
Times = tuple[Sequence[int | None], Sequence[int], Sequence[int]]

SECOND = 1_000_000
# The attribute that keeps a time which is finer than a microsecond.
TIME_UNIX_NANO = "time_unix_nano"
_Cached = TypeVar("_Cached")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Smaller numbers (before March 1973 as seconds) are uptimes, durations or counters.
_SMALLEST_EPOCH = 100_000_000

_SECOND = re.compile(r"(\d{4})([-/])(\d\d)\2(\d\d)[T t_](\d\d):(\d\d):(\d\d)", re.ASCII)
_REST = re.compile(
    r"(?:[.,](\d{1,18}))? ?(?:[Zz]|UTC|GMT|([+-])(\d\d)(?::?([0-5]\d))?(?:\[[\w/+-]{1,40}\])?)?",
    re.ASCII,
)
_ACCESS_MINUTE = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d)", re.ASCII)
_ACCESS_REST = re.compile(r":([0-5]\d|60) ([+-])(\d\d)([0-5]\d)", re.ASCII)
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_KLOG = re.compile(r"(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{1,9})", re.ASCII)
_DIGITS = re.compile(r"(\d{9,20})(?:[.,](\d{1,18}))?", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}

# Neighbouring lines share their second, and senders share their few hundred fractions and zones: the parts of a
# notation are remembered, not parsed again. Each is emptied when full.
_CACHED = 16_384
_seconds: dict[str, int] = {}
_rests: dict[str, Moment] = {}
FEWEST_ALIKE = 256  # fewer are not worth an array
_HEAD = itemgetter(slice(19))
_TAIL = itemgetter(slice(19, None))
_ACCESS_HEAD = itemgetter(slice(17))
_ACCESS_TAIL = itemgetter(slice(17, None))
_access_minutes: dict[str, int] = {}
_access_rests: dict[str, int] = {}


def iso_text(micros: int) -> str:
    """`2025-01-01T12:00:00Z`, with three or six decimals where they are not zero."""
    moment = datetime(1970, 1, 1) + timedelta(microseconds=micros)  # noqa: DTZ001  (Z is added as text)
    fraction = micros % SECOND
    timespec = "microseconds" if fraction % 1000 else "milliseconds" if fraction else "seconds"
    return moment.isoformat(timespec=timespec) + "Z"


def read_moment(value: Any) -> Moment | None:
    """A time from a field of a line: text of any known notation, or a number since 1970 in s, ms, us or ns."""
    kind = type(value)
    if kind is str:
        return read_time(value)
    if kind is int:
        return read_epoch(value)
    if kind is float:
        # The shortest text of a double is what the sender wrote; its binary value is not. It cannot hold nanoseconds.
        moment = _read_digits(repr(value)) or read_epoch(int(value) if abs(value) < 1e19 else 0)
        return None if moment is None else (moment[0], moment[1], 0)
    return None


def read_time(text: str) -> Moment | None:
    """A time written as ISO 8601, as in access logs, or as a number."""
    return read_iso(text) or read_access_time(text) or _read_digits(text)


def read_iso(text: str) -> Moment | None:
    """`2025-01-01T12:00:00.123456789+02:00` and its kin: space for T, slashes, comma, no zone."""
    second = _seconds.get(text[:19])
    if second is None:
        second = _learn_second(text[:19])
    rest = _rests.get(text[19:])
    if rest is None:
        rest = _learn_rest(text[19:])
    if second is None or rest is None:
        return None
    micros = second + rest[0]
    return (micros, rest[1], rest[2]) if micros >= EARLIEST_MICROS else None


def read_times(values: Sequence[Any]) -> Times:
    """`read_moment` of each value; several times as quick where all are ISO texts, or all seconds with decimals."""
    kinds = set(map(type, values))
    if kinds == {str}:
        alike = _read_alike(values) if len(values) >= FEWEST_ALIKE else None
        if alike is not None:
            return alike
        heads, tails = [*map(_HEAD, values)], [*map(_TAIL, values)]
        seconds = _recall(_seconds, heads, _learn_second)
        rests = _recall(_rests, tails, _learn_rest)
        if seconds is not None and rests is not None:
            offsets, steps, nanos = zip(*rests, strict=True)
            micros = [*map(add, seconds, offsets)]
            if min(micros) >= EARLIEST_MICROS:
                return micros, steps, nanos
    elif kinds == {float} and min(values) >= _SMALLEST_EPOCH and max(values) < _SMALLEST_EPOCH * 1000:
        return _read_seconds(values)
    return times_of([*map(read_moment, values)])


def _read_seconds(values: Sequence[float]) -> Times:
    """Of numbers that are seconds, with whatever is behind their points."""
    parts = [text.split(".") for text in map(repr, values)]
    micros = [int(whole + fraction[:6].ljust(6, "0")) for whole, fraction in parts]
    return micros, [max(1, SECOND // 10 ** len(fraction)) for _, fraction in parts], [0] * len(parts)


def _read_alike(texts: Sequence[str]) -> Times | None:
    """Of ISO texts that are written in one way; None where they are not."""
    clocks = read_clocks(texts)
    if clocks is None or clocks.before or (clocks.digits and clocks.behind[:1] in (".", ",")):
        return None
    rest = _learn_rest(clocks.behind)
    if rest is None:
        return None
    micros = clocks.micros + rest[0]
    if micros.min() < EARLIEST_MICROS:
        return None
    step = max(1, SECOND // 10**clocks.digits) if clocks.digits else rest[1]
    nanos = [rest[2]] * len(texts) if clocks.nanos is None else clocks.nanos.tolist()
    return micros.tolist(), [step] * len(texts), nanos


def _recall(
    known: dict[str, _Cached], texts: list[str], learn: Callable[[str], _Cached | None]
) -> list[_Cached] | None:
    """What is known of each text, or learned of it; None where some text means nothing."""
    found = [*map(known.get, texts)]
    if None in found:
        learned = {text: learn(text) for text in set(texts).difference(known)}
        found = [learned.get(text) if value is None else value for text, value in zip(texts, found, strict=True)]
    return None if None in found else cast("list[_Cached]", found)


def times_of(moments: Sequence[Moment | None]) -> Times:
    micros, steps, nanos = zip(*(moment or (None, 1, 0) for moment in moments), strict=True)
    return micros, steps, nanos


def read_access_time(text: str) -> Moment | None:
    """`20/Nov/2026:13:55:36 +0000`, the time of access logs."""
    minute = _access_minutes.get(text[:17]) or _learn_access_minute(text[:17])
    rest = _access_rests.get(text[17:])
    if rest is None:
        rest = _learn_access_rest(text[17:])
    if minute is None or rest is None or minute + rest < EARLIEST_MICROS:
        return None
    return (minute + rest, SECOND, 0)


def read_access_times(texts: Sequence[str]) -> Times:
    minutes = _recall(_access_minutes, [*map(_ACCESS_HEAD, texts)], _learn_access_minute)
    rests = _recall(_access_rests, [*map(_ACCESS_TAIL, texts)], _learn_access_rest)
    if minutes is not None and rests is not None:
        micros = [*map(add, minutes, rests)]
        if min(micros) >= EARLIEST_MICROS:
            return micros, [SECOND] * len(micros), [0] * len(micros)
    return times_of([*map(read_access_time, texts)])


def read_syslog_time(text: str, received_at: int) -> Moment | None:
    """`Oct 11 22:14:15`, which names no year: the one that puts it nearest to `received_at` (microseconds)."""
    match = _SYSLOG.fullmatch(text)
    if match is None:
        return None
    month, *parts, fraction = match.groups()
    return _in_nearest_year(_MONTHS.get(month, 0), *map(int, parts), fraction=fraction, received_at=received_at)


def read_klog_time(text: str, received_at: int) -> Moment | None:
    """`1011 22:14:15.123456`, month and day; the year as of syslog's."""
    match = _KLOG.fullmatch(text)
    if match is None:
        return None
    *parts, fraction = match.groups()
    return _in_nearest_year(*map(int, parts), fraction=fraction, received_at=received_at)


def _in_nearest_year(
    month: int, day: int, hour: int, minute: int, second: int, *, fraction: str | None, received_at: int
) -> Moment | None:
    this_year = (_EPOCH + timedelta(microseconds=received_at)).year
    # The next 29 February may be four years away, around 2100 eight.
    reach = 8 if (month, day) == (2, 29) else 1
    years = range(this_year - reach, this_year + reach + 1)
    moments = [micros for year in years if (micros := _utc(year, month, day, hour, minute, second)) is not None]
    if not moments:
        return None
    nearest = min(moments, key=lambda micros: abs(micros - received_at))
    micros, step, nanos = _fraction(fraction)
    return (nearest + micros, step, nanos) if nearest >= EARLIEST_MICROS else None


def read_epoch(value: int) -> Moment | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, each from March 1973 to the year 5138."""
    if value < _SMALLEST_EPOCH:
        return None
    if value < _SMALLEST_EPOCH * 1000:
        return (value * SECOND, SECOND, 0)
    if value < _SMALLEST_EPOCH * SECOND:
        return (value * 1000, 1000, 0)
    if value < _SMALLEST_EPOCH * SECOND * 1000:
        return (value, 1, 0)
    if value < _SMALLEST_EPOCH * SECOND * SECOND:
        return (value // 1000, 1, value % 1000)
    return None


def _read_digits(text: str) -> Moment | None:
    match = _DIGITS.fullmatch(text)
    if match is None:
        return None
    whole, fraction = match.groups()
    moment = read_epoch(int(whole))
    if moment is None or fraction is None:
        return moment
    micros, step, nanos = moment
    # Decimals of the unit, down to nanoseconds.
    decimals = {SECOND: 9, 1000: 6}.get(step, 3 if int(whole) == micros else 0)
    fine = int(fraction[:decimals].ljust(decimals, "0") or "0")
    finest = max(1, step // 10 ** len(fraction))
    return (micros + fine // 1000, finest, nanos + fine % 1000)


def _learn_second(text: str) -> int | None:
    match = _SECOND.fullmatch(text)
    if match is None:
        return None
    year, _, *rest = match.groups()
    micros = _utc(int(year), *map(int, rest))
    return None if micros is None else _remember(_seconds, text, micros)


def _learn_rest(text: str) -> Moment | None:
    if len(text) > 72:
        return None
    match = _REST.fullmatch(text)
    if match is None:
        return None
    fraction, sign, hours, minutes = match.groups()
    micros, step, nanos = _fraction(fraction)
    moment = (micros - (_offset(sign, hours, minutes) if sign else 0), step, nanos)
    return _remember(_rests, text, moment)


def _learn_access_minute(text: str) -> int | None:
    match = _ACCESS_MINUTE.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute = match.groups()
    micros = _utc(int(year), _MONTHS.get(month, 0), int(day), int(hour), int(minute), 0)
    return None if micros is None else _remember(_access_minutes, text, micros)


def _learn_access_rest(text: str) -> int | None:
    match = _ACCESS_REST.fullmatch(text)
    if match is None:
        return None
    second, sign, hours, minutes = match.groups()
    return _remember(_access_rests, text, int(second) * SECOND - _offset(sign, hours, minutes))


def _fraction(digits: str | None) -> Moment:
    if digits is None:
        return (0, SECOND, 0)
    nanos = int(digits[:9].ljust(9, "0"))
    return (nanos // 1000, max(1, SECOND // 10 ** len(digits)), nanos % 1000)


def _offset(sign: str, hours: str, minutes: str | None) -> int:
    seconds = int(hours) * 3600 + int(minutes or 0) * 60
    return (-seconds if sign == "-" else seconds) * SECOND


def _utc(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    leap = second == 60  # a leap second is the first of the next minute, as POSIX counts
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError:
        return None
    return (moment - _EPOCH) // _MICROSECOND + (SECOND if leap else 0)


def _remember(cache: dict[str, _Cached], text: str, value: _Cached) -> _Cached:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[text] = value
    return value
