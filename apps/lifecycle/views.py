"""Replicas, lifecycle events and builds over HTTP: reported by platforms and agents, read by people and tools."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import parsers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.schema import problems
from apps.http.parameters import flag, one_of, whole_number
from apps.http.parsing import JSONParser
from apps.http.problems import Problem, unprocessable
from apps.http.rendering import JSONRenderer
from apps.lifecycle import builds, events, limits, replicas, serializers
from apps.lifecycle.builds import Chunk
from apps.lifecycle.kinds import BuildStatus, Severity
from apps.lifecycle.models import BuildLog
from apps.streams.services import find_stream

BYTES = "application/octet-stream"
TEXT = "text/plain"
_LARGEST_ID = 2**63 - 1
_LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": limits.PAGE_MAX, "default": limits.PAGE}
)
_OFFSET = {"type": "integer", "minimum": 0, "maximum": limits.BUILD_BYTES}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": _LARGEST_ID}


class BytesParser(parsers.BaseParser):
    """The body as it is; its length is bounded by Django."""

    media_type = BYTES

    def parse(  # type: ignore[override]
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 (DRF's signature)
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        found: bytes = stream.read()
        return found


class TextRenderer(JSONRenderer):
    """Lets a client ask for plain text. What passes through it is errors, which are JSON."""

    media_type = TEXT
    format = "txt"


class LifecycleView(TeamView):
    """Base of the views that everybody reads and reporters write."""

    abilities: ClassVar = {
        "GET": Ability.STREAMS_READ,
        "POST": Ability.LIFECYCLE_WRITE,
        "PUT": Ability.LIFECYCLE_WRITE,
        "DELETE": Ability.LIFECYCLE_WRITE,
    }

    def limit(self, request: Request) -> int:
        return whole_number(request.query_params, "limit", default=limits.PAGE, low=1, high=limits.PAGE_MAX)

    def before(self, request: Request) -> int:
        return whole_number(request.query_params, "before", default=_LARGEST_ID, low=0, high=_LARGEST_ID)


def _page(shown: Any, *, has_more: bool) -> Response:
    return Response({"data": shown, "meta": {"has_more": has_more}})


class ReplicaList(LifecycleView):
    @extend_schema(
        operation_id="list_replicas",
        responses=serializers.ReplicaPage,
        parameters=[
            OpenApiParameter("running", bool, description="true: only those that run now."),
            OpenApiParameter("after", str, description="Replicas behind this id."),
            _LIMIT,
        ],
    )
    def get(self, request: Request, stream: str) -> Response:
        """By id."""
        limit, params = self.limit(request), request.query_params
        only_running, after = flag(params, "running"), params.get("after", "")
        found = replicas.emitters(find_stream(stream), now=timezone.now())
        behind = [one for one in found if one.name > after and (one.running or not only_running)]
        shown = serializers.ReplicaOutput(behind[:limit], many=True).data
        return _page(shown, has_more=len(behind) > limit)


class ReplicaDetail(LifecycleView):
    @extend_schema(
        operation_id="report_replica",
        request=serializers.ReplicaInput,
        responses={200: serializers.ReplicaOutput, 201: serializers.ReplicaOutput},
    )
    def put(self, request: Request, stream: str, replica: str) -> Response:
        """A heartbeat, with the whole state."""
        found = find_stream(stream)
        if not serializers.REPLICA_NAME.fullmatch(replica):
            raise unprocessable(replica=f"replica must be 1 to {limits.REPLICA_CHARS} printable ASCII characters.")
        given = serializers.ReplicaInput(data=request.data)
        given.is_valid(raise_exception=True)
        kept, is_new = replicas.report(found, replica, given.validated_data, now=timezone.now())
        return Response(serializers.ReplicaOutput(kept).data, status=201 if is_new else 200)

    @extend_schema(operation_id="withdraw_replica", responses={204: None})
    def delete(self, request: Request, stream: str, replica: str) -> Response:  # noqa: ARG002 (Django's signature)
        replicas.withdraw(find_stream(stream), replica)
        return Response(status=204)


class LifecycleEventList(LifecycleView):
    @extend_schema(
        operation_id="list_lifecycle_events",
        responses=serializers.LifecycleEventPage,
        parameters=[
            OpenApiParameter("severity", str, enum=[one.value for one in Severity]),
            OpenApiParameter("replica", str),
            OpenApiParameter("since", _NUMBER, description="Unix time in ms of the last observation."),
            OpenApiParameter("before", _NUMBER, description="Events whose `change` is below this."),
            _LIMIT,
        ],
    )
    def get(self, request: Request, stream: str) -> Response:
        """The last observed first, as long as the plan keeps them."""
        params, limit, before = request.query_params, self.limit(request), self.before(request)
        wanted = events.Wanted(one_of(params, "severity", Severity), params.get("replica"), _since(params))
        asked = events.newest(find_stream(stream), wanted, plan=self.caller.plan, now=timezone.now())
        found = list(asked.filter(change__lt=before)[: limit + 1])
        shown = serializers.LifecycleEventOutput(found[:limit], many=True).data
        return _page(shown, has_more=len(found) > limit)

    @extend_schema(
        operation_id="record_lifecycle_event",
        request=serializers.LifecycleEventInput,
        responses={200: serializers.LifecycleEventOutput, 201: serializers.LifecycleEventOutput},
    )
    def post(self, request: Request, stream: str) -> Response:
        """201 for a new one; 200 where it was counted: the same happened within the last ten minutes."""
        found = find_stream(stream)
        given = serializers.LifecycleEventInput(data=request.data)
        given.is_valid(raise_exception=True)
        kept, is_new = events.record(found, given.validated_data, plan=self.caller.plan, now=timezone.now())
        return Response(serializers.LifecycleEventOutput(kept).data, status=201 if is_new else 200)


class BuildList(LifecycleView):
    @extend_schema(
        operation_id="list_builds",
        responses=serializers.BuildPage,
        parameters=[OpenApiParameter("before", _NUMBER, description="Builds whose `id` is below this."), _LIMIT],
    )
    def get(self, request: Request, stream: str) -> Response:
        """The newest first, as long as the plan keeps them."""
        limit, before = self.limit(request), self.before(request)
        asked = builds.newest(find_stream(stream), plan=self.caller.plan, now=timezone.now())
        found = list(asked.filter(pk__lt=before)[: limit + 1])
        shown = serializers.BuildOutput(found[:limit], many=True).data
        return _page(shown, has_more=len(found) > limit)

    @extend_schema(
        operation_id="begin_build",
        request=serializers.BuildInput,
        responses={200: serializers.BuildOutput, 201: serializers.BuildOutput},
    )
    def post(self, request: Request, stream: str) -> Response:
        """201 for a new one; 200 where it had begun already."""
        found = find_stream(stream)
        given = serializers.BuildInput(data=request.data)
        given.is_valid(raise_exception=True)
        kept, is_new = builds.begin(found, **given.validated_data, now=timezone.now())
        return Response(serializers.BuildOutput(kept).data, status=201 if is_new else 200)


class BuildView(LifecycleView):
    def build(self, stream: str, build: str) -> BuildLog:
        return builds.find(find_stream(stream), build, plan=self.caller.plan, now=timezone.now())


class BuildDetail(BuildView):
    @extend_schema(operation_id="get_build", responses=serializers.BuildOutput)
    def get(self, request: Request, stream: str, build: str) -> Response:  # noqa: ARG002 (Django's signature)
        return Response(serializers.BuildOutput(self.build(stream, build)).data)


class BuildChunks(BuildView):
    parser_classes = (JSONParser, BytesParser)

    @extend_schema(
        operation_id="append_build_chunk",
        request={"application/json": serializers.ChunkInput, BYTES: OpenApiTypes.BINARY},
        responses=serializers.ChunkOutput,
        parameters=[OpenApiParameter("offset", _OFFSET, description="With raw bytes: where the chunk begins.")],
    )
    def post(self, request: Request, stream: str, build: str) -> Response:
        """Appends at `offset`, which is the log's size; the same bytes at the same place again change nothing."""
        found, now = self.build(stream, build), timezone.now()
        kept, is_repetition = builds.append(found, _chunk(request, now), now=now)
        return Response({"size": kept.size, "duplicate": is_repetition})


