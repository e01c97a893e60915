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


def to_row(event: Event) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    raw = event.raw
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return (event.timestamp, searchable(raw), raw, *event[2:])
    if "\x00" in text:
        return (event.timestamp, searchable(raw), raw, *event[2:])
    return (event.timestamp, text, None, *event[2:])


def to_texts(event: Event) -> list[str | bytes | None]:
    """The values of COLUMNS, numbers as text too.

    Typed parameters would make another statement to prepare of every mixture of absent fields.
    """
    row = to_row(event)
    texts: list[str | bytes | None] = [
        value if value is None or isinstance(value, str | bytes) else str(value) for value in row[:-1]
    ]
    texts.append(None if row[-1] is None else orjson.dumps(row[-1]).decode())
    return texts


def from_row(row: Sequence[Any]) -> StoredEvent:
    """(id, *COLUMNS) -> the event."""
    event_id, timestamp, text, raw, *fields, attributes = row
    attributes = None if attributes is None else by_name(attributes)
    line = text.encode() if raw is None else raw
    return StoredEvent(event_id, Event._make((timestamp, line, *fields, attributes)))
