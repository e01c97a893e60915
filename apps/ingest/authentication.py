"""An ingest token in, a grant out; asked of the database at most once in 5 s for each token."""

import time
from collections import OrderedDict
from datetime import UTC, datetime

from django.db import connections

from apps.http.problems import Problem
from apps.streams.ingest_tokens import TOKEN_CHARS, InvalidToken, verify
from apps.streams.lookups import IngestGrant, find_grant

# How long a revocation may go unnoticed in this process.
VERDICT_SECONDS = 4.0
VERDICTS = 20_000

_verdicts: "OrderedDict[str, tuple[IngestGrant | str, float]]" = OrderedDict()


def bearer(header: bytes | None) -> str:
    """The token of an Authorization header. Raises Problem 401 where there is none."""
    scheme, _, text = (header or b"").strip().partition(b" ")
    if scheme.lower() != b"bearer" or not text.strip():
        raise Problem(
            401,
            "Send the stream's ingest token: Authorization: Bearer ...",
            headers={"WWW-Authenticate": 'Bearer realm="tailsvc ingest"'},
        )
    return text.strip().decode("latin-1")


def known_grant(token: str) -> IngestGrant | None:
    """A verdict that is still fresh, without leaving the event loop. Raises Problem 403; None: ask `grant`."""
    verdict = _verdicts.get(token)
    if verdict is None or verdict[1] < time.monotonic():
        return None
    return _opened(verdict[0])


def grant(token: str) -> IngestGrant:
    """Verify and look up; blocking, for a thread. Raises Problem 403."""
    until = time.monotonic() + VERDICT_SECONDS
    now = datetime.now(UTC)
    found: IngestGrant | str | None
    try:
        found = find_grant(verify(token, now=now), now=now)
    except InvalidToken as error:
        found = str(error)
    finally:
        connections.close_all()  # gives this thread's connection back to the pool
    if len(token) <= TOKEN_CHARS:
        _keep(token, found or "The ingest token was revoked, or its stream is gone.", until)
    return _opened(found or "The ingest token was revoked, or its stream is gone.")


def _opened(verdict: IngestGrant | str) -> IngestGrant:
    if isinstance(verdict, str):
        raise Problem(403, verdict)
    return verdict


def _keep(token: str, verdict: IngestGrant | str, until: float) -> None:
    _verdicts[token] = (verdict, until)
    while len(_verdicts) > VERDICTS:
        _verdicts.popitem(last=False)


def belongs(address: str, allowed: IngestGrant) -> bool:
    """Whether the path names the token's own stream."""
    return address.lower() in {str(allowed.uuid), allowed.uuid.hex, str(allowed.stream.stream_id), allowed.slug}
