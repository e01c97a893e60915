"""Lifecycle events: recorded, coalesced, read and kept for as long as the plan says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.callers import PlanLimits
from apps.accounts.errors import RuleBroken
from apps.lifecycle import limits
from apps.lifecycle.changes import next_change
from apps.lifecycle.kinds import EventKind, Severity, kind_of, severity_of
from apps.lifecycle.models import LifecycleEvent
from apps.streams.models import Stream

_LARGEST_COUNT = 2**31 - 1  # of a 32-bit integer, which other systems have for it


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None: any."""

    severity: Severity | None = None
    replica: str | None = None
    since: datetime | None = None


def record(stream: Stream, told: Mapping[str, Any], *, plan: PlanLimits, now: datetime) -> tuple[LifecycleEvent, bool]:
    """The event, and whether it is new rather than one more of its kind. Raises RuleBroken: its time cannot be kept."""
    at: datetime = told.get("timestamp") or now
    _check_time(at, plan, now)
    kind = EventKind(told["kind"]) if told.get("kind") else kind_of(told["reason"])
    alike = {
        "kind": kind,
        "severity": told.get("severity") or severity_of(kind),
        "reason": told["reason"],
        "message": told.get("message", ""),
        "replica": told.get("replica", ""),
    }
    with transaction.atomic():
        change = next_change(stream)  # from here on nobody else adds one that is alike
        kept = _open_event(stream, alike, at)
        if kept is None:
            kept = LifecycleEvent(team_id=stream.team_id, stream=stream, count=0, first_at=at, last_at=at, **alike)
        is_new = kept.pk is None
        kept.change = change
        kept.count = min(kept.count + told.get("count", 1), _LARGEST_COUNT)
        kept.first_at, kept.last_at = min(kept.first_at, at), max(kept.last_at, at)
        kept.save()
        LifecycleEvent.objects.filter(stream=stream, change__lte=change - limits.EVENTS_PER_STREAM).delete()
    return kept, is_new


def newest(stream: Stream, wanted: Wanted, *, plan: PlanLimits, now: datetime) -> QuerySet[LifecycleEvent]:
    """Those that are still kept, the last observed first."""
    return _matching(stream.pk, wanted, plan, now).order_by("-change")


def between(
    stream_id: int, wanted: Wanted, *, after: int, upto: int, plan: PlanLimits, now: datetime
) -> Sequence[LifecycleEvent]:
    """Those whose last change lies in (after, upto], in the order of their changes."""
    return list(_matching(stream_id, wanted, plan, now).filter(change__gt=after, change__lte=upto).order_by("change"))


def _matching(stream_id: int, wanted: Wanted, plan: PlanLimits, now: datetime) -> QuerySet[LifecycleEvent]:
    edge = now - timedelta(hours=plan.lifecycle_event_hours)
    found = LifecycleEvent.objects.filter(stream_id=stream_id, last_at__gte=max(edge, wanted.since or edge))
    if wanted.severity is not None:
        found = found.filter(severity=wanted.severity)
    if wanted.replica is None:
        return found
    return found.none() if "\x00" in wanted.replica else found.filter(replica=wanted.replica)


def _open_event(stream: Stream, alike: Mapping[str, Any], at: datetime) -> LifecycleEvent | None:
    """The event that this one is a repetition of."""
    window = (at - limits.COALESCED_WITHIN, at + limits.COALESCED_WITHIN)
    found = LifecycleEvent.objects.filter(stream=stream, last_at__range=window, **alike)
    return found.order_by("-change").first()


def _check_time(at: datetime, plan: PlanLimits, now: datetime) -> None:
    if at > now + limits.FUTURE:
        raise RuleBroken("timestamp", "The timestamp lies more than a day in the future.")
    if at < now - timedelta(hours=plan.lifecycle_event_hours):
        raise RuleBroken("timestamp", f"The plan keeps lifecycle events for {plan.lifecycle_event_hours} hours.")
