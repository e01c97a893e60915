"""Reading a stream's logs over HTTP."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.schema import problems
from apps.http.problems import not_found
from apps.query import serializers, services
from apps.query.questions import read_question, whole_number
from apps.query.rendering import render_event
from apps.query.throttling import count_request
from apps.streams.services import find_stream
from tailsvc import limits

_CONTEXT_DEFAULT = 10
_LARGEST_ID = 2**63 - 1
_MILLIS = {"type": "integer", "minimum": 0, "maximum": limits.LATEST_MICROS // 1000}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": limits.PAGE_EVENTS, "default": limits.PAGE_EVENTS_DEFAULT}
_BESIDE = {"type": "integer", "minimum": 0, "maximum": limits.CONTEXT_EVENTS, "default": _CONTEXT_DEFAULT}


class QueryView(TeamView):
    """Base of what reads events: counts the request against the token's rate."""

    ability = Ability.STREAMS_READ

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.rate_headers = count_request(request._request, self.caller)

    def asked(self, address: str) -> services.Asked:
        stream = find_stream(address)
        plan_hours = self.caller.plan.retention_hours
        return services.Asked(stream.ref, stream.uuid, stream.retention(plan_hours), timedelta(hours=plan_hours))

    def reply(self, data: dict[str, Any], **headers: str) -> Response:
        return Response(data, headers={**self.rate_headers, **headers})


class LogList(QueryView):
    @extend_schema(
        operation_id="logs_list",
        responses={200: serializers.LogPage, **problems(400, 410, 429)},
        parameters=[
            OpenApiParameter("start_time", _MILLIS, description="Unix time in ms, inclusive. Neither end: tail mode."),
            OpenApiParameter("end_time", _MILLIS, description="Unix time in ms, inclusive; now if not given."),
            OpenApiParameter("limit", _LIMIT),
            OpenApiParameter("cursor", str, description="`meta.next_cursor` of the page before; suffices alone."),
            OpenApiParameter("direction", str, enum=["asc", "desc"], description="desc, newest first, if not given."),
            OpenApiParameter("filters", str, description="JSON array of clauses {field, operator, value}."),
            OpenApiParameter("strict", bool, description="Refuse what would be ignored."),
            OpenApiParameter("total", bool, description="false: do not count."),
        ],
    )
    def get(self, request: Request, stream: str) -> Response:
        asked = self.asked(stream)
        question = read_question(request.query_params)
        found = services.search(asked, question, now=timezone.now())
        link = _next_link(asked, request, found.next_cursor)
        meta: dict[str, Any] = {
            "has_more": found.next_cursor is not None,
            "next_cursor": found.next_cursor,
            "total": found.total,
        }
        if found.ignored:
            meta["ignored"] = [asdict(ignored) for ignored in found.ignored]
        data = {"data": [render_event(one) for one in found.events], "meta": meta, "links": {"next": link}}
        return self.reply(data, **({"Link": f'<{link}>; rel="next"'} if link else {}))


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
        before, after = services.surroundings(asked, found, now=now, **sizes)
        return self.reply(
            {
                "data": {
                    "before": [render_event(one) for one in before],
                    "event": render_event(found),
                    "after": [render_event(one) for one in after],
                }
            }
        )

    def _size(self, request: Request, name: str) -> int | None:
        return whole_number(request.query_params, name, low=0, high=limits.CONTEXT_EVENTS)


def _next_link(asked: services.Asked, request: Request, cursor: str | None) -> str | None:
    """The next page's address: the cursor and what may change from page to page, nothing else."""
    if cursor is None:
        return None
    kept = {name: request.query_params[name] for name in ("limit", "total") if name in request.query_params}
    query = urlencode({"cursor": cursor, **kept})
    return f"{settings.PUBLIC_URL}/api/streams/{asked.uuid}/logs?{query}"
