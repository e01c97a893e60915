"""Which emitters of a stream there are: those that report, and those whose lines say that they run.

Reported by heartbeats: without one for 60 s a replica is not running. Where nobody reports it, a replica is inferred
from the lines of the last 60 s; reported and inferred under one name it is one replica, and the report counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.errors import NotThere, RuleBroken
from apps.engine import store
from apps.lifecycle import limits
from apps.lifecycle.kinds import ReplicaStatus
from apps.lifecycle.models import Replica
from apps.streams.models import Stream
from tailsvc import sources
from tailsvc.queries import Selection
from tailsvc.storage.base import StreamRef


@dataclass(frozen=True, slots=True)
class Emitter:
    """A replica as it is shown; what nobody reported is None or empty."""

    name: str
    reported: bool
    running: bool
    status: ReplicaStatus
    ready: bool
    cluster: str = ""
    node: str = ""
    conditions: tuple[Mapping[str, str], ...] = ()
    restarts: int = 0
    cpu_millicores: int | None = None
    memory_mb: int | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None


def report(stream: Stream, name: str, state: Mapping[str, Any], *, now: datetime) -> tuple[Emitter, bool]:
    """A heartbeat with the replica's whole state; the replica, and whether it is new. What is not sent is unknown.

    Raises RuleBroken where the stream has too many.
    """
    status = ReplicaStatus(state.get("status", ReplicaStatus.RUNNING))
    told = {
        "cluster": "",
        "node": "",
        "conditions": [],
        "restarts": 0,
        "cpu_millicores": None,
        "memory_mb": None,
        "ready": status is ReplicaStatus.RUNNING,
        **{field: value for field, value in state.items() if field != "started_at" or value is not None},
        "status": status,
        "heartbeat_at": now,
    }
    with transaction.atomic():
        known = Replica.objects.filter(stream=stream, name=name).exists()
        if not known and Replica.objects.filter(stream=stream).count() >= limits.REPLICAS_PER_STREAM:
            raise RuleBroken("replica", f"A stream has at most {limits.REPLICAS_PER_STREAM} replicas.")
        created = {"team_id": stream.team_id, "started_at": now, **told}
        kept, is_new = Replica.objects.update_or_create(told, created, stream=stream, name=name)
    return _reported(kept, now), is_new


def withdraw(stream: Stream, name: str) -> None:
    """Forget the replica. Raises NotThere."""
    if "\x00" in name or not Replica.objects.filter(stream=stream, name=name).delete()[0]:
        raise NotThere("replica")


def emitters(stream: Stream, *, now: datetime) -> list[Emitter]:
    """All, by name."""
    found = {kept.name: _reported(kept, now) for kept in Replica.objects.filter(stream=stream)}
    for name in _seen(stream.ref, now):
        found.setdefault(name, _inferred(name))
    return [found[name] for name in sorted(found)]


def _reported(kept: Replica, now: datetime) -> Emitter:
    status = ReplicaStatus(kept.status)
    running = status is ReplicaStatus.RUNNING and kept.heartbeat_at > now - limits.HEARTBEAT
    return Emitter(
        name=kept.name,
        reported=True,
        running=running,
        status=status,
        ready=kept.ready and running,
        cluster=kept.cluster,
        node=kept.node,
        conditions=tuple(kept.conditions),
        restarts=kept.restarts,
        cpu_millicores=kept.cpu_millicores,
        memory_mb=kept.memory_mb,
        started_at=kept.started_at,
        heartbeat_at=kept.heartbeat_at,
    )


def _inferred(name: str) -> Emitter:
    return Emitter(name=name, reported=False, running=True, status=ReplicaStatus.RUNNING, ready=True)


def _seen(stream: StreamRef, now: datetime) -> set[str]:
    """Who emitted a line in the last seconds, or, with a clock that is a little ahead, in the next."""
    since, until = (
        round(moment.timestamp() * 1_000_000) for moment in (now - limits.INFERRED_WITHIN, now + limits.INFERRED_WITHIN)
    )
    found: set[str] = set()
    for field, condition in sources.BY_FIELD:
        facets = store().facets(stream, Selection(since, until, condition), [field], limit=limits.REPLICAS_PER_STREAM)
        found |= {name for name, _ in facets.values[field]}
    return found
