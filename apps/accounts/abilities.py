"""What a token may do, and the most that each role allows."""

from collections.abc import Iterable
from enum import StrEnum


class Ability(StrEnum):
    STREAMS_CREATE = "streams:create"
    STREAMS_READ = "streams:read"
    STREAMS_UPDATE = "streams:update"
    STREAMS_DELETE = "streams:delete"
    STREAMS_ISSUE_TOKEN = "streams:issue-token"  # noqa: S105 (the name of an ability)
    LOGS_DELETE = "logs:delete"
    LIFECYCLE_WRITE = "lifecycle:write"
    OBJECTS_READ = "objects:read"
    OBJECTS_WRITE = "objects:write"
    TOKENS_MANAGE = "tokens:manage"
    TEAM_MANAGE = "team:manage"


class Role(StrEnum):
    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


_VIEWER = frozenset({Ability.STREAMS_READ, Ability.OBJECTS_READ})
ALLOWED = {
    Role.VIEWER: _VIEWER,
    # A member manages the tokens that are their own: the views see to that.
    Role.MEMBER: frozenset(Ability) - {Ability.TEAM_MANAGE},
    Role.OWNER: frozenset(Ability),
}


def effective(abilities: Iterable[str], role: str) -> frozenset[Ability]:
    """A token's abilities, cut with what the user's present role in the team allows."""
    known = {ability for ability in Ability if ability in set(abilities)}
    return frozenset(known & ALLOWED[Role(role)])
