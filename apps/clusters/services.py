"""What can be done with clusters. Each function runs in the team's scope, in one transaction, with its audit entry."""

import re
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.accounts.audit import record
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.models import Team
from apps.clusters import limits
from apps.clusters.kubeconfigs import Kubeconfig
from apps.clusters.models import Cluster
from apps.clusters.sealing import seal

# Of Kubernetes: what namespaces are named by.
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_RULE = "has 1 to 63 characters of a-z, 0-9 and -, and no - at its ends"


def add_cluster(
    *,
    team_id: int,
    name: str,
    kubeconfig: Kubeconfig,
    namespaces: Collection[str],
    actor: str,
    now: datetime,
    anywhere: bool = False,
) -> Cluster:
    """Raises RuleBroken: an unusable or taken name, unusable namespaces, credentials that have ended, too many.

    `anywhere` is the operator's: see `read_kubeconfig`, which must have been told the same.
    """
    if not _LABEL.fullmatch(name):
        raise RuleBroken("name", f"A cluster's name {_LABEL_RULE}.")
    if kubeconfig.expires_at is not None and kubeconfig.expires_at <= now:
        raise RuleBroken(
            "kubeconfig", f"The kubeconfig's credentials ended at {kubeconfig.expires_at:%Y-%m-%d %H:%M} UTC."
        )
    wanted = {"namespaces": _namespaces(namespaces), "server": kubeconfig.server, "anywhere": anywhere}
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=team_id)  # two requests must not both take the last place
        if Cluster.objects.count() >= limits.CLUSTERS_PER_TEAM:
            raise RuleBroken("name", f"The team has {limits.CLUSTERS_PER_TEAM} clusters already; remove one first.")
        cluster = _insert(
            team_id=team_id,
            name=name,
            kubeconfig=seal(kubeconfig.document, team_id=team_id),
            expires_at=kubeconfig.expires_at,
            created_at=now,
            **wanted,
        )
        record(team_id=team_id, actor=actor, action="cluster.add", subject=name, now=now, details=wanted)
    return cluster


def clusters() -> QuerySet[Cluster]:
    """The team's, by name, and without what is secret."""
    return Cluster.objects.defer("kubeconfig").order_by("name")


def remove_cluster(name: str, *, team_id: int, actor: str, now: datetime) -> None:
    """Its pods are collected no more; what was collected stays. Raises NotThere."""
    with transaction.atomic():
        # What cannot be a name is not looked for: Postgres refuses some of it.
        if not _LABEL.fullmatch(name) or not Cluster.objects.filter(team_id=team_id, name=name).delete()[0]:
            raise NotThere("cluster")
        record(team_id=team_id, actor=actor, action="cluster.remove", subject=name, now=now)


def _namespaces(given: Collection[str]) -> list[str]:
    """Each once."""
    found = sorted(set(given))
    if not found:
        raise RuleBroken("namespaces", "Name at least one namespace that pods may be collected from.")
    if len(found) > limits.NAMESPACES:
        raise RuleBroken("namespaces", f"A cluster has at most {limits.NAMESPACES} namespaces.")
    if not all(map(_LABEL.fullmatch, found)):
        raise RuleBroken("namespaces", f"A namespace {_LABEL_RULE}.")
    return found


def _insert(**values: object) -> Cluster:
    try:
        with transaction.atomic():
            return Cluster.objects.create(**values)
    except IntegrityError as error:
        if "one_cluster_per_name" in str(error):
            raise RuleBroken("name", "The team has a cluster of this name; remove it first.") from error
        raise
