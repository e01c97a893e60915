"""What the collector saw, told to the rest of the product: statuses, replicas, lifecycle events. In threads."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.utils import timezone

from apps.accounts.callers import PlanLimits
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.lifecycle import events, replicas
from apps.lifecycle.kinds import EventKind
from apps.lifecycle.models import LifecycleEvent
from apps.objects.services import set_status
from apps.streams.models import Stream
from tailsvc.collect.happenings import Happening
from tailsvc.collect.statuses import Status, is_same_but_lines
from tailsvc.objects.kinds import Document
from tailsvc.objects.podlogstream import PODLOGSTREAM
from tailsvc.storage.base import StreamRef

MANAGER = "tailsvc-collector"
# States are news at once; counts now and then, and of all objects together not more often than this: each is a write.
LINES_EVERY_SECONDS = 5.0
LINES_APART_SECONDS = 0.5
# A third of the time after which a replica that nobody heard of counts as not running.
REPLICA_EVERY_SECONDS = 20.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Statuses:
    """Of PodLogStreams; written only where they differ from what stands there."""

    _written: dict[tuple[int, str], float] = field(default_factory=dict)

    def is_news(self, team_id: int, declared: Document, status: Status) -> bool:
        stands = declared.get("status") or {}
        if stands == status:
            return False
        written = self._written.get((team_id, declared["metadata"]["name"]), 0.0)
        every = max(LINES_EVERY_SECONDS, LINES_APART_SECONDS * len(self._written))
        return not is_same_but_lines(stands, status) or time.monotonic() - written >= every

    def write(self, team_id: int, declared: Document, status: Status) -> None:
        name, uid = declared["metadata"]["name"], declared["metadata"]["uid"]
        with team_scope(team_id):
            set_status(PODLOGSTREAM.plural, name, lambda _: status, manager=MANAGER, now=timezone.now(), uid=uid)
        self._written[team_id, name] = time.monotonic()


@dataclass(slots=True)
class Replicas:
    _told: dict[tuple[StreamRef, str], tuple[Mapping[str, Any], float]] = field(default_factory=dict)

    def is_news(self, stream: StreamRef, pod: str, state: Mapping[str, Any]) -> bool:
        told, at = self._told.get((stream, pod), ({}, 0.0))
        return told != state or time.monotonic() - at >= REPLICA_EVERY_SECONDS

    def tell(self, stream: StreamRef, pod: str, state: Mapping[str, Any]) -> None:
        with team_scope(stream.team_id):
            try:
                replicas.report(Stream.objects.get(pk=stream.stream_id), pod, state, now=timezone.now())
            except (RuleBroken, Stream.DoesNotExist) as error:
                _log.info("a replica is not told", pod=pod, error=str(error))
        self._told[stream, pod] = (state, time.monotonic())

    def known(self) -> set[tuple[StreamRef, str]]:
        return set(self._told)

    def withdraw(self, stream: StreamRef, pod: str) -> None:
        """The pod is gone. One that ended, well or not, stays to be seen."""
        state, _ = self._told.pop((stream, pod))
        if state["status"] in {"succeeded", "failed"}:
            return
        with team_scope(stream.team_id), suppress(NotThere, Stream.DoesNotExist):
            replicas.withdraw(Stream.objects.get(pk=stream.stream_id), pod)


@dataclass(slots=True)
class Happenings:
    """Each is recorded once, though clusters tell them again and again, and the collector may start anew."""

    _counts: dict[tuple[StreamRef, str, str], int] = field(default_factory=dict)

    def fresh(self, stream: StreamRef, pod: str, found: Happening) -> int:
        """How many times it happened since it was recorded last."""
        return found.count - self._counts.get((stream, pod, found.key), 0)

    def record(self, stream: StreamRef, pod: str, found: Happening) -> None:
        with team_scope(stream.team_id):
            kept = Stream.objects.filter(pk=stream.stream_id).first()
            if kept is not None and not self._is_known(kept, pod, found):
                self._record(kept, pod, found)
        self._counts[stream, pod, found.key] = found.count

    def forget(self, stream: StreamRef, pod: str) -> None:
        for key in [key for key in self._counts if key[:2] == (stream, pod)]:
            del self._counts[key]

    def _is_known(self, stream: Stream, pod: str, found: Happening) -> bool:
        """By the collector that ran before this one."""
        if found.at is None or (stream.ref, pod, found.key) in self._counts:
            return False
        alike = LifecycleEvent.objects.filter(stream=stream, replica=pod, reason=found.reason, message=found.message)
        return alike.filter(last_at__gte=found.at).exists()

    def _record(self, stream: Stream, pod: str, found: Happening) -> None:
        now = timezone.now()
        told: dict[str, Any] = {"reason": found.reason, "message": found.message, "replica": pod}
        told["count"] = self.fresh(stream.ref, pod, found)
        if found.at is not None:
            told["timestamp"] = found.at
        if found.is_crash:
            told["kind"] = EventKind.CRASHED.value
        plan = PlanLimits.of(Team.objects.select_related("plan").get(pk=stream.team_id).plan)
        try:
            events.record(stream, told, plan=plan, now=now)
        except RuleBroken as error:  # it is older than the plan keeps events
            _log.debug("a happening is not recorded", pod=pod, error=str(error))
