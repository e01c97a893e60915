"""Streams and their ingest tokens over HTTP."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.models import Team
from apps.http.parameters import whole_number
from apps.http.problems import not_found
from apps.streams import ingest_tokens, services
from apps.streams.models import IngestToken, Stream
from apps.streams.serializers import (
    IngestTokenInput,
    IngestTokenListOutput,
    IngestTokenOutput,
    IssuedTokenOutput,
    RestoreInput,
    StreamInput,
    StreamOutput,
    StreamPage,
    StreamSummary,
    UserPlanOutput,
    UserStreamsOutput,
)

PAGE_STREAMS = 100
PAGE_STREAMS_MAX = 500
_AFTER = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": PAGE_STREAMS_MAX, "default": PAGE_STREAMS}


class StreamView(TeamView):
    """Base of the views below /api/streams/{stream}."""

    def stream(self, address: str) -> Stream:
        return services.find_stream(address)

    def render(self, stream: Stream, **kwargs: Any) -> Response:
        """The seed's stream object. Who may not write gets no token to write with."""
        newest = None
        if Ability.STREAMS_ISSUE_TOKEN in self.caller.abilities or Ability.STREAMS_CREATE in self.caller.abilities:
            token = ingest_tokens.live(stream, timezone.now()).first()
            newest = ingest_tokens.text_of(token, stream) if token else None
        context = {"has_events": services.has_events([stream]), "ingest_token": newest}
        return Response(StreamOutput(stream, context=context).data, **kwargs)


class StreamList(StreamView):
    abilities: ClassVar = {"GET": Ability.STREAMS_READ, "POST": Ability.STREAMS_CREATE}

    @extend_schema(
        operation_id="list_streams",
        responses=StreamPage,
        parameters=[
            OpenApiParameter("after", _AFTER, description="Streams with a greater id than this."),
            OpenApiParameter("limit", _LIMIT),
        ],
    )
    def get(self, request: Request) -> Response:
        after = whole_number(request.query_params, "after", default=0, low=0, high=2**63 - 1)
        limit = whole_number(request.query_params, "limit", default=PAGE_STREAMS, low=1, high=PAGE_STREAMS_MAX)
        found = list(Stream.objects.filter(deleted_at__isnull=True, pk__gt=after).order_by("pk")[: limit + 1])
        streams, has_more = found[:limit], len(found) > limit
        context = {"has_events": services.has_events(streams)}
        following = f"{settings.PUBLIC_URL}/api/streams?after={streams[-1].pk}&limit={limit}" if has_more else None
        return Response(
            {
                "data": StreamSummary(streams, many=True, context=context).data,
                "meta": {"has_more": has_more, "total": services.live_stream_count()},
                "links": {"next": following},
            }
        )

    @extend_schema(operation_id="create_stream", request=StreamInput, responses={201: StreamOutput})
    def post(self, request: Request) -> Response:
        given = StreamInput(data=request.data)
        given.is_valid(raise_exception=True)
        stream = services.create_stream(
            team=Team.objects.get(),
            plan=self.caller.plan,
            actor=self.caller.email,
            now=timezone.now(),
            **given.validated_data,
        )
        return self.render(stream, status=201)


class StreamDetail(StreamView):
    abilities: ClassVar = {
        "GET": Ability.STREAMS_READ,
        "PATCH": Ability.STREAMS_UPDATE,
        "DELETE": Ability.STREAMS_DELETE,
    }

    @extend_schema(operation_id="get_stream", responses=StreamOutput)
    def get(self, request: Request, stream: str) -> Response:  # noqa: ARG002 (Django's signature)
        return self.render(self.stream(stream))

    @extend_schema(operation_id="update_stream", request=StreamInput(partial=True), responses=StreamOutput)
    def patch(self, request: Request, stream: str) -> Response:
        found = self.stream(stream)
        given = StreamInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = services.update_stream(
            found, changes=given.validated_data, plan=self.caller.plan, actor=self.caller.email, now=timezone.now()
        )
        return self.render(changed)

    @extend_schema(operation_id="delete_stream", responses={204: None})
    def delete(self, request: Request, stream: str) -> Response:  # noqa: ARG002
        services.delete_stream(self.stream(stream), actor=self.caller.email, now=timezone.now())
        return Response(status=204)


class StreamRestore(StreamView):
    ability = Ability.STREAMS_DELETE

    @extend_schema(operation_id="restore_stream", request=RestoreInput, responses=StreamOutput)
    def post(self, request: Request, stream: str) -> Response:
        found = services.find_stream(stream, deleted=True)
        given = RestoreInput(data=request.data)
        given.is_valid(raise_exception=True)
        restored = services.restore_stream(
            found,
            name=given.validated_data.get("name"),
            plan=self.caller.plan,
            actor=self.caller.email,
            now=timezone.now(),
        )
        return self.render(restored)


class StreamIngestToken(StreamView):
    ability = Ability.STREAMS_ISSUE_TOKEN

    @extend_schema(operation_id="issue_ingest_token", request=IngestTokenInput, responses=IssuedTokenOutput)
    def post(self, request: Request, stream: str) -> Response:
        found = self.stream(stream)
        given = IngestTokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        issued = ingest_tokens.issue(
            stream=found, ttl=given.validated_data["ttl"], actor=self.caller.email, now=timezone.now()
        )
        return Response(IssuedTokenOutput(issued).data)


class StreamIngestTokenList(StreamView):
    ability = Ability.STREAMS_ISSUE_TOKEN

    @extend_schema(operation_id="list_ingest_tokens", responses=IngestTokenListOutput)
    def get(self, request: Request, stream: str) -> Response:  # noqa: ARG002
        tokens = ingest_tokens.live(self.stream(stream), timezone.now())
        return Response({"data": IngestTokenOutput(tokens, many=True).data})


class StreamIngestTokenDetail(StreamView):
    ability = Ability.STREAMS_ISSUE_TOKEN

    @extend_schema(operation_id="revoke_ingest_token", responses={204: None})
    def delete(self, request: Request, stream: str, jti: str) -> Response:  # noqa: ARG002
        token = IngestToken.objects.filter(stream=self.stream(stream), jti=jti, revoked_at__isnull=True).first()
        if token is None:
            raise not_found("ingest token")
        ingest_tokens.revoke(token=token, actor=self.caller.email, now=timezone.now())
        return Response(status=204)


class UserStreams(TeamView):
    """What the Tailstream agent and client list."""

    ability = Ability.STREAMS_READ

    @extend_schema(operation_id="list_user_streams", responses=UserStreamsOutput)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        streams = Stream.objects.filter(deleted_at__isnull=True).order_by("pk")
        return Response(
            {
                "streams": [
                    {"id": one.pk, "name": one.name, "stream_id": str(one.uuid), "description": one.description}
                    for one in streams
                ]
            }
        )


class UserPlan(TeamView):
    """What the Tailstream agent asks before it creates a stream."""

    ability = Ability.STREAMS_READ

    @extend_schema(operation_id="get_user_plan", responses=UserPlanOutput)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        plan, streams = self.caller.plan, services.live_stream_count()
        has_room = plan.max_streams is None or streams < plan.max_streams
        return Response(
            {
                "plan_name": plan.name,
                "limits": {"max_streams": plan.max_streams, "retention_hours": plan.retention_hours},
                "current_usage": {"streams": streams},
                "permissions": {"can_create_streams": has_room and Ability.STREAMS_CREATE in self.caller.abilities},
            }
        )
