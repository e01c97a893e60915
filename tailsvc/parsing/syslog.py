"""Syslog: RFC 5424, RFC 3164, and the two forms in which rsyslog writes files (no priority before them)."""

import re
from typing import Any

from tailsvc.parsing import columns
from tailsvc.parsing.columns import Reading
from tailsvc.parsing.objects import first_attributes
from tailsvc.timestamps import Moment, read_iso, read_syslog_time

_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "security", "console", "solaris-cron", "local0", "local1", "local2", "local3",
    "local4", "local5", "local6", "local7",
)  # fmt: skip

_VALUE = r'"([^"\\\]]*+(?:\\.[^"\\\]]*+)*+)"'
_PARAMETER = re.compile(rf" ([^\s=\]\"]{{1,64}})={_VALUE}", re.ASCII | re.DOTALL)
_ELEMENT = re.compile(
    r"\[([^\s=\]\"]{1,64})((?: [^\s=\]\"]{1,64}="
    r'"[^"\\\]]*+(?:\\.[^"\\\]]*+)*+")*+)\]',
    re.ASCII | re.DOTALL,
)
_ESCAPED = re.compile(r"\\([\"\\\]])")

_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_5424 = re.compile(r"1 (\S{1,64}) (\S{1,255}) (\S{1,255}) (\S{1,128}) (\S{1,128}) (?=[-\[])", re.ASCII)
_3164_TIME = re.compile(r"([A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:\.\d{1,9})?) (?=\S)", re.ASCII)
_HOST = r"([\w.:%-]{0,254}[\w])"
_TAG = r"([\w./@-]{1,64})(?:\[(\d{1,10})\])?: ?"
_HOST_AND_TAG = re.compile(rf"(?:{_HOST} )?{_TAG}", re.ASCII)
_HOST_ALONE = re.compile(rf"{_HOST} ", re.ASCII)
# rsyslog's modern file form. The tag's number tells it from any other line that begins with a time.
_FILE = re.compile(
    rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\S{{0,16}}) {_HOST} ([\w./@-]{{1,64}})\[(\d{{1,10}})\]: ?",
    re.ASCII,
)


def read_syslog(text: str, received_at: int) -> Reading | None:
    """Everything around the message to columns; the message as it stands."""
    priority = _PRIORITY.match(text)
    if priority is None:
        return _read_file_line(text, received_at)
    if int(priority[1]) > 191:
        return None
    body = text[priority.end() :]
    reading = _read_5424(body) or _read_3164(body, received_at, need_tag=False)
    if reading is None:
        reading = _reading(None, None, None, body, {})
    found = reading[0]
    facility, severity = divmod(int(priority[1]), 8)
    found[columns.LEVEL] = columns.read_syslog_severity(severity)
    found[columns.ATTRIBUTES] = first_attributes(
        {"facility": _FACILITIES[facility], **(found[columns.ATTRIBUTES] or {})}
    )
    return reading


def _read_file_line(text: str, received_at: int) -> Reading | None:
    match = _FILE.match(text)
    if match is None:
        return _read_3164(text, received_at, need_tag=True)
    time, host, tag, number = match.groups()
    moment = read_iso(time)
    if moment is None:
        return None
    return _reading(moment, host, tag, text[match.end() :], {"pid": number})


def _read_5424(body: str) -> Reading | None:
    match = _5424.match(body)
    if match is None:
        return None
    time, *names = match.groups()
    moment = read_iso(time)
    if moment is None and time != "-":
        return None
    host, service, process, kind = (None if name == "-" else name for name in names)
    data, end = _read_data(body, match.end())
    rest = body[end:].removeprefix(" ").removeprefix("\ufeff")
    return _reading(moment, host, service, rest, {"pid": process, "msgid": kind, **data})


def _read_data(body: str, start: int) -> tuple[dict[str, Any], int]:
    """Structured data from `start` on, and where it ends; what is malformed is part of the message."""
    if body.startswith("-", start):
        return {}, start + 1
    data: dict[str, Any] = {}
    while (element := _ELEMENT.match(body, start)) is not None:
        data[element[1]] = {name: _ESCAPED.sub(r"\1", value) for name, value in _PARAMETER.findall(element[2])}
        start = element.end()
    return data, start


def _read_3164(body: str, received_at: int, *, need_tag: bool) -> Reading | None:
    match = _3164_TIME.match(body)
    moment = None if match is None else read_syslog_time(match[1], received_at)
    if match is None or moment is None:
        return None
    names = _HOST_AND_TAG.match(body, match.end())
    if names is not None:
        host, tag, number = names.groups()
        return _reading(moment, host, tag, body[names.end() :], {"pid": number})
    if need_tag:
        return None
    alone = _HOST_ALONE.match(body, match.end())
    host, end = (None, match.end()) if alone is None else (alone[1], alone.end())
    return _reading(moment, host, None, body[end:], {})


def _reading(
    moment: Moment | None,
    host: str | None,
    service: str | None,
    message: str,
    attributes: dict[str, Any],
) -> Reading:
    found = columns.blank()
    found[columns.HOST] = host
    found[columns.SERVICE] = service
    found[columns.MESSAGE] = message
    said = {name: value for name, value in attributes.items() if value is not None}
    found[columns.ATTRIBUTES] = first_attributes(said)
    return found, moment, None
