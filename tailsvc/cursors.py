"""A place in a walk as opaque text: signed, versioned, bound to the team, the stream and the question.

The text is base64url of a version byte, a body in JSON and a truncated HMAC. Nothing in it is secret; it is signed so
that a client can neither forge a position nor carry it to another question, and so that every flipped bit is found.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

import orjson

from tailsvc.errors import CursorMismatch, InvalidCursor
from tailsvc.queries import Direction, Position

_VERSION = b"\x01"
_SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cursor:
    position: Position
    epoch: UUID
    as_of: int
    start_ms: int | None  # the window as sent
    end_ms: int | None
    until: int | None  # microseconds; the end that counts: "now" of the first page where none was sent
    filters: str  # the clauses as sent, "" for none
    query: str  # the query text as sent, "" for none
    direction: Direction
    total: int | None = None


def write(cursor: Cursor, *, team_id: int, stream_id: int, key: bytes) -> str:
    body = orjson.dumps(
        [
            *cursor.position,
            cursor.epoch.hex,
            cursor.as_of,
            cursor.start_ms,
            cursor.end_ms,
            cursor.until,
            cursor.filters,
            cursor.query,
            cursor.direction.value,
            cursor.total,
        ]
    )
    signed = _VERSION + body
    return base64.urlsafe_b64encode(signed + _signature(signed, team_id, stream_id, key)).decode()


def read(text: str, *, team_id: int, stream_id: int, key: bytes) -> Cursor:
    """Raises InvalidCursor for whatever `write` did not make for this team and stream."""
    try:
        whole = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidCursor("The cursor is damaged.") from error
    signed, signature = whole[:-_SIGNATURE_BYTES], whole[-_SIGNATURE_BYTES:]
    # Base64 has several spellings of one value: only the one that we write is ours.
    canonical = base64.urlsafe_b64encode(whole).decode() == text
    if not canonical or not hmac.compare_digest(signature, _signature(signed, team_id, stream_id, key)):
        raise InvalidCursor("The cursor is damaged, or belongs to another stream.")
    if signed[:1] != _VERSION:
        raise InvalidCursor("The cursor is of another version; start again without it.")
    timestamp, id_, epoch, as_of, start, end, until, filters, query, direction, total = orjson.loads(signed[1:])
    return Cursor(
        Position(timestamp, id_), UUID(hex=epoch), as_of, start, end, until, filters, query, Direction(direction), total
    )


def require_same(name: str, repeated: object, original: object) -> None:
    """A parameter repeated beside a cursor must be what it was; absent is fine."""
    if repeated is not None and repeated != original:
        raise CursorMismatch(name)


def _signature(signed: bytes, team_id: int, stream_id: int, key: bytes) -> bytes:
    bound = b"%d/%d/" % (team_id, stream_id)
    return hmac.new(key, bound + signed, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
