"""Stream, SigningKey, IngestToken, Usage."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from tailsvc.storage.base import StreamRef


class Stream(models.Model):
    """A team's named sequence of events. The events themselves are the engine's; it knows the stream by its id."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="streams")
    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    slug = models.SlugField(unique=True, max_length=80)
    description = models.CharField(max_length=1000, blank=True)
    retention_hours = models.PositiveIntegerField(null=True, blank=True)  # None: as long as the plan allows
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "name"], condition=Q(deleted_at__isnull=True), name="one_live_stream_per_name"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["team", "id"], name="streams_of_a_team"),
            # The purge looks for what was deleted long enough ago.
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="streams_to_purge"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> StreamRef:
        return StreamRef(self.pk, self.team_id)

    def retention(self, plan_hours: int) -> timedelta:
        """How long events live: the stream's own wish, never more than the plan allows."""
        return timedelta(hours=min(self.retention_hours or plan_hours, plan_hours))


class SigningKey(models.Model):
    """A secret that signs ingest tokens. The newest signs; older ones verify until they are removed."""

    kid = models.CharField(max_length=32, unique=True)
    secret = models.BinaryField(max_length=64)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.kid


class IngestToken(models.Model):
    """A JWT that was issued for a stream. Its text is not kept: the claims and the key make it again."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="ingest_tokens")
    jti = models.UUIDField(unique=True, default=uuid.uuid4)
    kid = models.CharField(max_length=32)
    issued_at = models.DateTimeField()  # whole seconds, as the claim has them
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.jti)


class Usage(models.Model):
    """What came in, by stream, token and day (UTC)."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE)
    jti = models.UUIDField()
    day = models.DateField()
    requests = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "stream", "jti", "day"], name="one_usage_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.stream_id} {self.day}"
