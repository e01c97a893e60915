"""LifecycleHead, Replica, LifecycleEvent, BuildLog, BuildChunk."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.accounts.models import Team
from apps.lifecycle import limits
from apps.lifecycle.kinds import BuildStatus, ReplicaStatus
from apps.streams.models import Stream


class LifecycleHead(models.Model):
    """A stream's counter of changes. Who writes events or chunks holds its row until the commit: so a reader that sees
    change n sees every change below it."""

    team_isolated = True

    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, primary_key=True, related_name="lifecycle_head")
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    last_change = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.last_change}"


class Replica(models.Model):
    """A running emitter of a stream, as its last heartbeat told."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="replicas")
    name = models.CharField(max_length=limits.REPLICA_CHARS)
    status = models.CharField(max_length=12, choices=[(one.value, one.value) for one in ReplicaStatus])
    ready = models.BooleanField()
    cluster = models.CharField(max_length=253, blank=True)
    node = models.CharField(max_length=253, blank=True)
    conditions = models.JSONField(default=list)  # [{"type", "status"}, ...] in the order that was sent
    restarts = models.PositiveIntegerField(default=0)
    cpu_millicores = models.BigIntegerField(null=True, blank=True)
    memory_mb = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["stream", "name"], name="one_replica_per_name")]
        # The sweep looks for those that are long gone.
        indexes: ClassVar = [models.Index(fields=["heartbeat_at"], name="replicas_by_heartbeat")]

    def __str__(self) -> str:
        return self.name


class LifecycleEvent(models.Model):
    """What the platform saw happen to an emitter; the same thing again within minutes is counted, not added."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="lifecycle_events")
    change = models.BigIntegerField()  # the newest of the stream's changes that this event had a part in
    kind = models.CharField(max_length=20)
    severity = models.CharField(max_length=8)
    reason = models.CharField(max_length=limits.EVENT_REASON_CHARS)
    message = models.CharField(max_length=limits.EVENT_MESSAGE_CHARS, blank=True)
    replica = models.CharField(max_length=limits.REPLICA_CHARS, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["stream", "change"], name="one_event_per_change")]
        indexes: ClassVar = [
            models.Index(fields=["stream", "reason", "replica"], name="events_that_are_alike"),
            models.Index(fields=["last_at"], name="lifecycle_events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.replica}"


class BuildLog(models.Model):
    """The log of one build: bytes, not lines. It grows until the build is finished."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="builds")
    build_id = models.CharField(max_length=limits.BUILD_ID_CHARS)
    deploy_id = models.CharField(max_length=limits.BUILD_ID_CHARS)
    status = models.CharField(max_length=10, choices=[(one.value, one.value) for one in BuildStatus])
    size = models.PositiveIntegerField(default=0)  # bytes
    chunks = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stream", "build_id"], name="one_build_per_id"),
            models.UniqueConstraint(fields=["team", "deploy_id"], name="one_build_per_deploy_id"),
        ]
        indexes: ClassVar = [models.Index(fields=["updated_at"], name="builds_by_age")]

    def __str__(self) -> str:
        return self.build_id


class BuildChunk(models.Model):
    """Bytes of a build log as they came."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    build = models.ForeignKey(BuildLog, on_delete=models.CASCADE, related_name="kept_chunks")
    start = models.PositiveIntegerField()  # of its first byte
    at = models.DateTimeField()
    data = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["build", "start"], name="one_chunk_per_place")]

    def __str__(self) -> str:
        return f"{self.build_id} from {self.start}"
