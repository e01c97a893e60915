"""API keys: personal access tokens with a role instead of abilities, and a name of their own in the team.

Every function acts in the scope that is open.
"""

from datetime import datetime
from enum import StrEnum

from django.db.models import Q, QuerySet

from apps.accounts import services, tokens
from apps.accounts.abilities import Ability
from apps.accounts.callers import Caller
from apps.accounts.models import PersonalAccessToken, Team
from apps.feldera import errors

READ = frozenset({Ability.STREAMS_READ})
WRITE = frozenset(ability for ability in Ability if ability.startswith("streams:"))


class KeyRole(StrEnum):
    READ = "read"
    WRITE = "write"


_ABILITIES = {KeyRole.READ: READ, KeyRole.WRITE: WRITE}


def visible_keys(caller: Caller) -> QuerySet[PersonalAccessToken]:
    """As with tokens: owners see all of the team's, others their own."""
    user_id = None if caller.is_owner else caller.user_id
    return services.live_tokens(team_id=caller.team_id, user_id=user_id).filter(_is_key()).order_by("name")


def find_key(caller: Caller, name: str) -> PersonalAccessToken:
    found = visible_keys(caller).filter(name=name).first() if "\0" not in name else None
    if found is None:
        raise errors.unknown_api_key(name)
    return found


def create_key(caller: Caller, *, name: str, role: KeyRole, now: datetime) -> tuple[PersonalAccessToken, str]:
    """The key and its text, which is to be had this once."""
    if not caller.abilities >= _ABILITIES[role]:
        raise errors.role_exceeds_creator(role, _highest(caller))
    Team.objects.select_for_update().get(pk=caller.team_id)  # two requests must not both take the name
    if services.live_tokens(team_id=caller.team_id, user_id=None).filter(_is_key(), name=name).exists():
        raise errors.duplicate_name()
    key = PersonalAccessToken(
        team_id=caller.team_id,
        user_id=caller.user_id,
        name=name,
        abilities=sorted(_ABILITIES[role]),
        created_at=now,
    )
    text = tokens.new_api_key()
    services.keep_token(key, text, actor=caller.email)
    return key, text


def delete_key(caller: Caller, name: str, *, now: datetime) -> None:
    key = find_key(caller, name)
    services.revoke_token(team_id=caller.team_id, token_id=key.pk, user_id=key.user_id, actor=caller.email, now=now)


def role_of(key: PersonalAccessToken) -> KeyRole:
    return KeyRole.WRITE if set(key.abilities) >= WRITE else KeyRole.READ


def _highest(caller: Caller) -> KeyRole | None:
    return KeyRole.READ if caller.abilities >= READ else None


def _is_key() -> Q:
    return Q(prefix__startswith=tokens.API_KEY_PREFIX)
