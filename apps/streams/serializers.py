"""The shapes of streams and ingest tokens, in and out."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.serializers import Text
from apps.streams import ingest_tokens
from apps.streams.models import IngestToken, Stream

RETENTION_HOURS_MAX = 10 * 366 * 24
NAME_CHARS = 255


class StreamInput(serializers.Serializer[Stream]):
    name = Text(max_length=NAME_CHARS)
    description = Text(max_length=1000, allow_blank=True, required=False)
    retention_hours = serializers.IntegerField(
        min_value=1, max_value=RETENTION_HOURS_MAX, allow_null=True, required=False
    )


class RestoreInput(serializers.Serializer[Stream]):
    name = Text(max_length=NAME_CHARS, required=False, help_text="Where the old name is taken.")


class IngestTokenInput(serializers.Serializer[IngestToken]):
    ttl = serializers.IntegerField(
        min_value=1,
        max_value=ingest_tokens.TTL_SECONDS_MAX,
        default=ingest_tokens.DEFAULT_TTL_SECONDS,
        help_text="Seconds that the token lives.",
    )


class IngestOutput(serializers.Serializer[Any]):
    endpoint = serializers.URLField()
    token = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class StreamSummary(serializers.ModelSerializer[Stream]):
    """A stream in a list: without its token."""

    stream_id = serializers.UUIDField(source="uuid")
    stream_setup = serializers.SerializerMethodField()

    class Meta:
        model = Stream
        fields = (
            "id",
            "uuid",
            "stream_id",
            "name",
            "slug",
            "description",
            "stream_setup",
            "team_id",
            "retention_hours",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_stream_setup(self, stream: Stream) -> bool:
        return bool(self.context["has_events"][stream.pk])


class StreamOutput(StreamSummary):
    ingest = serializers.SerializerMethodField()

    class Meta(StreamSummary.Meta):
        fields = (*StreamSummary.Meta.fields, "ingest")  # type: ignore[assignment]

    @extend_schema_field(IngestOutput)
    def get_ingest(self, stream: Stream) -> IngestOutput:
        issued: ingest_tokens.IssuedToken | None = self.context["ingest_token"]
        return {  # type: ignore[return-value]
            "endpoint": ingest_endpoint(stream),
            "token": issued.token if issued else None,
            "expires_at": issued.expires_at if issued else None,
        }


class StreamPageMeta(serializers.Serializer[Any]):
    has_more = serializers.BooleanField()
    total = serializers.IntegerField(help_text="All of the team's streams.")


class NextPage(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)


class StreamPage(serializers.Serializer[Any]):
    data = StreamSummary(many=True)  # type: ignore[assignment]
    meta = StreamPageMeta()
    links = NextPage()


class IssuedTokenOutput(serializers.Serializer[Any]):
    token = serializers.CharField()
    jti = serializers.UUIDField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class IngestTokenOutput(serializers.ModelSerializer[IngestToken]):
    class Meta:
        model = IngestToken
        fields = read_only_fields = ("jti", "issued_at", "expires_at")


class IngestTokenListOutput(serializers.Serializer[Any]):
    data = IngestTokenOutput(many=True)  # type: ignore[assignment]


class UserStreamOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    stream_id = serializers.UUIDField()
    description = serializers.CharField()


class UserStreamsOutput(serializers.Serializer[Any]):
    streams = UserStreamOutput(many=True)


class PlanLimitsOutput(serializers.Serializer[Any]):
    max_streams = serializers.IntegerField(allow_null=True)
    retention_hours = serializers.IntegerField()


class PlanUsageOutput(serializers.Serializer[Any]):
    streams = serializers.IntegerField()


class PlanPermissionsOutput(serializers.Serializer[Any]):
    can_create_streams = serializers.BooleanField()


class UserPlanOutput(serializers.Serializer[Any]):
    plan_name = serializers.CharField()
    limits = PlanLimitsOutput()
    current_usage = PlanUsageOutput()
    permissions = PlanPermissionsOutput()


def ingest_endpoint(stream: Stream) -> str:
    return f"{settings.PUBLIC_URL}/api/ingest/{stream.uuid}"
