"""The shapes of clusters, in and out. What was given as a kubeconfig never comes out again."""

from typing import Any

from rest_framework import serializers

from apps.accounts.serializers import Text
from apps.clusters import limits
from apps.clusters.models import Cluster

_CONTEXT_CHARS = 500


class ClusterInput(serializers.Serializer[Cluster]):
    name = Text(max_length=limits.NAME_CHARS, help_text="What PodLogStreams call it (`spec.cluster`): a DNS label.")
    kubeconfig = Text(
        trim_whitespace=False,
        write_only=True,
        help_text="YAML of up to 256 KiB, as `kubectl config view --raw --minify --flatten` prints it.",
    )
    context = Text(  # type: ignore[assignment]
        max_length=_CONTEXT_CHARS, required=False, help_text="Which of its contexts; else its current one."
    )
    namespaces = serializers.ListField(
        child=Text(max_length=limits.NAME_CHARS),
        allow_empty=False,
        max_length=limits.NAMESPACES,
        help_text="Pods of these may be collected, and of no others.",
    )


class ClusterOutput(serializers.ModelSerializer[Cluster]):
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the credentials end, where they say.")
    namespaces = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Cluster
        fields = read_only_fields = ("name", "server", "namespaces", "expires_at", "created_at")


class ClusterListOutput(serializers.Serializer[Any]):
    data = ClusterOutput(many=True)  # type: ignore[assignment]
