"""Clusters, for operators. Not even they are shown a kubeconfig."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.clusters.models import Cluster


@admin.register(Cluster)
class ClusterAdmin(ReadOnlyAdmin):
    list_display = ("name", "team", "server", "namespaces", "anywhere", "expires_at", "created_at")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("name", "server")
    fields = list_display
