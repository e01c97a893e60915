"""Making users and teams: for operators, sign-up and whoever founds a team. Opens maintenance, as no team's scope can
hold a team that is not there yet; each function is one transaction.
"""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.contrib import auth
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from apps.accounts import audit, services
from apps.accounts.abilities import Ability, Role
from apps.accounts.errors import PlanMismatch, RuleBroken
from apps.accounts.models import Membership, PersonalAccessToken, Plan, Team, User
from apps.accounts.scope import maintenance

DEFAULT_PLAN = "free"
OPERATOR_PLAN = "unlimited"
# Every team has its plan's quota: a user without a bound on teams would have no bound at all.
MOST_TEAMS_OWNED = 20
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def create_user(*, email: str, password: str | None, is_superuser: bool = False) -> User:
    """Without a password nobody can log in as this user; their tokens work. RuleBroken: bad or taken address."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise RuleBroken("email", "This is not an e-mail address.") from error
    make = User.objects.create_superuser if is_superuser else User.objects.create_user
    try:
        with maintenance(atomic=True):
            return make(email, password or None)
    except IntegrityError as error:
        raise RuleBroken("email", "A user with this address exists already.") from error


def sign_up_first(*, email: str, password: str, team: str, now: datetime) -> tuple[User, Team]:
    """The operator of a fresh installation, with a team of their own. RuleBroken: somebody was faster; bad address.

    The plans' rows are locked first: of two who come at once, the second finds the first one's user.
    """
    with maintenance(atomic=True):
        list(Plan.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
        if User.objects.exists():
            raise RuleBroken("email", "Somebody has signed up already; log in, or ask to be invited.")
        user = create_user(email=email, password=password, is_superuser=True)
        made = _make_team(_slug_from(team), team, OPERATOR_PLAN)
        Membership.objects.create(team=made, user=user, role=Role.OWNER)
        audit.record(team_id=made.pk, actor=user.email, action="team.create", subject=made.slug, now=now)
    return user, made


def change_password(user_id: int, old: str, new: str) -> User:
    """RuleBroken: the old one is another."""
    with maintenance(atomic=True):
        user = User.objects.select_for_update().get(pk=user_id)
        if not user.check_password(old):
            raise RuleBroken("password", "This is not your present password.")
        user.set_password(new)
        user.save(update_fields=["password"])
    return user


def found_team(*, name: str, slug: str | None, owner_id: int, actor: str, now: datetime) -> Team:
    """A new team on the default plan. Without a slug, one is made from the name."""
    with maintenance(atomic=True):
        # The user's row is locked, so that many requests at once do not pass the bound together.
        User.objects.select_for_update().get(pk=owner_id)
        if Membership.objects.filter(user_id=owner_id, role=Role.OWNER).count() >= MOST_TEAMS_OWNED:
            raise RuleBroken("name", f"You own {MOST_TEAMS_OWNED} teams already.")
        team = _make_team(slug or _slug_from(name), name, DEFAULT_PLAN)
        Membership.objects.create(team=team, user_id=owner_id, role=Role.OWNER)
        audit.record(team_id=team.pk, actor=actor, action="team.create", subject=team.slug, now=now)
    return team


def ensure_team(*, slug: str, plan: str | None, now: datetime) -> Team:
    """The operator's way: the team, made on `plan` (or "unlimited") with an owner if it is absent.

    Raises PlanMismatch if it exists on another plan than `plan`, RuleBroken for an unknown plan or an unusable slug.
    """
    with maintenance(atomic=True):
        team = Team.objects.filter(slug=slug).select_related("plan").first()
        if team is None:
            team = _make_team(slug, slug, plan or OPERATOR_PLAN)
            audit.record(team_id=team.pk, actor=audit.OPERATOR, action="team.create", subject=slug, now=now)
        elif plan is not None and team.plan.name != plan:
            raise PlanMismatch(slug, team.plan.name, plan)
        if not Membership.objects.filter(team=team, role=Role.OWNER).exists():
            _give_owner(team, now)
    return team


def create_token(
    *,
    team: Team,
    user: User | None = None,
    name: str,
    abilities: Iterable[Ability | str],
    expires_at: datetime | None,
    now: datetime,
) -> tuple[PersonalAccessToken, str]:
    """The operator's way: without a user, the token belongs to the team's first owner."""
    with maintenance(atomic=True):
        return services.create_token(
            team_id=team.pk,
            user=user or first_owner(team),
            name=name,
            abilities=abilities,
            expires_at=expires_at,
            actor=audit.OPERATOR,
            now=now,
        )


def first_owner(team: Team) -> User:
    with maintenance():
        found = Membership.objects.filter(team=team, role=Role.OWNER).select_related("user").order_by("pk").first()
    if found is None:
        raise RuleBroken("team", f"Team {team.slug} has no owner.")
    return found.user


def open_session(request: HttpRequest, user: User) -> None:
    """Django's log-in, which notes the time at the user."""
    with maintenance(atomic=True):
        auth.login(request, user)


def _make_team(slug: str, name: str, plan: str) -> Team:
    if not _SLUG.fullmatch(slug):
        raise RuleBroken("slug", "A slug has 1 to 63 characters of a-z, 0-9 and -, and no - at its ends.")
    found = Plan.objects.filter(name=plan).first()
    if found is None:
        raise RuleBroken("plan", f"There is no plan {plan}.")
    try:
        with transaction.atomic(using="maintenance"):
            return Team.objects.create(slug=slug, name=name, plan=found)
    except IntegrityError as error:
        raise RuleBroken("slug", "This slug is taken.") from error


def _give_owner(team: Team, now: datetime) -> None:
    email = f"owner@{team.slug}.local"
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, None)
    Membership.objects.update_or_create(team=team, user=user, defaults={"role": Role.OWNER})
    audit.record(team_id=team.pk, actor=audit.OPERATOR, action="member.add", subject=email, now=now)


def _slug_from(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-") or "team"
    return f"{words}-{secrets.token_hex(3)}"
