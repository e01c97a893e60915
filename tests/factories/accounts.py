"""Users, teams, members and tokens, committed for real."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from apps.accounts import services
from apps.accounts.abilities import Ability, Role
from apps.accounts.models import Membership, PersonalAccessToken, Plan, Team, User
from apps.accounts.scope import maintenance
from apps.accounts.tokens import digest


def unique(word: str) -> str:
    return f"{word}-{secrets.token_hex(6)}"


def make_user(*, email: str | None = None, password: str | None = None, **extra: object) -> User:
    """Without a password, as hashing one takes its time."""
    with maintenance(atomic=True):
        return User.objects.create_user(email or f"{unique('user')}@example.com", password, **extra)


def make_team(plan: str = "free", slug: str | None = None) -> Team:
    """A team without members."""
    slug = slug or unique("team")
    with maintenance(atomic=True):
        return Team.objects.create(slug=slug, name=slug, plan=Plan.objects.get(name=plan))


def make_member(team: Team, role: Role | str = Role.OWNER, user: User | None = None) -> User:
    user = user or make_user()
    with maintenance(atomic=True):
        Membership.objects.create(team=team, user=user, role=role)
    return user


def make_token(
    team: Team,
    user: User | None = None,
    abilities: Iterable[Ability | str] = tuple(Ability),
    *,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> str:
    """The token's text. Without a user, a new owner's."""
    user = user or make_member(team)
    with maintenance(atomic=True):
        _, text = services.create_token(
            team_id=team.pk,
            user=user,
            name="test",
            abilities=abilities,
            expires_at=expires_at,
            actor="test",
            now=now or datetime.now(UTC),
        )
    return text


def revoke(token: str) -> None:
    """By another process: this one's verdicts stay as they are."""
    with maintenance(atomic=True):
        PersonalAccessToken.objects.filter(digest=digest(token)).update(revoked_at=datetime.now(UTC))


def membership_of(team: Team, user: User) -> Membership:
    with maintenance():
        return Membership.objects.get(team=team, user=user)
