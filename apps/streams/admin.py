"""Streams and ingest tokens, for operators. A token's text is never shown."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from apps.accounts.admin import ReadOnlyAdmin
from apps.engine import store
from apps.streams.models import IngestToken, SigningKey, Stream, Usage
from tailsvc.queries import Head


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    list_display = ("name", "team", "events", "size", "last_event", "retention_hours", "created_at", "deleted_at")
    list_filter = ("team",)
    search_fields = ("name", "slug", "uuid")
    ordering: ClassVar = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stream]:
        return super().get_queryset(request).select_related("team")

    @admin.display(description="events ever")
    def events(self, stream: Stream) -> int:
        head = _head(stream)
        return head.last_id if head else 0

    @admin.display(description="bytes ever")
    def size(self, stream: Stream) -> str:
        head = _head(stream)
        return filesizeformat(head.bytes if head else 0)

    @admin.display(description="last event")
    def last_event(self, stream: Stream) -> datetime | None:
        head = _head(stream)
        if head is None or head.appended_at is None:
            return None
        return datetime.fromtimestamp(head.appended_at / 1_000_000, UTC)


def _head(stream: Stream) -> Head | None:
    """Asked once for each stream on the page."""
    if not hasattr(stream, "_head"):
        stream._head = store().heads([stream.ref]).get(stream.pk)  # type: ignore[attr-defined]
    found: Head | None = stream._head  # type: ignore[attr-defined]
    return found


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
