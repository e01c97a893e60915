"""Replicas, lifecycle events and builds, for operators to look at."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.lifecycle.models import BuildLog, LifecycleEvent, Replica


@admin.register(Replica)
class ReplicaAdmin(ReadOnlyAdmin):
    list_display = ("name", "stream", "team", "status", "ready", "node", "restarts", "heartbeat_at")
    list_filter = ("team", "status")
    list_select_related = ("stream", "team")
    search_fields = ("name",)


@admin.register(LifecycleEvent)
class LifecycleEventAdmin(ReadOnlyAdmin):
    list_display = ("last_at", "stream", "team", "kind", "severity", "reason", "replica", "count")
    list_filter = ("team", "kind", "severity")
    list_select_related = ("stream", "team")
    search_fields = ("reason", "message", "replica")
    ordering = ("-last_at", "-id")


@admin.register(BuildLog)
class BuildLogAdmin(ReadOnlyAdmin):
    list_display = ("build_id", "deploy_id", "stream", "team", "status", "size", "created_at", "finished_at")
    list_filter = ("team", "status")
    list_select_related = ("stream", "team")
    search_fields = ("build_id", "deploy_id")
