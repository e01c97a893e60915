"""The steps of the device flow, kept in the database: begun by a program, decided by a person, redeemed once.

Opens maintenance: before the decision a grant has no team, and whoever polls has no user.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import IntegrityError

from apps.accounts import audit, device_flow, services
from apps.accounts.abilities import ALLOWED, Role
from apps.accounts.errors import RuleBroken
from apps.accounts.models import DeviceGrant, Membership, User
from apps.accounts.scope import maintenance

Refusal = Literal["authorization_pending", "access_denied", "expired_token", "invalid_grant"]
_ATTEMPTS = 5  # two equal user codes at once are one in 25 thousand million


@dataclass(frozen=True, slots=True)
class Codes:
    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str
    scopes: list[str]


def begin(*, client_id: str, scopes: list[str], now: datetime) -> Codes:
    for _ in range(_ATTEMPTS):
        codes = Codes(device_flow.new_device_code(), device_flow.new_user_code())
        try:
            with maintenance(atomic=True):
                _keep(codes, client_id, scopes, now)
        except IntegrityError:
            continue
        return codes
    raise RuntimeError("no free user code found")


def find_undecided(user_code: str, *, now: datetime) -> DeviceGrant | None:
    with maintenance():
        return DeviceGrant.objects.filter(user_code=user_code, decided_at__isnull=True, expires_at__gt=now).first()


def decide(*, user: User, user_code: str, team_id: int, approve: bool, now: datetime) -> None:
    """The person's word, for one of their teams. RuleBroken if code, team or role do not fit."""
    with maintenance(atomic=True):
        grant = (
            DeviceGrant.objects.select_for_update()
            .filter(user_code=user_code, decided_at__isnull=True, expires_at__gt=now)
            .first()
        )
        if grant is None:
            raise RuleBroken("user_code", "There is no such code, or it has expired.")
        role = Membership.objects.filter(team_id=team_id, user=user).values_list("role", flat=True).first()
        if role is None:
            raise RuleBroken("team", "You are not a member of this team.")
        grant.scopes = device_flow.scopes_within(grant.scopes, ALLOWED[Role(role)])
        if approve and not grant.scopes:
            raise RuleBroken("team", "Your role in this team allows nothing of what is asked for.")
        grant.user, grant.team_id, grant.decided_at, grant.denied = user, team_id, now, not approve
        grant.save()
        deed = "device.approve" if approve else "device.deny"
        audit.record(team_id=team_id, actor=user.email, action=deed, subject=grant.client_id, now=now)


def redeem(*, device_code: str, client_id: str, now: datetime) -> AccessToken | Refusal:
    """What the program that polls is told; an access token once."""
    if client_id not in device_flow.CLIENTS or not device_code.isascii():
        return "invalid_grant"  # neither can be asked of the database
    with maintenance(atomic=True):
        grant = (
            DeviceGrant.objects.select_for_update(of=("self",))
            .filter(device_digest=_digest(device_code), client_id=client_id)
            .select_related("user")
            .first()
        )
        if grant is None:
            return "invalid_grant"
        refusal = _refusal(grant, now)
        return refusal or _issue(grant, now)


def _refusal(grant: DeviceGrant, now: datetime) -> Refusal | None:
    if grant.redeemed_at is not None:
        return "invalid_grant"
    if grant.denied:
        return "access_denied"
    if grant.expires_at <= now:
        return "expired_token"
    return "authorization_pending" if grant.decided_at is None else None


def _issue(grant: DeviceGrant, now: datetime) -> AccessToken | Refusal:
    user, team_id = grant.user, grant.team_id
    if user is None or team_id is None or not user.is_active:
        return "access_denied"
    if not Membership.objects.filter(team_id=team_id, user=user).exists():
        return "access_denied"
    _, text = services.create_token(
        team_id=team_id,
        user=user,
        name=f"{device_flow.CLIENTS[grant.client_id]} (device log-in)",
        abilities=device_flow.abilities_of(grant.scopes),
        expires_at=now + device_flow.TOKEN_LIFE,
        actor=user.email,
        now=now,
    )
    grant.redeemed_at = now
    grant.save(update_fields=["redeemed_at"])
    return AccessToken(text, grant.scopes)


def _keep(codes: Codes, client_id: str, scopes: list[str], now: datetime) -> None:
    DeviceGrant.objects.create(
        device_digest=_digest(codes.device_code),
        user_code=codes.user_code,
        client_id=client_id,
        scopes=scopes,
        created_at=now,
        expires_at=now + device_flow.CODE_LIFE,
    )


def _digest(device_code: str) -> bytes:
    return hashlib.sha256(device_code.encode()).digest()
