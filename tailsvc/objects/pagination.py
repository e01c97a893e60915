"""A place in a list as opaque text: signed, bound to the team and the kind."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import orjson

_SIGNATURE_BYTES = 16


class BadToken(ValueError):
    """It is none that we wrote for this list."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind `name`, in the list as it was at `version`."""

    version: int
    name: str


def write_token(place: Place, *, team_id: int, plural: str, key: bytes) -> str:
    body = orjson.dumps([place.version, place.name])
    return base64.urlsafe_b64encode(body + _signature(body, team_id, plural, key)).decode()


def read_token(text: str, *, team_id: int, plural: str, key: bytes) -> Place:
    """Raises BadToken."""
    try:
        whole = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise BadToken from None
    body, signature = whole[:-_SIGNATURE_BYTES], whole[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(body, team_id, plural, key)):
        raise BadToken
    version, name = orjson.loads(body)
    return Place(version, name)


def _signature(body: bytes, team_id: int, plural: str, key: bytes) -> bytes:
    return hmac.new(key, b"%d/%s/" % (team_id, plural.encode()) + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
