"""The OpenAPI document's part on the tail, which is plain ASGI and so unknown to the generator."""

from typing import Any

from apps.query.rendering import NDJSON
from apps.query.tails import SSE
from tailsvc import limits

PATH = "/api/streams/{stream}/tail"
_PLACE = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9]+$"}


def add_tail(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A post-processing hook of drf-spectacular; before the one that adds problems."""
    result["paths"][PATH] = {"get": _OPERATION}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": schema, "description": description}


_TEXT: dict[str, Any] = {"type": "string"}
_OPERATION: dict[str, Any] = {
    "operationId": "tail_logs",
    "description": (
        "Follow a stream: what matches, in the order in which it was appended, without a gap and without a double. "
        "An event's id is its position; a browser's EventSource resumes by itself. `gap` events tell what a resuming "
        "reader can no longer be sent, an `end` event says why the stream ends."
    ),
    "tags": ["logs"],
    "security": [{"bearer": []}],
    "parameters": [
        {"in": "path", "name": "stream", "required": True, "schema": _TEXT, "description": "UUID, number or slug."},
        _query("filters", _TEXT, "As for the query of a page."),
        _query("query", _TEXT, "In the query language; both must match."),
        _query("strict", {"type": "boolean", "default": False}, "Refuse what would be ignored in `filters`."),
        _query("since", _TEXT, "Begin with the events since this time: Unix milliseconds or ISO 8601."),
        _query(
            "lines",
            {"type": "integer", "minimum": 0, "maximum": limits.TAIL_LINES},
            "Begin with so many of the newest events.",
        ),
        _query("after", _PLACE, "Begin behind this position; instead of `since` and `lines`."),
        _query("follow", {"type": "boolean", "default": True}, "With false: end where the stream ends now."),
        {"in": "header", "name": "Last-Event-ID", "schema": _PLACE, "description": "As `after`, and over it."},
    ],
    "responses": {
        "200": {
            "description": "Events as they come, comments or blank lines as heartbeats.",
            "content": {SSE: {"schema": _TEXT}, NDJSON: {"schema": _TEXT}},
        }
    },
}
