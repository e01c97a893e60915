"""What is done to a team's members and tokens. Every function acts in the scope that is open: the team's own, or
maintenance; raises RuleBroken or NotThere; and leaves an audit entry in the same transaction.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.accounts import audit, tokens, verdicts
from apps.accounts.abilities import Ability, Role
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.models import Membership, PersonalAccessToken, Team, User
from apps.accounts.scope import after_commit, in_maintenance

# Long enough for any device; a date far beyond is a slip, and Python cannot read back a year above 9999.
LONGEST_TOKEN_LIFE = timedelta(days=3653)


def create_token(
    *,
    team_id: int,
    user: User | int,
    name: str,
    abilities: Iterable[Ability | str],
    expires_at: datetime | None,
    actor: str,
    now: datetime,
) -> tuple[PersonalAccessToken, str]:
    """The token and its text, which is to be had this once."""
    _check_expiry(expires_at, now)
    token = PersonalAccessToken(
        team_id=team_id,
        user_id=user if isinstance(user, int) else user.pk,
        name=name,
        abilities=_known(abilities),
        created_at=now,
        expires_at=expires_at,
    )
    text = tokens.new_token()
    keep_token(token, text, actor=actor)
    return token, text


def keep_token(token: PersonalAccessToken, text: str, *, actor: str) -> None:
    """Save a new token, so that this text is it."""
    token.digest, token.prefix = tokens.digest(text), tokens.displayed(text)
    token.save(force_insert=True)
    subject = f"{token.name} ({token.prefix})"
    _record(token.team_id, actor, "token.create", subject, token.created_at, abilities=token.abilities)


def live_tokens(*, team_id: int, user_id: int | None) -> QuerySet[PersonalAccessToken]:
    """Tokens not revoked (expired ones are shown, for people to see why something stopped); of one user, or of all."""
    found = PersonalAccessToken.objects.filter(team_id=team_id, revoked_at__isnull=True)
    return found if user_id is None else found.filter(user_id=user_id)


def revoke_token(*, team_id: int, token_id: int, user_id: int | None, actor: str, now: datetime) -> None:
    """`user_id` bounds it to that user's tokens. Takes effect here at once, elsewhere within 5 s."""
    token = live_tokens(team_id=team_id, user_id=user_id).select_for_update().filter(pk=token_id).first()
    if token is None:
        raise NotThere("token")
    _revoke(token, actor, now)


def revoke_tokens_of(*, team_id: int, user_id: int, actor: str, now: datetime) -> None:
    for token in live_tokens(team_id=team_id, user_id=user_id).select_for_update():
        _revoke(token, actor, now)


def rename_team(*, team_id: int, name: str, actor: str, now: datetime) -> None:
    Team.objects.filter(pk=team_id).update(name=name)
    _record(team_id, actor, "team.rename", name, now)


def members_of(team_id: int) -> QuerySet[Membership]:
    return Membership.objects.filter(team_id=team_id).order_by("pk")


def add_member(*, team_id: int, user: User, role: Role, actor: str, now: datetime) -> Membership:
    try:
        with transaction.atomic(using=_alias()):
            membership = Membership.objects.create(team_id=team_id, user_id=user.pk, role=role)
    except IntegrityError as error:
        raise RuleBroken("email", "This user is a member already.") from error
    _record(team_id, actor, "member.add", user.email, now, role=role)
    return membership


def change_role(*, team_id: int, membership_id: int, role: Role, subject: str, actor: str, now: datetime) -> Membership:
    membership = _locked_member(team_id, membership_id)
    if membership.role == Role.OWNER and role != Role.OWNER:
        _check_not_last_owner(team_id, "role")
    membership.role = role
    membership.save(update_fields=["role"])
    # Which tokens it touches is not worth finding out: a forgotten verdict costs one look-up.
    after_commit(verdicts.forget_all)
    _record(team_id, actor, "member.role", subject, now, role=role)
    return membership


def remove_member(*, team_id: int, membership_id: int, subject: str, actor: str, now: datetime) -> None:
    """Their tokens for this team are revoked with it: who is asked back starts anew."""
    membership = _locked_member(team_id, membership_id)
    if membership.role == Role.OWNER:
        _check_not_last_owner(team_id, "member")
    revoke_tokens_of(team_id=team_id, user_id=membership.user_id, actor=actor, now=now)
    membership.delete()
    after_commit(verdicts.forget_all)
    _record(team_id, actor, "member.remove", subject, now)


def member(team_id: int, membership_id: int) -> Membership:
    found = members_of(team_id).filter(pk=membership_id).first()
    if found is None:
        raise NotThere("member")
    return found


def _locked_member(team_id: int, membership_id: int) -> Membership:
    """The owners are locked first and in one order: of two who demote each other at once, the second is refused."""
    owners = members_of(team_id).filter(role=Role.OWNER).select_for_update()
    list(owners.values_list("pk", flat=True))
    found = members_of(team_id).select_for_update().filter(pk=membership_id).first()
    if found is None:
        raise NotThere("member")
    return found


def _check_not_last_owner(team_id: int, field: str) -> None:
    if members_of(team_id).filter(role=Role.OWNER).count() < 2:
        raise RuleBroken(field, "A team keeps at least one owner.")


def _revoke(token: PersonalAccessToken, actor: str, now: datetime) -> None:
    token.revoked_at = now
    token.save(update_fields=["revoked_at"])
    after_commit(partial(verdicts.forget, bytes(token.digest)))
    _record(token.team_id, actor, "token.revoke", f"{token.name} ({token.prefix})", now)


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is None:
        return
    if expires_at <= now:
        raise RuleBroken("expires_at", "The expiry lies in the past.")
    if expires_at - now > LONGEST_TOKEN_LIFE:
        raise RuleBroken("expires_at", "A token lives for ten years at most; leave the expiry out for no end.")


def _known(abilities: Iterable[Ability | str]) -> list[str]:
    wanted = {str(ability) for ability in abilities}
    unknown = sorted(wanted - set(Ability))
    if unknown:
        raise RuleBroken("abilities", f"There is no ability {unknown[0]}.")
    if not wanted:
        raise RuleBroken("abilities", "Name at least one ability.")
    return sorted(wanted)


def _record(team_id: int, actor: str, action: str, subject: str, now: datetime, **details: object) -> None:
    audit.record(team_id=team_id, actor=actor, action=action, subject=subject, now=now, details=details)


def _alias() -> str:
    return "maintenance" if in_maintenance() else "default"
