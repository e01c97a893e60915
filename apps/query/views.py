"""Reading a stream's logs over HTTP, and deleting them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.schema import problems
from apps.http.problems import not_found
from apps.http.rendering import JSONRenderer
from apps.query import deletions, exports, serializers, services
from apps.query.questions import read_after, read_deletion, read_walk, whole_number
from apps.query.reads import Read, read_facets, read_histogram, read_logs
from apps.query.rendering import NDJSON, NdjsonRenderer, render_event, render_notes
from apps.query.throttling import count_request
from apps.query.walks import Asked
from apps.streams.services import find_stream
from tailsvc import limits
from tailsvc.queries import Direction, Split

_CONTEXT_DEFAULT = 10
_LARGEST_ID = 2**63 - 1
_MILLIS = {"type": "integer", "minimum": 0, "maximum": limits.LATEST_MICROS // 1000}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": limits.PAGE_EVENTS, "default": limits.PAGE_EVENTS_DEFAULT}
_BESIDE = {"type": "integer", "minimum": 0, "maximum": limits.CONTEXT_EVENTS, "default": _CONTEXT_DEFAULT}
_INTERVAL = {"type": "integer", "minimum": 1, "maximum": limits.LATEST_MICROS // 1000}
_VALUES = {"type": "integer", "minimum": 1, "maximum": limits.FACET_VALUES, "default": limits.FACET_VALUES_DEFAULT}
_FILTERS = OpenApiParameter("filters", str, description="JSON array of clauses {field, operator, value}.")
_QUERY = OpenApiParameter("query", str, description="In the query language; holds together with `filters`.")
_MATCHES = [
    OpenApiParameter("start_time", _MILLIS, description="Unix time in ms, inclusive; as far back as logs are kept."),
    OpenApiParameter("end_time", _MILLIS, description="Unix time in ms, inclusive; now if not given."),
    _FILTERS,
    _QUERY,
    OpenApiParameter("strict", bool, description="Refuse what would be ignored."),
]
_DIRECTIONS = [direction.value for direction in Direction]


class QueryView(TeamView):
    """Base of what reads events: counts the request against the token's rate."""

    ability = Ability.STREAMS_READ

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.rate_headers = count_request(self.caller)

    def asked(self, address: str) -> Asked:
        return Asked.of(find_stream(address), self.caller.plan)

    def read(self, read: Read, request: Request, address: str) -> Response:
        """What the short cut (`asgi`) answers to most clients."""
        reply = read(self.asked(address), request.query_params, timezone.now())
        return self.reply(reply.data, headers=reply.headers)

    def reply(self, data: dict[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        return Response(data, status=status, headers={**self.rate_headers, **(headers or {})})


class LogList(QueryView):
    abilities: ClassVar = {"GET": Ability.STREAMS_READ, "DELETE": Ability.LOGS_DELETE}

    @extend_schema(
        operation_id="logs_list",
        responses={200: serializers.LogPage, **problems(400, 410, 429)},
        parameters=[
            OpenApiParameter("start_time", _MILLIS, description="Unix time in ms, inclusive. Neither end: tail mode."),
            OpenApiParameter("end_time", _MILLIS, description="Unix time in ms, inclusive; now if not given."),
            OpenApiParameter("limit", _LIMIT),
            OpenApiParameter("cursor", str, description="`meta.next_cursor` of the page before; suffices alone."),
            OpenApiParameter("direction", str, enum=_DIRECTIONS, description="desc, newest first, if not given."),
            _FILTERS,
            _QUERY,
            OpenApiParameter("strict", bool, description="Refuse what would be ignored."),
            OpenApiParameter("total", bool, description="false: do not count."),
        ],
    )
    def get(self, request: Request, stream: str) -> Response:
        return self.read(read_logs, request, stream)

    @extend_schema(
        operation_id="logs_delete",
        responses={202: serializers.DeletionAnswer, **problems(429)},
        parameters=[
            OpenApiParameter("start_time", _MILLIS, description="Unix time in ms, inclusive."),
            OpenApiParameter(
                "end_time", _MILLIS, description="Unix time in ms, inclusive; now if only a start is given."
            ),
            _FILTERS,
            _QUERY,
            OpenApiParameter("strict", bool, description="Always true: what a query would ignore is refused."),
            OpenApiParameter("all", bool, description="true: everything; goes without the others."),
        ],
    )
    def delete(self, request: Request, stream: str) -> Response:
        asked = self.asked(stream)
        question = read_deletion(dict(request.query_params.lists()))
        done = deletions.delete_events(asked, question, actor=self.caller.email, now=timezone.now())
        told = {"deleted": done.count, "start_time": done.start_ms, "end_time": done.end_ms, "last_id": done.last_id}
        return self.reply({"data": told, "meta": render_notes((), done.incomplete)}, status=202)


class LogDetail(QueryView):
    @extend_schema(operation_id="logs_get", responses={200: serializers.LogDetail, **problems(429)})
    def get(self, request: Request, stream: str, event: int) -> Response:  # noqa: ARG002 (Django's signature)
        found = services.get_event(self.asked(stream), event, now=timezone.now()) if event <= _LARGEST_ID else None
        if found is None:
            raise not_found("event")
        return self.reply({"data": render_event(found)})


class LogContext(QueryView):
    @extend_schema(
        operation_id="logs_context",
        responses={200: serializers.LogContext, **problems(429)},
        parameters=[
            OpenApiParameter("before", _BESIDE, description="How many events before it."),
            OpenApiParameter("after", _BESIDE, description="How many events after it."),
        ],
    )
    def get(self, request: Request, stream: str, event: int) -> Response:
        now, asked = timezone.now(), self.asked(stream)
        sizes = {
            name: _CONTEXT_DEFAULT if (size := self._size(request, name)) is None else size
            for name in ("before", "after")
        }
        found = services.get_event(asked, event, now=now) if event <= _LARGEST_ID else None
        if found is None:
            raise not_found("event")
        around = services.surroundings(asked, found, now=now, **sizes)
        data = {
            "before": [render_event(one) for one in around.before],
            "event": render_event(found),
            "after": [render_event(one) for one in around.after],
        }
        return self.reply({"data": data, "meta": render_notes((), around.incomplete)})

    def _size(self, request: Request, name: str) -> int | None:
        return whole_number(request.query_params, name, low=0, high=limits.CONTEXT_EVENTS)


class LogHistogram(QueryView):
    @extend_schema(
        operation_id="logs_histogram",
        responses={200: serializers.HistogramAnswer, **problems(429)},
        parameters=[
            OpenApiParameter("interval", _INTERVAL, required=True, description="Width of a bucket in ms."),
            OpenApiParameter("split", str, enum=[split.value for split in Split], description="What to tell apart."),
            *_MATCHES,
        ],
    )
    def get(self, request: Request, stream: str) -> Response:
        return self.read(read_histogram, request, stream)


class LogFacets(QueryView):
    @extend_schema(
        operation_id="logs_facets",
        responses={200: serializers.FacetAnswer, **problems(429)},
        parameters=[
            OpenApiParameter("fields", str, required=True, description="Names as in filters, with commas between."),
            OpenApiParameter("limit", _VALUES, description="How many values of each field."),
            *_MATCHES,
        ],
    )
    def get(self, request: Request, stream: str) -> Response:
        return self.read(read_facets, request, stream)


class LogExport(QueryView):
    # JSON too, for clients that ask for it everywhere: each line is some.
    renderer_classes = (NdjsonRenderer, JSONRenderer)

    @extend_schema(
        operation_id="logs_export",
        responses={(200, NDJSON): serializers.Log, **problems(400, 410, 429)},
        parameters=[
            *_MATCHES,
            OpenApiParameter("direction", str, enum=_DIRECTIONS, description="asc, oldest first, if not given."),
            OpenApiParameter("cursor", str, description="`X-Export-Cursor` of the export to go on with."),
            OpenApiParameter("after", str, description="`<timestamp>,<id>` of the last line that arrived whole."),
            OpenApiParameter("format", exclude=True),
            OpenApiParameter(
                "X-Export-Cursor", str, OpenApiParameter.HEADER, response=[200], description="Remembers the question."
            ),
            OpenApiParameter(
                "X-Export-Incomplete",
                str,
                OpenApiParameter.HEADER,
                response=[200],
                description="How many pieces of the stream are known to be unreadable as the export begins.",
            ),
        ],
    )
    def get(self, request: Request, stream: str) -> HttpResponseBase:
        asked, params = self.asked(stream), request.query_params
        export = exports.begin(asked, read_walk(params), after=read_after(params), now=timezone.now())
        headers = {**self.rate_headers, **export.headers}
        if request.method == "HEAD":  # the server would read the whole export to send nothing of it
            return HttpResponse(content_type=NDJSON, headers=headers)
        return StreamingHttpResponse(exports.lines(export, self.caller), content_type=NDJSON, headers=headers)
