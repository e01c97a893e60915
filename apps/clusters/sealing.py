"""Kubeconfigs at rest: encrypted, with a key that follows from the service's secret and the team.

Whoever has the database alone, or a row of another team, has nothing.
"""

import base64
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unsealable(Exception):
    """The secret key is another one than when it was sealed. `str()` says what to do."""


def seal(document: dict[str, Any], *, team_id: int) -> bytes:
    return _fernet(team_id).encrypt(orjson.dumps(document))


def unseal(sealed: bytes | memoryview, *, team_id: int) -> dict[str, Any]:
    """Raises Unsealable."""
    try:
        text = _fernet(team_id).decrypt(bytes(sealed))
    except InvalidToken:
        raise Unsealable(
            "The kubeconfig cannot be decrypted: TAILSVC_SECRET_KEY is not the one that it was added under. "
            "Give the service the former key again, or remove the cluster and add it again."
        ) from None
    document: dict[str, Any] = orjson.loads(text)
    return document


def _fernet(team_id: int) -> Fernet:
    purpose = f"tailsvc kubeconfigs of team {team_id}".encode()
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
