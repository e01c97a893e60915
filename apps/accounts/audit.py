"""Who did what to a team's things."""

from datetime import datetime
from typing import Any

from apps.accounts.models import AuditEntry

OPERATOR = "operator"


def record(
    *, team_id: int, actor: str, action: str, subject: str, now: datetime, details: dict[str, Any] | None = None
) -> None:
    """Call it in the transaction of the deed, so that neither is kept without the other."""
    AuditEntry.objects.create(
        team_id=team_id, at=now, actor=actor, action=action, subject=subject[:300], details=details or {}
    )
