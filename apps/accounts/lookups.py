"""The look-ups that come before a team is known: the one module that reads across teams for a request.

Reads only, but for a token's last use. Whatever it answers about a token that does not work is None: nobody is told
whether it is unknown, revoked, expired or its owner gone.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.models import Session
from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.abilities import Ability, Role, effective
from apps.accounts.callers import Caller, PlanLimits
from apps.accounts.models import Membership, PersonalAccessToken, Team, User
from apps.accounts.scope import maintenance

LAST_USE_EVERY = timedelta(minutes=1)
# By the column: every page asks for it, and objects cost half as much again.
_OF_TEAM = (
    *("team_id", "team__slug", "team__name", "role", "team__created_at"),
    *(f"team__plan__{name}" for name in PlanLimits.__slots__),
)


@dataclass(frozen=True, slots=True)
class TeamOfUser:
    team_id: int
    slug: str
    name: str
    role: Role
    plan: PlanLimits
    created_at: datetime


def find_caller(digest: bytes, *, now: datetime) -> Caller | None:
    """Whose live token this is the digest of. Also writes the token's last use, once a minute."""
    role = Membership.objects.filter(team=OuterRef("team"), user=OuterRef("user")).values("role")
    with maintenance():
        token = (
            PersonalAccessToken.objects.filter(_live(now), digest=digest, user__is_active=True)
            .select_related("user", "team__plan")
            .annotate(role=Subquery(role))
            .first()
        )
        if token is None or token.role is None:
            return None
        _note_use(token, now)
    return _caller(token, token.role)


class CallerKey(NamedTuple):
    """What a caller's rights rest on."""

    token: int  # 0 for a log-in
    user: int
    team: int
    session: str  # "" for a token


def key_of(caller: Caller) -> CallerKey:
    return CallerKey(caller.token_id or 0, caller.user_id, caller.team_id, caller.session)


def abilities_of(callers: Collection[CallerKey]) -> dict[CallerKey, frozenset[Ability]]:
    """What each of these may do, as of now; nothing for who is gone."""
    now = timezone.now()
    with maintenance():
        members = Membership.objects.filter(user_id__in={each.user for each in callers}, user__is_active=True)
        roles = {(user, team): role for user, team, role in members.values_list("user_id", "team_id", "role")}
        tokens = PersonalAccessToken.objects.filter(_live(now), pk__in={each.token for each in callers if each.token})
        abilities = dict(tokens.values_list("pk", "abilities"))
        ended = _ended_sessions({(each.session, each.user) for each in callers if each.session}, now)
    every = [ability.value for ability in Ability]
    found = {}
    for each in callers:
        role = roles.get((each.user, each.team))
        given = abilities.get(each.token, ()) if each.token else every
        found[each] = frozenset() if role is None or each.session in ended else effective(given, role)
    return found


def _ended_sessions(sessions: Collection[tuple[str, int]], now: datetime) -> set[str]:
    """Of these log-ins, each with its user, those that are over: logged out, expired, or of an earlier password."""
    if not sessions:
        return set()
    users = {user.pk: user for user in User.objects.filter(pk__in={user for _, user in sessions}).only("password")}
    kept = Session.objects.filter(session_key__in={key for key, _ in sessions}, expire_date__gt=now)
    hashes = {one.session_key: one.get_decoded().get(HASH_SESSION_KEY) for one in kept}
    return {
        key for key, user in sessions if user not in users or hashes.get(key) != users[user].get_session_auth_hash()
    }


def teams_of(user_id: int) -> list[TeamOfUser]:
    with maintenance():
        found = Membership.objects.filter(user_id=user_id).order_by("team__slug").values_list(*_OF_TEAM)
        return [_team_of_user(row) for row in found]


def has_users() -> bool:
    with maintenance():
        return User.objects.exists()


def nobody_has_logged_in() -> bool:
    """As on an installation that has just been started for the first time."""
    with maintenance():
        return not User.objects.filter(last_login__isnull=False).exists()


def user_by_email(email: str) -> User | None:
    with maintenance():
        return User.objects.filter(email=User.normalize_username(email), is_active=True).first()


def team_by_slug(slug: str) -> Team | None:
    with maintenance():
        return Team.objects.filter(slug=slug).select_related("plan").first()


def emails_of(user_ids: Iterable[int]) -> dict[int, str]:
    """Addresses for people to recognise each other by, inside a team. The reader role itself sees no users."""
    with maintenance():
        return dict(User.objects.filter(pk__in=set(user_ids)).values_list("pk", "email"))


class LogInBackend(ModelBackend):
    """Django's own, with the users read as maintenance: who logs in has no team yet."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        with maintenance():
            return super().authenticate(request, username, password, **kwargs)

    def get_user(self, user_id: int) -> Any:
        with maintenance():
            return super().get_user(user_id)


def _live(now: datetime) -> Q:
    return Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))


def _note_use(token: PersonalAccessToken, now: datetime) -> None:
    edge = now - LAST_USE_EVERY
    if token.last_used_at is not None and token.last_used_at > edge:
        return
    # The condition once more, in the database: of many processes that see the old time, one writes.
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=edge)
    PersonalAccessToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _caller(token: PersonalAccessToken, role: str) -> Caller:
    return Caller(
        kind="token",
        user_id=token.user_id,
        email=token.user.email,
        team_id=token.team_id,
        team_slug=token.team.slug,
        role=Role(role),
        abilities=effective(token.abilities, role),
        token_id=token.pk,
        plan=PlanLimits.of(token.team.plan),
        expires_at=token.expires_at,
    )


def _team_of_user(row: Sequence[Any]) -> TeamOfUser:
    team_id, slug, name, role, created_at, *plan = row
    return TeamOfUser(team_id, slug, name, Role(role), PlanLimits(*plan), created_at)
