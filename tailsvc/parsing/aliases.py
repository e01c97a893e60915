"""What senders call the fields that we know: the one table of names.

A name is looked up as written, then in snake case (`TraceId`, `trace-id` and `traceID` are `trace_id`). Dotted names
are found as one key and as nested objects (`{"http": {"request": {"method": "GET"}}}`). Of several names for one field
the first of its row that has a usable value wins; the others stay attributes, as does every name not listed.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from tailsvc.events import Event
from tailsvc.parsing import columns
from tailsvc.parsing.columns import ColumnReader, Reader
from tailsvc.timestamps import read_moment

# Where the value of a wrapped line lies: `{"log": "...", "filename": "..."}`.
LOG = "log"

NAMES: dict[int, tuple[str, ...]] = {
    columns.TIMESTAMP: (
        "timestamp", "ts", "@timestamp", "time", "datetime", "date_time", "event_time",
        "time_iso8601", "time_local", "msec", "asctime", "@t", "date", "time_unix_nano",
        "observed_timestamp", "__realtime_timestamp",
    ),
    columns.LEVEL: (
        "level", "severity", "lvl", "loglevel", "log_level", "log.level", "levelname", "level_name",
        "severity_text", "@l", "log.syslog.severity.name", "log.syslog.severity.code",
        "severity_number", "priority",
    ),
    columns.METHOD: (
        "method", "http_method", "request_method", "verb", "http.request.method", "http.method",
        "request.method", "req.method",
    ),
    columns.PATH: (
        "path", "url.path", "request_path", "uri", "request_uri", "url", "uri_path", "http.target",
        "url.original", "url.full", "http.url", "request.uri", "request.url", "req.url",
    ),
    columns.HOST: (
        "host", "http_host", "vhost", "server_name", "url.domain", "http.host", "server.address",
        "request.host", "req.headers.host", "hostname", "host_name", "host.name", "host.hostname",
        "_hostname",
    ),
    columns.STATUS: (
        "status", "status_code", "http_status", "http_status_code", "response_code",
        "response_status", "http.response.status_code", "http.status_code", "response.status_code",
        "response.status", "res.status_code",
    ),
    columns.RESPONSE_TIME_MS: (
        "response_time_ms", "duration_ms", "elapsed_ms", "latency_ms", "took_ms", "request_time_ms",
        "responseTime", "rt", "request_time", "duration_seconds", "elapsed_seconds",
        "event.duration",
    ),
    columns.IP: (
        "ip", "client_ip", "remote_addr", "remote_ip", "client.address", "client.ip", "source.ip",
        "ip_address", "clientip", "remote_address", "http.client_ip", "net.peer.ip",
        "network.peer.address", "request.client_ip", "request.remote_ip", "req.remote_address",
    ),
    columns.USER_AGENT: (
        "user_agent", "ua", "http_user_agent", "useragent", "user_agent.original",
        "http.user_agent", "request.headers.user_agent", "req.headers.user_agent",
    ),
    columns.REFERRER: (
        "referrer", "referer", "http_referer", "http_referrer", "http.request.referrer",
        "request.headers.referer", "req.headers.referer",
    ),
    columns.SERVICE: (
        "service", "service_name", "service.name", "app", "application", "app_name", "appname",
        "kubernetes.labels.app", "syslog_identifier",
    ),
    columns.SRC: ("src",),
    columns.MESSAGE: ("message", "msg", "short_message", "@m", "event", "body"),
    columns.FILENAME: ("filename", "file_name", "log.file.path", "log_file"),
    columns.REPLICA: (
        "replica", "replica_id", "pod", "pod_name", "kubernetes.pod_name", "kubernetes.pod.name",
        "k8s.pod.name", "service.instance.id",
    ),
    columns.CONTAINER: (
        "container", "container_name", "kubernetes.container_name", "kubernetes.container.name",
        "k8s.container.name", "container.name", "container_id", "container.id",
    ),
    # `source` and `stream` mean many things: taken only where they say stdout or stderr.
    columns.STDIO: ("stdio", "stream", "source", "log.iostream"),
    columns.TRACE_ID: ("trace_id", "trace.id", "traceid", "otel.trace_id", "dd.trace_id"),
    columns.SPAN_ID: ("span_id", "span.id", "spanid", "otel.span_id", "dd.span_id"),
}  # fmt: skip

# Milliseconds in one unit of what is named; others are milliseconds.
_UNITS_MS = {
    "rt": 1000.0,
    "request_time": 1000.0,
    "duration_seconds": 1000.0,
    "elapsed_seconds": 1000.0,
    "event.duration": 1e-6,
}

_READERS: dict[int, Reader] = {
    columns.TIMESTAMP: read_moment,
    columns.LEVEL: columns.read_level,
    columns.METHOD: columns.read_method,
    columns.STATUS: columns.read_status,
    columns.RESPONSE_TIME_MS: columns.duration_reader(1.0),
    columns.IP: columns.read_ip,
    columns.USER_AGENT: columns.read_agent,
    columns.STDIO: columns.read_stdio,
}
_NAMED_READERS: dict[str, Reader] = {
    "severity_number": columns.read_otel_severity,
    "priority": columns.read_syslog_severity,
    "log.syslog.severity.code": columns.read_syslog_severity,
}


_COLUMN_READERS: dict[int, ColumnReader] = {
    columns.LEVEL: columns.read_levels,
    columns.METHOD: columns.read_methods,
    columns.STATUS: columns.read_statuses,
    columns.RESPONSE_TIME_MS: columns.read_milliseconds,
    columns.IP: columns.read_ips,
    columns.USER_AGENT: columns.read_agents,
    columns.STDIO: columns.read_all_singly(columns.read_stdio),
}


class Alias(NamedTuple):
    column: int
    rank: int  # of several names for a column the lowest wins
    read: Reader
    read_all: ColumnReader  # the same for many values; not for times


def _alias(column: int, rank: int, name: str) -> Alias:
    if name in _UNITS_MS:
        reader = columns.duration_reader(_UNITS_MS[name])
    elif name in _NAMED_READERS:
        reader = _NAMED_READERS[name]
    else:
        read_all = _COLUMN_READERS.get(column, columns.read_texts)
        return Alias(column, rank, _READERS.get(column, columns.read_text), read_all)
    return Alias(column, rank, reader, columns.read_all_singly(reader))


_ALIASES = {name: _alias(column, rank, name) for column, names in NAMES.items() for rank, name in enumerate(names)}
_PREFIXES = {
    ".".join(parts[:length]) for parts in (name.split(".") for name in _ALIASES) for length in range(1, len(parts))
}
_LONGEST = max(map(len, _ALIASES)) + 8  # room for the separators of other spellings
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower().replace("-", "_")


def _is_snake(name: str) -> bool:
    return name.islower() and "-" not in name


def find(name: str) -> Alias | None:
    """The field that a key names, or None for an attribute."""
    alias = _ALIASES.get(name)
    if alias is None and not _is_snake(name) and len(name) <= _LONGEST and name.isascii():
        alias = _ALIASES.get(_snake(name))
    return alias


def synonym(name: str) -> str | None:
    """The field whose values are sent under this name as they are; None where they mean something else, or many things.

    Not the names of times, of other units (`rt` is in seconds) and of levels as numbers.
    """
    alias = find(name)
    if alias is None or alias.column in (columns.TIMESTAMP, columns.STDIO):
        return None
    is_read_otherwise = {name, _snake(name)} & (_UNITS_MS.keys() | _NAMED_READERS.keys())
    return None if is_read_otherwise else Event._fields[alias.column]


def synonyms() -> list[str]:
    return [name for name in _ALIASES if synonym(name)]


def leads_to_alias(name: str) -> bool:
    """Whether an object under this key may hold fields that we know."""
    return len(name) <= _LONGEST and name.isascii() and _snake(name) in _PREFIXES
