"""Ingest tokens: HS256 JWTs that let an agent write to one stream.

Claims: `stream_id` (the stream's UUID), `scope` "ingest", `iat`, `jti`, `exp` where one was asked for. Two may live
at once, so that a token can be replaced without a gap.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.accounts.audit import record
from apps.accounts.errors import RuleBroken
from apps.accounts.scope import maintenance
from apps.streams.models import IngestToken, SigningKey, Stream

ALGORITHM = "HS256"
SCOPE = "ingest"
LIVE_TOKENS = 2
DEFAULT_TTL_SECONDS = 15_552_000  # 180 days
TTL_SECONDS_MAX = 10 * 366 * 86_400
# A token of ours is about 330 characters; what is much longer is not worth a look.
TOKEN_CHARS = 2048
_FUTURE_IAT_SECONDS = 60


class InvalidToken(Exception):
    """The token is not one of ours, or is no longer good; `str()` says which, for the client."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    token: str
    jti: UUID
    issued_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claims:
    stream: UUID
    jti: UUID


def live(stream: Stream, now: datetime) -> QuerySet[IngestToken]:
    unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    return stream.ingest_tokens.filter(unexpired, revoked_at__isnull=True).order_by("-issued_at", "-id")


def issue(*, stream: Stream, ttl: int | None, actor: str, now: datetime) -> IssuedToken:
    """Sign a new token. Raises RuleBroken when two live already."""
    issued_at = now.replace(microsecond=0)
    with transaction.atomic():
        Stream.objects.select_for_update().get(pk=stream.pk)  # two requests must not both see one token
        if live(stream, now).count() >= LIVE_TOKENS:
            raise RuleBroken("ttl", f"The stream has {LIVE_TOKENS} live ingest tokens; revoke one first.")
        token = IngestToken.objects.create(
            team_id=stream.team_id,
            stream=stream,
            kid=newest_key(now)[0],
            issued_at=issued_at,
            expires_at=None if ttl is None else issued_at + timedelta(seconds=ttl),
        )
        record(team_id=stream.team_id, actor=actor, action="ingest_token.issue", subject=str(token.jti), now=now)
    return text_of(token, stream)


def revoke(*, token: IngestToken, actor: str, now: datetime) -> None:
    with transaction.atomic():
        IngestToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)
        record(team_id=token.team_id, actor=actor, action="ingest_token.revoke", subject=str(token.jti), now=now)


def text_of(token: IngestToken, stream: Stream) -> IssuedToken:
    """The token's text, made again from its claims: the signature is a function of them and the key."""
    claims: dict[str, object] = {
        "stream_id": str(stream.uuid),
        "scope": SCOPE,
        "iat": int(token.issued_at.timestamp()),
        "jti": str(token.jti),
    }
    if token.expires_at is not None:
        claims["exp"] = int(token.expires_at.timestamp())
    secret = signing_keys()[token.kid]
    text = jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": token.kid})
    return IssuedToken(text, token.jti, token.issued_at, token.expires_at)


def verify(text: str, *, now: datetime) -> Claims:
    """Signature, form and time; whether the token was revoked is another question. Raises InvalidToken."""
    if len(text) > TOKEN_CHARS:
        raise InvalidToken("The ingest token is malformed.")
    try:
        kid = jwt.get_unverified_header(text).get("kid")
        secret = signing_keys().get(kid) if isinstance(kid, str) else None
        if secret is None:
            raise InvalidToken("The ingest token was signed by an unknown key.")
        claims = jwt.decode(
            text,
            secret,
            algorithms=[ALGORITHM],
            # Times are compared with the clock that was handed in, not with the library's own.
            options={"require": ["stream_id", "scope", "iat", "jti"], "verify_exp": False, "verify_iat": False},
        )
        found = Claims(UUID(str(claims["stream_id"])), UUID(str(claims["jti"])))
    except (jwt.PyJWTError, ValueError) as error:
        raise InvalidToken("The ingest token is invalid.") from error
    _check_times(claims, now.timestamp())
    if claims["scope"] != SCOPE:
        raise InvalidToken("The token's scope is not ingest.")
    return found


def _check_times(claims: dict[str, object], now: float) -> None:
    issued, expires = claims["iat"], claims.get("exp")
    if not isinstance(issued, int) or issued > now + _FUTURE_IAT_SECONDS:
        raise InvalidToken("The ingest token was issued in the future.")
    if expires is not None and (not isinstance(expires, int) or expires <= now):
        raise InvalidToken("The ingest token has expired.")


_keys: dict[str, bytes] = {}


def signing_keys() -> dict[str, bytes]:
    """The secrets by kid, kept for the life of the process; a kid that is not there is looked for again."""
    if not _keys:
        reload_keys()
    return _keys


def reload_keys() -> None:
    with maintenance():
        found = {key.kid: bytes(key.secret) for key in SigningKey.objects.order_by("created_at", "id")}
    _keys.clear()
    _keys.update(found)


def newest_key(now: datetime) -> tuple[str, bytes]:
    """The key that signs; the first one is made when it is first needed."""
    if not signing_keys():
        add_signing_key(now)
    kid = next(reversed(_keys))
    return kid, _keys[kid]


def add_signing_key(now: datetime) -> str:
    """From now on this key signs; tokens of the older ones stay good until their key is removed."""
    kid = secrets.token_hex(8)
    with maintenance():
        SigningKey.objects.create(kid=kid, secret=secrets.token_bytes(32), created_at=now)
    reload_keys()
    return kid
