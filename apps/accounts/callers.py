"""Who is asking: the outcome of authentication, and all that later steps know about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from apps.accounts.abilities import Ability, Role

if TYPE_CHECKING:
    from apps.accounts.models import Plan


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """A team's plan; None is "no limit"."""

    name: str
    retention_hours: int
    max_streams: int | None
    ingest_bytes_per_day: int | None
    ingest_requests_per_minute: int | None
    query_requests_per_minute: int | None
    max_followers: int | None
    lifecycle_event_hours: int = 1
    build_log_hours: int = 72

    @classmethod
    def of(cls, plan: Plan) -> PlanLimits:
        return cls(**{name: getattr(plan, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who acts in one team. `abilities` are already cut with the user's role."""

    kind: Literal["token", "session"]
    user_id: int
    email: str
    team_id: int
    team_slug: str
    role: Role
    abilities: frozenset[Ability]
    token_id: int | None
    plan: PlanLimits
    expires_at: datetime | None = None
    session: str = field(default="", repr=False)  # the key of the log-in, where somebody has to know when it ends

    @property
    def is_authenticated(self) -> bool:
        """Django and DRF ask this of whatever `request.user` is."""
        return True

    @property
    def is_owner(self) -> bool:
        return self.role is Role.OWNER
