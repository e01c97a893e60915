"""The columns of an event, by number, and how a value of a line becomes the value of a column.

A reader takes a clean JSON value and answers the column's value, or None where it is unusable: then it stays an
attribute. Readers are called for every line, so what repeats is remembered; each memory is emptied when full.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from math import isfinite
from typing import Any

from tailsvc.events import Event
from tailsvc.folding import upper
from tailsvc.levels import normalise_level
from tailsvc.limits import TOKEN_CHARS
from tailsvc.timestamps import Moment

Columns = list[Any]  # one value for each field of Event, in its order; the time is filled in last
Reader = Callable[[Any], Any]
ColumnReader = Callable[[Sequence[Any]], Sequence[Any]]
# What a text or an object says: its columns, its time, and the level that it has if nobody says another.
Reading = tuple[Columns, Moment | None, str | None]

(
    TIMESTAMP,
    RAW,
    LEVEL,
    METHOD,
    PATH,
    HOST,
    STATUS,
    RESPONSE_TIME_MS,
    IP,
    USER_AGENT,
    REFERRER,
    SERVICE,
    SRC,
    MESSAGE,
    FILENAME,
    IS_BOT,
    REPLICA,
    CONTAINER,
    STDIO,
    TRACE_ID,
    SPAN_ID,
    ATTRIBUTES,
) = range(len(Event._fields))

# Those that a line may name; the others are ours to fill in.
NAMED = tuple(column for column in range(ATTRIBUTES) if column not in (TIMESTAMP, RAW, IS_BOT))

_CACHED = 16_384
_CACHED_CHARS = 128
_levels: dict[str, str] = {}
_methods: dict[str, str] = {}
_ips: dict[str, str] = {}

_PLAIN_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,18})?", re.ASCII)
_NUMBER = re.compile(rf" {{0,8}}({_PLAIN_NUMBER.pattern}) {{0,8}}", re.ASCII)
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}", re.ASCII)
_PORT = re.compile(r"\[([^\]]{2,64})\](?::\d{1,5})?|([\d.]{7,15}):\d{1,5}", re.ASCII)
_METHOD = re.compile(r"[A-Za-z][A-Za-z_-]*+", re.ASCII)

_SYSLOG_LEVELS = (
    "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG",
)  # fmt: skip
_NUMBERED_LEVELS = {
    # pino and bunyan
    10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL",
    # Monolog
    100: "DEBUG", 200: "INFO", 250: "NOTICE", 300: "WARN", 400: "ERROR", 500: "CRITICAL",
    550: "ALERT", 600: "EMERGENCY",
    **dict(enumerate(_SYSLOG_LEVELS)),
}  # fmt: skip
_OTEL_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")  # four numbers each, from 1


def blank() -> Columns:
    columns: Columns = [None] * len(Event._fields)
    columns[IS_BOT] = False
    return columns


def read_text(value: Any) -> str | None:
    return value if type(value) is str else None


def read_level(value: Any) -> str | None:
    """A name, or a number as syslog (0 to 7), pino and bunyan (10 to 60) or Monolog (100 to 600) count."""
    if type(value) is not str:
        return _NUMBERED_LEVELS.get(value) if type(value) is int else None
    level = _levels.get(value)
    if level is None:
        number = _whole(value)
        name = normalise_level(value[:TOKEN_CHARS]) if number is None else None
        level = name or _NUMBERED_LEVELS.get(-1 if number is None else number)
        if level is not None:
            _remember(_levels, value, level)
    return level


def read_syslog_severity(value: Any) -> str | None:
    number = _whole(value)
    return _SYSLOG_LEVELS[number] if number is not None and 0 <= number <= 7 else None


def read_otel_severity(value: Any) -> str | None:
    number = _whole(value)
    return _OTEL_LEVELS[(number - 1) // 4] if number is not None and 1 <= number <= 24 else None


def read_method(value: Any) -> str | None:
    if type(value) is not str:
        return None
    method = _methods.get(value)
    if method is None and _METHOD.fullmatch(value):
        method = upper(value[:TOKEN_CHARS])
        _remember(_methods, value, method)
    return method


def read_status(value: Any) -> int | None:
    status = value if type(value) is int else _whole(value)
    return status if status is not None and 100 <= status <= 999 else None


def duration_reader(unit_ms: float) -> Reader:
    """Reads a length of time given in units of `unit_ms` milliseconds; answers milliseconds."""

    def read_duration(value: Any) -> float | None:
        number = _number(value)
        if number is None or not number >= 0:
            return None
        # Six decimals of a millisecond: what multiplying adds in binary is cut off again.
        length = number if unit_ms == 1 else round(number * unit_ms, 6)
        return length if isfinite(length) else None

    return read_duration


def read_ip(value: Any) -> str | None:
    """The address as given, without port and brackets."""
    if type(value) is not str or len(value) > 64:
        return None
    if _IPV4.fullmatch(value):
        return _remember(_ips, value, value)
    ip = _ips.get(value)
    if ip is None:
        port = _PORT.fullmatch(value)
        ip = _address(value if port is None else port[1] or port[2])
        if ip is not None:
            _remember(_ips, value, ip)
    return ip


def read_stdio(value: Any) -> str | None:
    return value if value in ("stdout", "stderr") else None


def read_agent(value: Any) -> str | None:
    """Caddy logs every header as a list."""
    if type(value) is list and len(value) == 1:
        value = value[0]
    return value if type(value) is str else None


def _address(text: str) -> str | None:
    try:
        ip_address(text)
    except ValueError:
        return None
    return text


def _number(value: Any) -> float | None:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    match = _NUMBER.fullmatch(value) if type(value) is str and len(value) <= 64 else None
    return None if match is None else float(match[1])


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _remember(cache: dict[str, str], text: str, value: str) -> str:
    if len(text) <= _CACHED_CHARS:
        if len(cache) >= _CACHED:
            cache.clear()
        cache[text] = value
    return value


# The same for the values of one field of many lines: what is usual is checked for all at once.


def read_all_by(read: Reader, known: dict[str, str]) -> ColumnReader:
    """For readers that remember their answers in `known`."""

    def read_all(values: Sequence[Any]) -> Sequence[Any]:
        if set(map(type, values)) == _TEXTS:
            found = [*map(known.get, values)]
            if None in found:
                found = [read(value) if said is None else said for value, said in zip(values, found, strict=True)]
            return found
        return [*map(read, values)]

    return read_all


def read_texts(values: Sequence[Any]) -> Sequence[Any]:
    return values if set(map(type, values)) <= _TEXTS_OR_NONE else [*map(read_text, values)]


def read_agents(values: Sequence[Any]) -> Sequence[Any]:
    return values if set(map(type, values)) <= _TEXTS_OR_NONE else [*map(read_agent, values)]


def read_statuses(values: Sequence[Any]) -> Sequence[Any]:
    if set(map(type, values)) == {int} and min(values) >= 100 and max(values) <= 999:
        return values
    return [*map(read_status, values)]


def read_milliseconds(values: Sequence[Any]) -> Sequence[Any]:
    kinds = set(map(type, values))
    if kinds == {float} and min(values) >= 0:
        return values
    if kinds == _TEXTS and all(map(_PLAIN_NUMBER.fullmatch, values)):
        return [*map(float, values)]
    return [*map(_read_milliseconds, values)]


_TEXTS = {str}
_TEXTS_OR_NONE = {str, type(None)}
_read_milliseconds = duration_reader(1.0)
read_levels = read_all_by(read_level, _levels)
read_methods = read_all_by(read_method, _methods)
read_ips = read_all_by(read_ip, _ips)


def read_all_singly(read: Reader) -> ColumnReader:
    def read_all(values: Sequence[Any]) -> Sequence[Any]:
        return [*map(read, values)]

    return read_all
