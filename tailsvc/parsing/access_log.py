"""Access logs of nginx, Apache and their kin.

The common and the combined form, a virtual host before them, and nginx' `$request_time` or `name=value` after them.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tailsvc.event_tables import Woven, by_value, coded, values_of
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


def read_usual_access_logs(rows: list[int], texts: Sequence[str]) -> Iterator[tuple[list[int], Table]]:
    """Tables of those among the rows that are as nearly all access logs are; they come to the same as the others do."""
    for form in _USUAL:
        sample = rows[:: 1 + len(rows) // _SAMPLE]
        if any("\\" not in texts[row] and form.match(texts[row]) for row in sample):
            matches = {row: match for row in rows if (match := form.match(texts[row])) and "\\" not in match[0]}
            if matches:
                rows = [row for row in rows if row not in matches]
                yield [*matches], form.read([*matches.values()])


def read_access_logs(matches: Sequence[Match]) -> Table:
    """Rows without a valid time are odd: they are no access log."""
    groups = zip(*(match.groups() for match in matches), strict=True)
    hosts, clients, idents, users, times, requests, statuses, sizes, referrers, agents, rests = groups
    table = _table_of(clients, times, statuses)
    _read_requests(table, requests, sizes)
    table.columns[columns.REFERRER] = _said(referrers)
    table.columns[columns.USER_AGENT] = _said(agents)
    _note_client(table, clients)
    _note(table, "user", users)
    _note(table, "ident", idents)
    if set(hosts) != {None}:
        table.columns[columns.HOST] = hosts
    if set(rests) != {None}:
        table.columns[columns.RESPONSE_TIME_MS] = [*map(_duration, rests)]
        _note(table, "forwarded_for", [*map(_forwarded_for, rests)])
    return table


def _table_of(clients: Sequence[str], times: Sequence[str], statuses: Sequence[str]) -> Table:
    table = Table(len(clients))
    table.set_times(read_access_times(times))
    table.levels = by_value(_levels_of, statuses)
    table.columns[columns.STATUS] = by_value(_whole, statuses)
    table.columns[columns.IP] = by_value(columns.read_ips, clients)
    return table


def _levels_of(statuses: Sequence[str]) -> Sequence[str]:
    return [_LEVELS.get(status[0], _UNUSUAL_LEVEL) for status in statuses]


def _whole(texts: Sequence[str]) -> Sequence[int]:
    return [*map(int, texts)]


class _Usual:
    """A form in which each group is one field, so that it is known how the line is made of them."""

    _NAMES = (
        "ip", "attributes.user", "timestamp", "method", "path", "attributes.protocol", "status", "attributes.bytes",
        "referrer", "user_agent", "response_time_ms",
    )  # fmt: skip
    _LITERALS = ("", " - ", " [", '] "', " ", " ", '" ', " ", ' "', '" "', '"')

    def __init__(self, end: str, *literals: str) -> None:
        self._literals = (*self._LITERALS[:10], *literals)
        self._names = self._NAMES[: len(self._literals) - 1]
        self.match = re.compile(_USUAL_LINE + end, re.ASCII).fullmatch

    def read(self, matches: Sequence[Match]) -> Table:
        groups = [*map(coded, zip(*map(Match.groups, matches), strict=True))]
        clients, users, times, methods, paths, protocols, statuses, sizes, referrers, agents, *rests = groups
        table = _table_of(clients, times, statuses)
        table.columns[columns.METHOD] = by_value(columns.read_methods, methods)
        table.columns[columns.PATH] = by_value(_said, paths)
        table.columns[columns.REFERRER] = by_value(_said, referrers)
        table.columns[columns.USER_AGENT] = by_value(_said, agents)
        table.attributes = {"bytes": by_value(_whole, sizes), "protocol": protocols}
        _note_client(table, clients)
        _note(table, "user", users)
        if rests:
            table.columns[columns.RESPONSE_TIME_MS] = [*map(_read_seconds, rests[0])]
        table.woven = Woven(self._literals, self._names, groups)
        return table


# Faster than the general expression, as every part of it ends where one character is met.
_USUAL_LINE = (
    r"([\da-fA-F.:]++) - ([^\s\[\]\"]{1,255}+) \[([^\]]*+)\] "
    r"\"([A-Z]++) ([^\s\"]++) (HTTP/[\d.]++)\" ([1-9]\d\d) (\d{1,15}) \"([^\"]*+)\" \"([^\"]*+)\""
)
_USUAL = (_Usual("", '"'), _Usual(r" (\d{1,9}\.\d{3,9})", '" ', ""))
_SAMPLE = 8


def _note_client(table: Table, clients: Sequence[str]) -> None:
    """What is no address."""
    ips = table.columns[columns.IP]
    if ips is not None and None in ips:
        _note(table, "client", [client if ip is None else "-" for ip, client in zip(ips, clients, strict=True)])


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
    said = set(values_of(values))
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
