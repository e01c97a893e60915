"""What a team's streams contribute: their replicas as reported, and their newest builds. Inside the team's scope."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from apps.accounts.models import Team
from apps.lifecycle import limits
from apps.lifecycle.models import BuildLog, Replica
from apps.sessions.targets import Build, ReplicaSeen

# Of each kind: an object has half a MiB at most, and nobody reads more targets than these.
MOST = 500


def replicas(*, now: datetime) -> Mapping[str, Sequence[ReplicaSeen]]:
    """By the stream's name; of the streams that were heard of last, where there are too many."""
    found: dict[str, list[ReplicaSeen]] = defaultdict(list)
    kept = Replica.objects.filter(stream__deleted_at__isnull=True).order_by("-heartbeat_at")
    fields = ("stream__name", "status", "ready", "started_at", "heartbeat_at")
    for name, status, ready, started_at, heartbeat_at in kept.values_list(*fields):
        if name in found or len(found) < MOST:
            alive = heartbeat_at > now - limits.HEARTBEAT
            found[name].append(ReplicaSeen(status, ready, alive, started_at, heartbeat_at))
    return found


def builds(team: Team, *, now: datetime) -> Mapping[str, Build]:
    """The newest of each stream, as long as the plan keeps them."""
    edge = now - timedelta(hours=team.plan.build_log_hours)
    newest = (
        BuildLog.objects.filter(stream__deleted_at__isnull=True, updated_at__gte=edge)
        .order_by("stream_id", "-pk")
        .distinct("stream_id")
        .values_list("stream__name", "status", "created_at", "finished_at", "updated_at")
    )
    latest = sorted(newest, key=lambda row: row[4], reverse=True)[:MOST]
    return {name: Build(status, created_at, finished_at) for name, status, created_at, finished_at, _ in latest}
