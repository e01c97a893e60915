"""Events as rows and back."""

from collections.abc import Sequence
from typing import Any, LiteralString

import orjson

from tailsvc.events import Event, StoredEvent, by_name, searchable

# The columns of an event behind (stream_id, team_id, id), with their types; `raw` takes two.
COLUMN_TYPES: dict[str, LiteralString] = {
    "timestamp": "int8",
    "raw": "text",
    "raw_bytes": "bytea",
    **dict.fromkeys(("level", "method", "path", "host"), "text"),
    "status": "int4",
    "response_time_ms": "float8",
    **dict.fromkeys(("ip", "user_agent", "referrer", "service", "src", "message", "filename"), "text"),
    "is_bot": "bool",
    **dict.fromkeys(("replica", "container", "stdio", "trace_id", "span_id"), "text"),
    "attributes": "json",
}
COLUMNS = tuple(COLUMN_TYPES)


def to_values(event: Event) -> list[bytes | None]:
    """The values of COLUMNS, numbers as text.

    Typed parameters would make another statement to prepare of every mixture of absent fields.
    """
    timestamp, raw, *fields, attributes = event
    values: list[bytes | None] = [b"%d" % timestamp, *_raw_values(raw)]
    values += [
        value if value is None else value.encode() if isinstance(value, str) else b"%a" % value for value in fields
    ]
    values.append(None if attributes is None else orjson.dumps(attributes))
    return values


def _raw_values(raw: bytes) -> tuple[bytes, bytes | None]:
    """The line as text; behind it as it was, where it is none that Postgres takes."""
    if b"\x00" not in raw and _is_utf_8(raw):
        return raw, None
    return searchable(raw).encode(), raw


def _is_utf_8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def from_row(row: Sequence[Any]) -> StoredEvent:
    """(id, *COLUMNS) -> the event."""
    event_id, timestamp, text, raw, *fields, attributes = row
    attributes = None if attributes is None else by_name(attributes)
    line = text.encode() if raw is None else raw
    return StoredEvent(event_id, Event._make((timestamp, line, *fields, attributes)))
