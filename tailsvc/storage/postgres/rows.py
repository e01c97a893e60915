"""Events as rows and back."""

from collections.abc import Sequence
from typing import Any

from tailsvc.events import Event, StoredEvent, searchable

# The columns of an event behind (stream_id, team_id, id), with their types; `raw` takes two.
COLUMN_TYPES = {
    "timestamp": "int8",
    "raw": "text",
    "raw_bytes": "bytea",
    **{name: "text" for name in ("level", "method", "path", "host")},
    "status": "int4",
    "response_time_ms": "float8",
    **{name: "text" for name in ("ip", "user_agent", "referrer", "service", "src", "message", "filename")},
    "is_bot": "bool",
    **{name: "text" for name in ("replica", "container", "stdio", "trace_id", "span_id")},
    "attributes": "jsonb",
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


def from_row(row: Sequence[Any]) -> StoredEvent:
    """(id, *COLUMNS) -> the event."""
    event_id, timestamp, text, raw = row[:4]
    return StoredEvent(event_id, Event(timestamp, text.encode() if raw is None else raw, *row[4:]))
