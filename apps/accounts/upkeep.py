"""What Celery clears away. Opens maintenance: it goes across teams. Safe to run twice, and by two at once."""

from datetime import datetime, timedelta

from django.db.models import Q

from apps.accounts.models import DeviceGrant, PersonalAccessToken
from apps.accounts.scope import maintenance

# Dead tokens stay in the lists of operators for a while: "why did my agent stop?"
DEAD_TOKENS_KEPT = timedelta(days=90)
DEAD_GRANTS_KEPT = timedelta(days=1)


def clear_expired(*, now: datetime) -> dict[str, int]:
    """How many went: {"tokens": n, "device_grants": n}. A token stops to work when it expires, not when this runs."""
    edge = now - DEAD_TOKENS_KEPT
    with maintenance(atomic=True):
        tokens, _ = PersonalAccessToken.objects.filter(Q(expires_at__lt=edge) | Q(revoked_at__lt=edge)).delete()
        grants, _ = DeviceGrant.objects.filter(expires_at__lt=now - DEAD_GRANTS_KEPT).delete()
    return {"tokens": tokens, "device_grants": grants}
