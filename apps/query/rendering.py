"""An event as the API shows it."""

import base64
from typing import Any

from tailsvc.events import Event, StoredEvent
from tailsvc.timestamps import iso_text

# The recognised fields in the order in which they are shown; `status_class` and `is_bot` follow from others.
_FIELDS = Event._fields[2:-1]


def render_event(stored: StoredEvent) -> dict[str, Any]:
    event = stored.event
    shown: dict[str, Any] = {"id": stored.id, "timestamp": iso_text(event.timestamp)}
    try:
        shown["raw_message"] = event.raw.decode()
    except UnicodeDecodeError:
        shown["raw_message"] = event.raw.decode("utf-8", "replace")
        shown["raw_base64"] = base64.b64encode(event.raw).decode()
    fields: dict[str, Any] = {
        name: value for name, value in zip(_FIELDS, event[2:-1], strict=True) if value is not None
    }
    if event.user_agent is None:
        del fields["is_bot"]
    if event.status is not None:
        fields["status_class"] = event.status_class
    if fields:
        shown["fields"] = fields
    if event.attributes:
        shown["attributes"] = event.attributes
    return shown
