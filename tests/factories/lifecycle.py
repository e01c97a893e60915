"""Replicas, lifecycle events and builds, made by the product's own services."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from apps.accounts.callers import PlanLimits
from apps.accounts.models import Plan
from apps.accounts.scope import maintenance, team_scope
from apps.lifecycle import builds, events, replicas
from apps.lifecycle.builds import Chunk
from apps.lifecycle.kinds import BuildStatus
from apps.lifecycle.models import BuildLog, LifecycleEvent
from apps.lifecycle.replicas import Emitter
from apps.streams.models import Stream


def settle_lifecycle(stream: Stream, replica: str, build: str) -> None:
    """One of everything."""
    report_replica(stream, replica)
    record_event(stream, reason="Started", replica=replica)
    make_build(stream, build, [b"step\n"])


def report_replica(stream: Stream, name: str, *, now: datetime | None = None, **state: Any) -> Emitter:
    with team_scope(stream.team_id):
        return replicas.report(stream, name, state, now=now or datetime.now(UTC))[0]


def record_event(stream: Stream, *, now: datetime | None = None, **told: Any) -> LifecycleEvent:
    with team_scope(stream.team_id):
        return events.record(stream, told, plan=plan_of(stream), now=now or datetime.now(UTC))[0]


def make_build(
    stream: Stream, build_id: str, chunks: Iterable[bytes] = (), *, deploy_id: str = "", now: datetime | None = None
) -> BuildLog:
    at = now or datetime.now(UTC)
    with team_scope(stream.team_id):
        build, _ = builds.begin(stream, build_id=build_id, deploy_id=deploy_id or f"deploy-{build_id}", now=at)
    for data in chunks:
        build = append_chunk(build, data, now=at)
    return build


def append_chunk(build: BuildLog, data: bytes, *, now: datetime | None = None) -> BuildLog:
    """At its end."""
    at = now or datetime.now(UTC)
    with team_scope(build.team_id):
        kept = BuildLog.objects.select_related("stream").get(pk=build.pk)
        builds.append(kept, Chunk(kept.size, at, data), now=at)
        return BuildLog.objects.select_related("stream").get(pk=build.pk)


def finish_build(build: BuildLog, status: BuildStatus = BuildStatus.SUCCEEDED) -> None:
    with team_scope(build.team_id):
        builds.finish(build, status, now=datetime.now(UTC))


def plan_of(stream: Stream) -> PlanLimits:
    with maintenance():
        return PlanLimits.of(Plan.objects.get(teams=stream.team_id))
