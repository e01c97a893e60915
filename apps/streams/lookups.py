"""Look-ups for the plain ASGI endpoints: whose stream an ingest token is for, and to which stream an address leads."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import receiver

from apps.accounts.callers import PlanLimits
from apps.accounts.scope import after_commit, maintenance, team_scope
from apps.accounts.verdicts import Verdicts
from apps.streams.ingest_tokens import Claims
from apps.streams.models import IngestToken, SigningKey, Stream
from apps.streams.services import find_named, find_stream
from tailsvc.storage.base import StreamRef

_recent: Verdicts[tuple[int, str], Stream] = Verdicts()


@dataclass(frozen=True, slots=True)
class IngestGrant:
    """What a good ingest token allows: to write to one stream of one team, within a plan."""

    stream: StreamRef
    uuid: UUID
    slug: str
    jti: UUID
    plan: PlanLimits
    retention: timedelta


def find_grant(claims: Claims, *, now: datetime) -> IngestGrant | None:
    """None if the token is revoked or expired, its key removed, or its stream deleted."""
    live = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    with maintenance():
        token = (
            IngestToken.objects.filter(
                live,
                jti=claims.jti,
                kid=claims.kid,
                # Asked here, not of what this process knows of the keys: verdicts are kept a while themselves.
                kid__in=SigningKey.objects.values("kid"),
                stream__uuid=claims.stream,
                revoked_at__isnull=True,
                stream__deleted_at__isnull=True,
            )
            .select_related("stream__team__plan")
            .first()
        )
    if token is None:
        return None
    stream = token.stream
    plan = PlanLimits.of(stream.team.plan)
    return IngestGrant(stream.ref, stream.uuid, stream.slug, token.jti, plan, stream.retention(plan.retention_hours))


def those_that_live(streams: Collection[int]) -> set[int]:
    """Which of these streams, of whatever teams, are there and not deleted."""
    with maintenance():
        return set(Stream.objects.filter(pk__in=streams, deleted_at__isnull=True).values_list("pk", flat=True))


def recent_stream(team_id: int, address: str) -> Stream:
    """As `find_stream`, but as of at most 5 s ago, and in a scope of its own. For reading only: threads share it."""

    def look_up() -> Stream:
        with team_scope(team_id):
            return find_stream(address)

    return _recent.of((team_id, address), look_up)


def recent_named_stream(team_id: int, name: str) -> Stream:
    """As `find_named`, but as of at most 5 s ago, and in a scope of its own. For reading only: threads share it."""

    def look_up() -> Stream:
        with team_scope(team_id):
            return find_named(name)

    return _recent.of((team_id, f"named {name}"), look_up)


@receiver(post_save, sender=Stream)
def _forget_streams(**_: Any) -> None:
    # All, as each has several addresses; and whoever saved it, the admin too.
    after_commit(_recent.forget_all)
