"""What became of what was sent: refused items, and usage."""

import re
from datetime import date
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.engine import store
from apps.http.problems import unprocessable
from apps.streams.models import Usage
from apps.streams.services import find_stream
from tailsvc.timestamps import iso_text

PAGE_REJECTIONS = 100
USAGE_DAYS_MAX = 366
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RejectionOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    line = serializers.IntegerField()
    reason = serializers.CharField()
    sample = serializers.CharField()


class RejectionPageMeta(serializers.Serializer[Any]):
    has_more = serializers.BooleanField()


class RejectionPage(serializers.Serializer[Any]):
    data = RejectionOutput(many=True)  # type: ignore[assignment]
    meta = RejectionPageMeta()


class UsageOutput(serializers.ModelSerializer[Usage]):
    class Meta:
        model = Usage
        fields = read_only_fields = ("stream_id", "jti", "day", "requests", "events", "rejected", "bytes")


class UsagePage(serializers.Serializer[Any]):
    data = UsageOutput(many=True)  # type: ignore[assignment]


class RejectionList(TeamView):
    """The newest first; `before` pages on."""

    ability = Ability.STREAMS_READ

    @extend_schema(
        operation_id="list_rejections",
        responses=RejectionPage,
        parameters=[OpenApiParameter("before", {"type": "integer", "minimum": 0}, description="Ids below this.")],
    )
    def get(self, request: Request, stream: str) -> Response:
        found = store().rejections(find_stream(stream).ref, limit=PAGE_REJECTIONS + 1, before=_before(request))
        page = found[:PAGE_REJECTIONS]
        shown = [
            {
                "id": one.id,
                "at": iso_text(one.at),
                "line": one.line,
                "reason": one.reason,
                "sample": one.sample.decode("utf-8", "replace"),
            }
            for one in page
        ]
        return Response({"data": shown, "meta": {"has_more": len(found) > len(page)}})


class UsageList(TeamView):
    """What came in, by stream, token and day."""

    ability = Ability.STREAMS_READ

    @extend_schema(
        operation_id="list_usage",
        responses=UsagePage,
        parameters=[
            OpenApiParameter("from", date, description="First day (UTC); all days if not given."),
            OpenApiParameter("to", date, description="Last day (UTC)."),
        ],
    )
    def get(self, request: Request) -> Response:
        usage = Usage.objects.order_by("-day", "stream_id", "jti")
        if (first := _day(request, "from")) is not None:
            usage = usage.filter(day__gte=first)
        if (last := _day(request, "to")) is not None:
            usage = usage.filter(day__lte=last)
        return Response({"data": UsageOutput(usage[: USAGE_DAYS_MAX * 100], many=True).data})


def _before(request: Request) -> int | None:
    text = request.query_params.get("before")
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise unprocessable(before="before must be the id of a rejection.")


def _day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        if not _DAY.fullmatch(text):  # fromisoformat() takes other forms too
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as error:
        raise unprocessable(**{name: f"{name} must be a day as YYYY-MM-DD."}) from error
