"""What Celery forgets. Opens maintenance: it goes across teams. Safe to run twice, and by two at once."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.accounts.models import Plan
from apps.accounts.scope import maintenance
from apps.lifecycle import limits
from apps.lifecycle.models import BuildChunk, BuildLog, LifecycleEvent, Replica

_BUILDS_AT_ONCE = 100


def forget(*, now: datetime) -> dict[str, int]:
    """How many went: {"replicas": n, "events": n, "builds": n}. None is shown any longer when this takes them away."""
    gone = {"replicas": 0, "events": 0, "builds": 0}
    with maintenance():
        gone["replicas"] = Replica.objects.filter(heartbeat_at__lt=now - limits.REPLICAS_KEPT).delete()[0]
        for plan in Plan.objects.all():
            of_plan = {"team__plan": plan}
            events = LifecycleEvent.objects.filter(
                last_at__lt=now - timedelta(hours=plan.lifecycle_event_hours), **of_plan
            )
            gone["events"] += events.delete()[0]
            old = now - timedelta(hours=plan.build_log_hours)
            gone["builds"] += _forget_builds(BuildLog.objects.filter(updated_at__lt=old, **of_plan))
    return gone


def _forget_builds(old: QuerySet[BuildLog]) -> int:
    """A few at a time, their chunks first: they are large, and nobody is to wait for all of them."""
    gone = 0
    while found := list(old.order_by("pk").values_list("pk", flat=True)[:_BUILDS_AT_ONCE]):
        BuildChunk.objects.filter(build_id__in=found).delete()
        gone += BuildLog.objects.filter(pk__in=found).delete()[1].get("lifecycle.BuildLog", 0)
    return gone
