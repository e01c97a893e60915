"""The shapes of replicas, lifecycle events and builds, in and out."""

import base64
import binascii
import re
from typing import Any

from rest_framework import serializers

from apps.accounts.serializers import Pattern, Text
from apps.lifecycle import limits
from apps.lifecycle.kinds import (
    BUILD_ENDS,
    BUILD_STATUSES,
    CONDITION_STATUSES,
    REPLICA_STATUSES,
    EventKind,
    ReplicaStatus,
    Severity,
)

_LARGEST_COUNT = 2**31 - 1
_LARGEST = 2**63 - 1
# Printable, and without a slash: they stand in paths.
REPLICA_NAME = re.compile(rf"[!-.0-~]{{1,{limits.REPLICA_CHARS}}}")
_ID = rf"^[!-.0-~]{{1,{limits.BUILD_ID_CHARS}}}\Z"
_Plain = serializers.Serializer[Any]
_KINDS = [one.value for one in EventKind]
_SEVERITIES = [one.value for one in Severity]


class Condition(_Plain):
    type = Text(max_length=63)
    status = serializers.ChoiceField(CONDITION_STATUSES)


class ReplicaInput(_Plain):
    """The whole state; what is not sent is unknown."""

    status = serializers.ChoiceField(REPLICA_STATUSES, default=ReplicaStatus.RUNNING.value)
    ready = serializers.BooleanField(required=False, help_text="If not sent: whether the status is running.")
    cluster = Text(max_length=253, allow_blank=True, required=False)
    node = Text(max_length=253, allow_blank=True, required=False)
    conditions = Condition(many=True, required=False, max_length=limits.CONDITIONS)  # type: ignore[call-arg]
    restarts = serializers.IntegerField(min_value=0, max_value=_LARGEST_COUNT, required=False)
    cpu_millicores = serializers.IntegerField(min_value=0, max_value=_LARGEST, allow_null=True, required=False)
    memory_mb = serializers.IntegerField(min_value=0, max_value=_LARGEST, allow_null=True, required=False)
    started_at = serializers.DateTimeField(
        allow_null=True, required=False, help_text="If not sent: when it was first reported."
    )


class ReplicaOutput(_Plain):
    id = serializers.CharField(source="name")
    reported = serializers.BooleanField(help_text="false: inferred from the lines of the last minute.")
    running = serializers.BooleanField()
    status = serializers.ChoiceField(REPLICA_STATUSES)
    ready = serializers.BooleanField()
    cluster = serializers.CharField()
    node = serializers.CharField()
    conditions = Condition(many=True)
    restarts = serializers.IntegerField()
    cpu_millicores = serializers.IntegerField(allow_null=True)
    memory_mb = serializers.IntegerField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    heartbeat_at = serializers.DateTimeField(allow_null=True)


class PageMeta(_Plain):
    has_more = serializers.BooleanField()


class ReplicaPage(_Plain):
    data = ReplicaOutput(many=True)  # type: ignore[assignment]
    meta = PageMeta()


class LifecycleEventInput(_Plain):
    reason = Text(max_length=limits.EVENT_REASON_CHARS)
    message = Text(max_length=limits.EVENT_MESSAGE_CHARS, allow_blank=True, required=False)
    kind = serializers.ChoiceField(_KINDS, required=False, help_text="If not sent: what the reason means.")
    severity = serializers.ChoiceField(_SEVERITIES, required=False, help_text="If not sent: what the kind suggests.")
    replica = Text(max_length=limits.REPLICA_CHARS, allow_blank=True, required=False)
    count = serializers.IntegerField(min_value=1, max_value=_LARGEST_COUNT, required=False)
    timestamp = serializers.DateTimeField(required=False, help_text="When it happened; now if not sent.")


class LifecycleEventOutput(_Plain):
    id = serializers.IntegerField(source="pk")
    change = serializers.IntegerField(help_text="Grows with every observation; pages on.")
    kind = serializers.ChoiceField(_KINDS)
    severity = serializers.ChoiceField(_SEVERITIES)
    reason = serializers.CharField()
    message = serializers.CharField()
    replica = serializers.CharField()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class LifecycleEventPage(_Plain):
    data = LifecycleEventOutput(many=True)  # type: ignore[assignment]
    meta = PageMeta()


class BuildInput(_Plain):
    build_id = Pattern(_ID)
    deploy_id = Pattern(_ID, help_text="Unique in the team.")


class BuildOutput(_Plain):
    id = serializers.IntegerField(source="pk")
    build_id = serializers.CharField()
    deploy_id = serializers.CharField()
    status = serializers.ChoiceField(BUILD_STATUSES)
    size = serializers.IntegerField(help_text="Bytes of the log so far.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class BuildPage(_Plain):
    data = BuildOutput(many=True)  # type: ignore[assignment]
    meta = PageMeta()


class Base64(Text):
    def to_internal_value(self, data: Any) -> bytes:  # type: ignore[override]
        text = super().to_internal_value(data)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise serializers.ValidationError("is not base64.") from error


class ChunkInput(_Plain):
    """A chunk as JSON; raw bytes take `offset` from the query string."""

    offset = serializers.IntegerField(min_value=0, max_value=limits.BUILD_BYTES)
    data = Base64(  # type: ignore[assignment]
        allow_blank=True, trim_whitespace=False, help_text=f"Base64 of at most {limits.CHUNK_BYTES} bytes."
    )
    timestamp = serializers.DateTimeField(required=False, help_text="When it was printed; now if not sent.")


class ChunkOutput(_Plain):
    size = serializers.IntegerField(help_text="Bytes of the log now: the offset of the next chunk.")
    duplicate = serializers.BooleanField(help_text="The bytes were there already.")


class FinishInput(_Plain):
    status = serializers.ChoiceField(BUILD_ENDS)
