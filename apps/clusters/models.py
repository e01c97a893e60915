"""Cluster."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.accounts.models import Team
from apps.clusters import limits


class Cluster(models.Model):
    """A Kubernetes cluster whose pods' logs a team collects, and the namespaces that it may collect from."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="clusters")
    name = models.CharField(max_length=limits.NAME_CHARS)
    server = models.CharField(max_length=limits.SERVER_CHARS)  # the kubeconfig's, for people to see
    kubeconfig = models.BinaryField()  # sealed: `sealing`
    namespaces = models.JSONField()
    anywhere = models.BooleanField(default=False)  # the operator's: it may be at any address, this machine's too
    expires_at = models.DateTimeField(null=True, blank=True)  # of the credentials, where they say
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["team", "name"], name="one_cluster_per_name")]

    def __str__(self) -> str:
        return self.name
