"""The look-up that comes before a team is known: an ingest token's stream, its team and its plan."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from apps.accounts.callers import PlanLimits
from apps.accounts.scope import maintenance
from apps.streams.ingest_tokens import Claims
from apps.streams.models import IngestToken
from tailsvc.storage.base import StreamRef


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
    """None if the token is revoked or expired, or its stream deleted."""
    live = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    with maintenance():
        token = (
            IngestToken.objects.filter(
                live,
                jti=claims.jti,
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
