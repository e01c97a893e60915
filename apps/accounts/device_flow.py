"""The words of the OAuth device flow (RFC 8628): clients, scopes, codes. Plain values; `grants` keeps them."""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from apps.accounts.abilities import Ability

CLIENTS = {
    "tailstream-agent": "Tailstream agent",
    "tailstream-client": "Tailstream client",
    "tailsvc": "tailsvc command line",
}
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = {
    "stream:read": frozenset({Ability.STREAMS_READ}),
    "stream:create": frozenset({Ability.STREAMS_CREATE}),
    "stream:write": frozenset({Ability.STREAMS_UPDATE, Ability.STREAMS_ISSUE_TOKEN}),
}
DEFAULT_SCOPE = "stream:read"

# The real clients poll for ten minutes and then give up.
CODE_LIFE = timedelta(minutes=10)
POLL_SECONDS = 5
TOKEN_LIFE = timedelta(days=90)
# No vowels, so that no word comes out; no digits, so that none is taken for a letter (RFC 8628, 6.1).
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def new_device_code() -> str:
    return secrets.token_urlsafe(32)


def new_user_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def as_user_code(typed: str) -> str:
    """What a person types, in the form in which it is kept: case, blanks and the hyphen do not matter."""
    letters = "".join(letter for letter in typed.upper() if letter in _LETTERS)
    return f"{letters[:4]}-{letters[4:8]}" if len(letters) == 8 else ""


def abilities_of(scopes: Iterable[str]) -> frozenset[Ability]:
    return frozenset().union(*(SCOPES[scope] for scope in scopes))


def scopes_within(scopes: Iterable[str], allowed: frozenset[Ability]) -> list[str]:
    """The scopes of which everything is allowed."""
    return [scope for scope in scopes if SCOPES[scope] <= allowed]
