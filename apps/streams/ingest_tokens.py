"""Ingest tokens: HS256 JWTs that let an agent write to one stream.

Claims: `stream_id` (the stream's UUID), `scope` "ingest", `iat`, `jti`, `exp` where one was asked for. Two may live
at once, so that a token can be replaced without a gap.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from apps.accounts.audit import record
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.scope import after_commit, maintenance
from apps.accounts.verdicts import Verdicts
from apps.streams.models import IngestToken, SigningKey, Stream

ALGORITHM = "HS256"
SCOPE = "ingest"
LIVE_TOKENS = 2
DEFAULT_TTL_SECONDS = 15_552_000  # 180 days
TTL_SECONDS_MAX = 10 * 366 * 86_400
# A token of ours is about 330 characters; what is much longer is not worth a look.
TOKEN_CHARS = 2048
_FUTURE_IAT_SECONDS = 60
# Anybody can make up a kid: for unknown ones the database is asked this seldom.
_UNKNOWN_KID_SECONDS = 0.2
# Of two processes that need the first key at once, one makes it.
_FIRST_KEY_LOCK = 0x7461696C_7369676E


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
    kid: str


def live(stream: Stream, now: datetime) -> QuerySet[IngestToken]:
    """Those whose key was removed are not."""
    unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    found = stream.ingest_tokens.filter(unexpired, revoked_at__isnull=True, kid__in=list(_stored_keys()))
    return found.order_by("-issued_at", "-id")


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
            kid=newest_kid(now),
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
    """The token's text, made again from its claims: the signature is a function of them and the key.

    Raises NotThere where the key was removed a moment ago.
    """
    secret = _stored_keys().get(token.kid)
    if secret is None:
        raise NotThere("ingest token")
    claims: dict[str, object] = {
        "stream_id": str(stream.uuid),
        "scope": SCOPE,
        "iat": int(token.issued_at.timestamp()),
        "jti": str(token.jti),
    }
    if token.expires_at is not None:
        claims["exp"] = int(token.expires_at.timestamp())
    text = jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": token.kid})
    return IssuedToken(text, token.jti, token.issued_at, token.expires_at)


def verify(text: str, *, now: datetime) -> Claims:
    """Signature, form and time; whether token or key are still there is another question. Raises InvalidToken."""
    if len(text) > TOKEN_CHARS:
        raise InvalidToken("The ingest token is malformed.")
    try:
        kid = str(jwt.get_unverified_header(text).get("kid"))
        secret = _secret_of(kid)
        if secret is None:
            raise InvalidToken("The ingest token was signed by an unknown key.")
        claims = jwt.decode(
            text,
            secret,
            algorithms=[ALGORITHM],
            # Times are compared with the clock that was handed in, not with the library's own.
            options={"require": ["stream_id", "scope", "iat", "jti"], "verify_exp": False, "verify_iat": False},
        )
        found = Claims(UUID(str(claims["stream_id"])), UUID(str(claims["jti"])), kid)
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


_keys: Verdicts[None, dict[str, bytes]] = Verdicts()
_keys_again: Verdicts[None, dict[str, bytes]] = Verdicts(seconds=_UNKNOWN_KID_SECONDS)


def signing_keys() -> dict[str, bytes]:
    """The secrets by kid, the newest last, as of at most 5 s ago."""
    return _keys.of(None, _stored_keys)


def _secret_of(kid: str) -> bytes | None:
    """A kid that is not known may be new, and another process's."""
    return signing_keys().get(kid) or _keys_again.of(None, _stored_keys).get(kid)


def _stored_keys() -> dict[str, bytes]:
    with maintenance():
        return {key.kid: bytes(key.secret) for key in SigningKey.objects.order_by("created_at", "id")}


def newest_kid(now: datetime) -> str:
    """Of the key that signs; the first one is made when it is first needed."""
    return next(reversed(_stored_keys() or _first_key(now)))


def _first_key(now: datetime) -> dict[str, bytes]:
    with maintenance(atomic=True):
        with connections["maintenance"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FIRST_KEY_LOCK])
        if not SigningKey.objects.exists():
            add_signing_key(now)
        return _stored_keys()


def add_signing_key(now: datetime) -> str:
    """From now on this key signs; tokens of the older ones stay good until their key is removed."""
    kid = secrets.token_hex(8)
    with maintenance():
        SigningKey.objects.create(kid=kid, secret=secrets.token_bytes(32), created_at=now)
    return kid


@receiver([post_save, post_delete], sender=SigningKey)
def _forget_keys(**_: Any) -> None:
    after_commit(_keys.forget_all)
    after_commit(_keys_again.forget_all)
