"""A bearer token in, a Caller out."""

from datetime import datetime

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts import tokens
from apps.accounts.callers import Caller
from apps.accounts.lookups import find_caller
from apps.accounts.verdicts import verdict_of
from apps.http.problems import Problem

CHALLENGE = 'Bearer realm="tailsvc"'


def authenticate_bearer(header: str | None, *, now: datetime | None = None) -> Caller:
    """The value of an Authorization header -> its Caller, or Problem 401.

    Plain and synchronous, for Django's views and for ASGI endpoints in front of Django alike (there in a thread: it
    may ask the database, once in 5 s for each token).
    """
    if not header:
        raise Problem(401, "Send a token: Authorization: Bearer ...", headers={"WWW-Authenticate": CHALLENGE})
    scheme, _, text = header.strip().partition(" ")
    text = text.strip()
    # A malformed token never reaches the database.
    if scheme.lower() != "bearer" or not tokens.is_well_formed(text):
        raise _refused()
    digest = tokens.digest(text)
    moment = now or timezone.now()
    caller = verdict_of(digest, lambda: find_caller(digest, now=moment))
    if caller is None or (caller.expires_at is not None and caller.expires_at <= moment):
        raise _refused()
    return caller


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, None]:
        return authenticate_bearer(request.headers.get("Authorization")), None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's signature)
        return CHALLENGE


def _refused() -> Problem:
    return Problem(401, "The token is not valid.", headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})
