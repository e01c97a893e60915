"""Lines that begin with a time or a level: Laravel, Python, Java, klog, nginx' error log and the like."""

import re
from collections.abc import Sequence
from typing import Any

from tailsvc.event_tables import Woven, by_value, coded
from tailsvc.parsing import columns
from tailsvc.parsing.columns import Reading
from tailsvc.parsing.tables import Table
from tailsvc.timestamps import Moment, read_iso, read_klog_time, read_times

Match = re.Match[str]

_LEVEL = (
    r"(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|CRIT(?:ICAL)?|ALERT|EMERG(?:ENCY)?"
    r"|FATAL|PANIC)"
)
_TIME = r"(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)"
_FLAGS = re.ASCII | re.DOTALL

# [2025-01-01 12:00:00] production.ERROR: message
_LARAVEL = re.compile(rf"\[{_TIME}\] ([\w-]{{1,64}})\.{_LEVEL}(: ?)(.*)", _FLAGS)
_LARAVEL_LITERALS = ("[", "] ", ".", "", "", "")
_LARAVEL_NAMES = ("timestamp", "attributes.channel", "level", "", "message")
_STAMP = re.compile(rf"(?:\[{_TIME}\]|{_TIME}(?=[\s:]|$)):? {{0,8}}", _FLAGS)
# 2025-01-01 12:00:00,123 - app.orders - ERROR - message
_PYTHON = re.compile(rf"- (?P<logger>\S{{1,200}}) - {_LEVEL} - ", _FLAGS)
_NAME = r"(?P<logger>[\w.$:/\[\]-]{1,200})"
_THREAD = r"\[ {0,40}(?P<thread>[^\]\n]{1,200})\]"
_STAMPED = (
    _PYTHON,
    # 2025-01-01 12:00:00.123 [main] INFO  com.acme.Orders - message
    re.compile(rf"{_THREAD} {_LEVEL} {{1,5}}{_NAME} {{1,40}}[-:] ", _FLAGS),
    # 2025-01-01 12:00:00.123 INFO  [main] com.acme.Orders - message
    re.compile(rf"{_LEVEL} {{1,5}}{_THREAD} {_NAME} {{1,40}}[-:] ", _FLAGS),
    # 2025-01-01T12:00:00.123Z  INFO 4711 --- [main] com.acme.Orders : message (Spring Boot)
    re.compile(rf"{_LEVEL} {{1,5}}(?P<pid>\d{{1,10}}) --- {_THREAD} {_NAME} {{1,40}}: ", _FLAGS),
    # 2025-01-01 12:00:00.123 INFO com.acme.Orders - message
    re.compile(rf"{_LEVEL} {{1,5}}(?P<logger>[\w.$:-]{{1,200}}) {{1,40}}- ", _FLAGS),
    # 2025-01-01 12:00:00 ERROR message, ... ERROR: message
    re.compile(rf"{_LEVEL}(?::? {{1,8}}|:|$)", _FLAGS),
    # 2025/01/01 12:00:00 [error] message
    re.compile(rf"\[(?i:{_LEVEL})\]:? {{0,8}}", _FLAGS),
)
# Without a time before it a level must be unmistakable.
_UNSTAMPED = (
    re.compile(rf"{_LEVEL}:(?P<logger>[\w.]{{1,200}}):", _FLAGS),  # Python's logging.basicConfig
    re.compile(rf"{_LEVEL}:\s{{1,8}}", _FLAGS),
    re.compile(rf"\[{_LEVEL}\]:?\s{{1,8}}", _FLAGS),
)

# I1122 10:22:33.123456   12345 file.go:123] message (klog of Kubernetes, and glog)
_KLOG = re.compile(
    r"([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d{6}) {1,10}(?P<pid>\d{1,10}) (?P<caller>[^\s\]]{1,200}:\d{1,10})\](?: |$)",
    _FLAGS,
)
_KLOG_LEVELS = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}

_LEVEL_HEADS = frozenset("TDINWESCAFP[")  # all initials above


def match_laravel(text: str) -> Match | None:
    return _LARAVEL.fullmatch(text) if text[:1] == "[" else None


def read_laravels(matches: Sequence[Match]) -> Table:
    """Rows without a valid time are odd."""
    groups = [*map(coded, zip(*map(Match.groups, matches), strict=True))]
    times, channels, levels, _, messages = groups
    table = Table(len(matches))
    table.set_times(read_times(times))
    table.columns[columns.LEVEL] = by_value(columns.read_levels, levels)
    table.columns[columns.MESSAGE] = messages
    table.attributes["channel"] = channels
    table.woven = Woven(_LARAVEL_LITERALS, _LARAVEL_NAMES, groups)
    return table


def read_stamped(text: str) -> Reading | None:
    """Lines that begin with a time, with or without a level after it."""
    stamp = _STAMP.match(text)
    moment = None if stamp is None else read_iso(stamp[1] or stamp[2])
    if stamp is None or moment is None:
        return None
    for form in _STAMPED:
        match = form.match(text, stamp.end())
        if match is not None:
            return _of_match(moment, match)
    return _reading(moment, None, text[stamp.end() :], None)


def read_klog(text: str, received_at: int) -> Reading | None:
    match = _KLOG.match(text) if text[:1] in _KLOG_LEVELS and text[1:2].isdigit() else None
    moment = None if match is None else read_klog_time(match[2], received_at)
    if match is None or moment is None:
        return None
    return _reading(moment, _KLOG_LEVELS[match[1]], text[match.end() :], match.groupdict())


def read_leading_level(text: str) -> Reading | None:
    if text[:1] not in _LEVEL_HEADS:
        return None
    for form in _UNSTAMPED:
        match = form.match(text)
        if match is not None:
            return _of_match(None, match)
    return None


def _of_match(moment: Moment | None, match: re.Match[str]) -> Reading:
    attributes = match.groupdict()
    level = attributes.pop("level")
    return _reading(moment, level, match.string[match.end() :], attributes)


def _reading(moment: Moment | None, level: str | None, message: str, attributes: dict[str, Any] | None) -> Reading:
    found = columns.blank()
    found[columns.LEVEL] = columns.read_level(level)
    found[columns.MESSAGE] = message
    found[columns.ATTRIBUTES] = attributes or None
    return found, moment, None
