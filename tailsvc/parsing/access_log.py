"""Access logs of nginx, Apache and their kin.

The common and the combined form, a virtual host before them, and nginx' `$request_time` or `name=value` after them.
"""

import re
from collections.abc import Sequence
from typing import Any

from tailsvc.parsing import columns
from tailsvc.parsing.tables import Column, Table
from tailsvc.timestamps import read_access_times

Match = re.Match[str]

# What cannot be missing, found faster than by the expression below.
_MARK = '] "'

_QUOTED = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_LINE = re.compile(
    r"(?:(?![\d.]+ )([^\s:]++)(?::\d{1,5})? (?=\S++ \S++ \S++ \[))?"  # host
    r"(\S++) (\S++) ([^\[\]\"]{1,255}?) "  # client, ident, user
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    rf"{_QUOTED} ([1-9]\d\d) (\d{{1,15}}|-)"  # request, status, bytes
    rf"(?: {_QUOTED} {_QUOTED})?"  # referrer, user agent
    r"(?: (.*))?",
    re.ASCII | re.DOTALL,
)
# `0.004`, as nginx writes $request_time; named forms first, since other times may stand before it.
_NAMED_SECONDS = re.compile(r"(?:^|\s)(?:rt|request_time)=\"?(\d{1,9}\.\d{1,9})\"?(?=\s|$)", re.ASCII)
_SECONDS = re.compile(r"(?:^|\s)(\d{1,9}\.\d{3,9})(?=\s|$)", re.ASCII)
_REST_CHARS = 4096
_PROTOCOLS = {"HTTP/1.1", "HTTP/2.0", "HTTP/1.0", "HTTP/3.0", "HTTP/2", "HTTP/3"}
_LEVELS = {"1": "INFO", "2": "INFO", "3": "INFO", "4": "WARN", "5": "ERROR"}
_NOTHING = {"-", None}
_UNUSUAL_LEVEL = "INFO"  # statuses of 600 and more
_read_seconds = columns.duration_reader(1000.0)


def match_access_log(text: str) -> Match | None:
    return _LINE.fullmatch(text) if _MARK in text else None


def read_access_logs(matches: Sequence[Match]) -> Table:
    """Rows without a valid time are odd: they are no access log."""
    groups = zip(*(match.groups() for match in matches), strict=True)
    hosts, clients, idents, users, times, requests, statuses, sizes, referrers, agents, rests = groups
    table = Table(len(matches))
    table.set_times(read_access_times(times))
    table.levels = [_LEVELS.get(status[0], _UNUSUAL_LEVEL) for status in statuses]
    ips = columns.read_ips(clients)
    _read_requests(table, requests, sizes)
    table.columns[columns.STATUS] = [*map(int, statuses)]
    table.columns[columns.IP] = ips
    table.columns[columns.REFERRER] = _said(referrers)
    table.columns[columns.USER_AGENT] = _said(agents)
    if None in ips:
        names = [client if ip is None else "-" for ip, client in zip(ips, clients, strict=True)]
        _note(table, "client", names)
    _note(table, "user", users)
    _note(table, "ident", idents)
    if set(hosts) != {None}:
        table.columns[columns.HOST] = hosts
    if set(rests) != {None}:
        table.columns[columns.RESPONSE_TIME_MS] = [*map(_duration, rests)]
        _note(table, "forwarded_for", [*map(_forwarded_for, rests)])
    return table


def _read_requests(table: Table, requests: Sequence[str], sizes: Sequence[str]) -> None:
    """`GET /path HTTP/1.1`; the path may hold spaces."""
    names = [request.partition(" ") for request in requests]
    targets = [rest.rpartition(" ") for _, _, rest in names]
    methods = [*columns.read_methods([name for name, _, _ in names])]
    paths: list[str | None] = [path for path, _, _ in targets]
    protocols = [protocol for _, _, protocol in targets]
    usual = None not in methods and all(paths) and _PROTOCOLS.issuperset(protocols)
    if usual and "-" not in sizes:
        table.attributes = {"bytes": [*map(int, sizes)], "protocol": protocols}
    else:
        attributes: list[dict[str, Any]] = [{} if size == "-" else {"bytes": int(size)} for size in sizes]
        for row, protocol in enumerate(protocols):
            if methods[row] is not None and paths[row] and protocol.startswith("HTTP/"):
                attributes[row]["protocol"] = protocol
                continue
            # What a scanner sent, or a client that speaks TLS to a plain port.
            methods[row] = paths[row] = None
            if requests[row] not in ("", "-"):
                attributes[row]["request"] = requests[row]
        table.others = attributes
    table.columns[columns.METHOD] = methods
    table.columns[columns.PATH] = _said(paths)


def _said(values: Sequence[str | None]) -> Column:
    """Without dashes, which stand for nothing, and without the backslash before quotes.

    Other escapes are the server's own way to show a byte.
    """
    if "\\" in "".join(filter(None, values)):
        values = [value and value.replace('\\"', '"') for value in values]
    return [None if value == "-" else value for value in values]


def _note(table: Table, name: str, values: Sequence[str | None]) -> None:
    """Once there are attributes that only some rows have, what follows is one too: their order stays the same."""
    said = set(values)
    if said <= _NOTHING:
        return
    if table.others is None and not said & _NOTHING:
        table.attributes[name] = values
        return
    before = table.others or [None] * len(values)
    table.others = [
        {**(others or {}), name: value} if value not in _NOTHING else others
        for others, value in zip(before, values, strict=True)
    ]


def _duration(rest: str | None) -> float | None:
    if rest is None:
        return None
    rest = rest[:_REST_CHARS]
    seconds = _NAMED_SECONDS.search(rest) or _SECONDS.search(rest)
    duration: float | None = None if seconds is None else _read_seconds(seconds[1])
    return duration


def _forwarded_for(rest: str | None) -> str | None:
    """The header that many add as a quoted text after the user agent."""
    if rest is None or not rest.startswith('"'):
        return None
    return rest[1:_REST_CHARS].partition('"')[0] or None
