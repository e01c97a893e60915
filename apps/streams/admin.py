"""Streams and ingest tokens, for operators. A token's text is never shown."""

from datetime import UTC, datetime
from itertools import groupby
from typing import Any, ClassVar, Protocol

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from apps.accounts.admin import ReadOnlyAdmin
from apps.engine import store
from apps.streams.models import IngestToken, SigningKey, Stream, Usage
from tailsvc.queries import Head
from tailsvc.storage.base import StreamSize


class _Shown(Protocol):
    """A stream on the page, with what the store says of it."""

    head: Head | None
    kept: StreamSize


class _StreamList(ChangeList):
    """One page. The store is asked about all streams of a team at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        for _, found in groupby(sorted(self.result_list, key=_team_of), key=_team_of):
            of_team = list(found)
            refs = [stream.ref for stream in of_team]
            heads, sizes = store().heads(refs), store().sizes(refs)
            for stream in of_team:
                stream.head, stream.kept = heads.get(stream.pk), sizes[stream.pk]


def _team_of(stream: Stream) -> int:
    return stream.team_id


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    list_display = (
        "name", "team", "events", "size", "last_event", "rows", "recent_blocks", "segments", "stored", "ratio",
        "retention_hours", "created_at", "deleted_at",
    )  # fmt: skip
    list_filter = ("team",)
    search_fields = ("name", "slug", "uuid")
    ordering: ClassVar = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stream]:
        return super().get_queryset(request).select_related("team")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 (Django's signature)
        return _StreamList

    @admin.display(description="events ever")
    def events(self, stream: _Shown) -> int:
        return stream.head.last_id if stream.head else 0

    @admin.display(description="bytes ever")
    def size(self, stream: _Shown) -> str:
        return filesizeformat(stream.head.bytes if stream.head else 0)

    @admin.display(description="last event")
    def last_event(self, stream: _Shown) -> datetime | None:
        if stream.head is None or stream.head.appended_at is None:
            return None
        return datetime.fromtimestamp(stream.head.appended_at / 1_000_000, UTC)

    @admin.display
    def rows(self, stream: _Shown) -> int:
        return stream.kept.rows

    @admin.display(description="recent blocks")
    def recent_blocks(self, stream: _Shown) -> int:
        return stream.kept.recent_blocks

    @admin.display
    def segments(self, stream: _Shown) -> int:
        return stream.kept.segments

    @admin.display
    def stored(self, stream: _Shown) -> str:
        return filesizeformat(stream.kept.bytes)

    @admin.display(description="raw : stored")
    def ratio(self, stream: _Shown) -> str | None:
        return f"{stream.kept.raw_bytes / stream.kept.bytes:.1f}" if stream.kept.bytes else None


@admin.register(IngestToken)
class IngestTokenAdmin(ReadOnlyAdmin):
    list_display = ("jti", "stream", "team", "kid", "issued_at", "expires_at", "revoked_at")
    list_filter = ("team",)
    search_fields = ("jti",)
    list_select_related = ("stream", "team")


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    list_display = ("kid", "created_at")
    fields = ("kid", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Removing a key ends every token that it signed: that is what operators remove it for."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    list_display = ("day", "team", "stream", "requests", "events", "rejected", "bytes")
    list_filter = ("team", "day")
    list_select_related = ("team", "stream")
