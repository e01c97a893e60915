"""What a body is, by its content type."""

from enum import Enum

from tailsvc.errors import UnknownCoding


class BodyKind(Enum):
    NDJSON = "ndjson"
    JSON = "json"
    TEXT = "text"


_KINDS = {
    "application/x-ndjson": BodyKind.NDJSON,
    "application/ndjson": BodyKind.NDJSON,
    "application/jsonl": BodyKind.NDJSON,
    "application/x-jsonlines": BodyKind.NDJSON,
    "application/json": BodyKind.JSON,
    "text/plain": BodyKind.TEXT,
}


def body_kind(content_type: str | None) -> BodyKind:
    """The kind for a Content-Type header; NDJSON without one. Raises UnknownCoding."""
    if content_type is None or not content_type.strip():
        return BodyKind.NDJSON
    media_type = content_type.partition(";")[0].strip().lower()
    try:
        return _KINDS[media_type]
    except KeyError:
        known = ", ".join(_KINDS)
        message = f"The content type {media_type[:100]!r} is not known; send one of {known}."
        raise UnknownCoding(message) from None