class BuildFinish(BuildView):
    @extend_schema(operation_id="finish_build", request=serializers.FinishInput, responses=serializers.BuildOutput)
    def post(self, request: Request, stream: str, build: str) -> Response:
        found = self.build(stream, build)
        given = serializers.FinishInput(data=request.data)
        given.is_valid(raise_exception=True)
        finished = builds.finish(found, BuildStatus(given.validated_data["status"]), now=timezone.now())
        return Response(serializers.BuildOutput(finished).data)


class BuildLogText(BuildView):
    # JSON too, for clients that ask for it everywhere, and for errors.
    renderer_classes = (TextRenderer, JSONRenderer)

    @extend_schema(
        operation_id="get_build_log",
        responses={(200, TEXT): OpenApiTypes.STR, **problems(422)},
        parameters=[
            OpenApiParameter("offset", _OFFSET, description="The byte to begin with."),
            OpenApiParameter("format", exclude=True),
        ],
    )
    def get(self, request: Request, stream: str, build: str) -> HttpResponse:
        """The bytes as they came, so far; `.../follow` sends them as they come."""
        params, found = request.query_params, self.build(stream, build)
        offset = whole_number(params, "offset", default=0, low=0, high=limits.BUILD_BYTES)
        return HttpResponse(builds.whole(found)[offset:], content_type=f"{TEXT}; charset=utf-8")


def _chunk(request: Request, now: datetime) -> Chunk:
    body: Any = request.data
    if (request.content_type or "").partition(";")[0].strip().lower() == BYTES:
        at, data = now, body if isinstance(body, bytes) else b""  # DRF parses no empty body
        offset = whole_number(request.query_params, "offset", default=-1, low=0, high=limits.BUILD_BYTES)
        if offset < 0:
            raise unprocessable(offset="Say where the chunk begins: ?offset=<bytes sent before>.")
    else:
        given = serializers.ChunkInput(data=body)
        given.is_valid(raise_exception=True)
        told = given.validated_data
        at, data, offset = told.get("timestamp", now), told["data"] or b"", told["offset"]
    if len(data) > limits.CHUNK_BYTES:
        raise Problem(413, f"A chunk has at most {limits.CHUNK_BYTES} bytes.")
    return Chunk(offset, at, data)


def _since(params: Mapping[str, str]) -> datetime | None:
    if "since" not in params:
        return None
    millis = whole_number(params, "since", default=0, low=0, high=_LARGEST_ID)
    # Beyond the calendar nothing was observed.
    return datetime.fromtimestamp(min(millis / 1000, 253_402_300_799), UTC)
