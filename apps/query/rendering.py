"""Events and numbers as the API shows them."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from apps.http.rendering import JSONRenderer
from tailsvc.events import Event, StoredEvent
from tailsvc.filters import Ignored
from tailsvc.queries import Facets, Histogram, Incomplete, Selection
from tailsvc.timestamps import SECOND, iso_text

# The recognised fields in the order in which they are shown; `status_class` and `is_bot` follow from others.
_FIELDS = Event._fields[2:-1]

NDJSON = "application/x-ndjson"


class NdjsonRenderer(JSONRenderer):
    """Lets a client ask for NDJSON. What passes through it is errors, which are JSON."""

    media_type = NDJSON
    format = "ndjson"


def render_event(stored: StoredEvent) -> dict[str, Any]:
    event = stored.event
    shown: dict[str, Any] = {"id": stored.id, "timestamp": _time_text(event.timestamp)}
    try:
        shown["raw_message"] = event.raw.decode()
    except UnicodeDecodeError:
        shown["raw_message"] = event.raw.decode("utf-8", "replace")
        shown["raw_base64"] = base64.b64encode(event.raw).decode()
    fields = _fields(event)
    if fields:
        shown["fields"] = fields
    if event.attributes:
        shown["attributes"] = event.attributes
    return shown


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: value for name, value in zip(_FIELDS, event[2:-1], strict=True) if value is not None
    }
    if event.user_agent is None:
        del fields["is_bot"]
    if event.status is not None:
        fields["status_class"] = event.status_class
    return fields


def _time_text(micros: int) -> str:
    """As `iso_text`, for times of which many share their second."""
    second, fraction = divmod(micros, SECOND)
    if not fraction:
        return f"{_second_text(second)}Z"
    millis, rest = divmod(fraction, 1000)
    return f"{_second_text(second)}.{fraction:06}Z" if rest else f"{_second_text(second)}.{millis:03}Z"


@lru_cache(1024)
def _second_text(second: int) -> str:
    return iso_text(second * SECOND)[:-1]


def render_histogram(histogram: Histogram) -> list[dict[str, Any]]:
    """The oldest bucket first."""
    return [
        {"start": iso_text(start), "counts": dict(sorted(counts.items()))}
        for start, counts in sorted(histogram.buckets.items())
    ]


def render_facets(facets: Facets) -> dict[str, Any]:
    return {name: [{"value": value, "count": count} for value, count in found] for name, found in facets.values.items()}


def render_notes(ignored: Sequence[Ignored], incomplete: Incomplete) -> dict[str, Any]:
    """What is told in `meta` only where there is something to tell."""
    notes: dict[str, Any] = {}
    if ignored:
        notes["ignored"] = [asdict(one) for one in ignored]
    if incomplete:
        notes["incomplete"] = list(incomplete)
    return notes


def render_window(selection: Selection) -> dict[str, int]:
    """As used, in milliseconds; of a selection with both ends."""
    return {"start_time": (selection.start or 0) // 1000, "end_time": (selection.end or 0) // 1000}
