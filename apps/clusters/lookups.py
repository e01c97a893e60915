"""The clusters of all teams, for the collector, which works for each of them."""

from dataclasses import dataclass, field
from typing import Any

from apps.accounts.scope import maintenance
from apps.clusters.models import Cluster
from apps.clusters.sealing import Unsealable, unseal


@dataclass(frozen=True, slots=True)
class Collected:
    """A cluster to collect from. Without a kubeconfig there is a fault, a sentence for people."""

    pk: int
    team_id: int
    name: str
    namespaces: frozenset[str]
    kubeconfig: dict[str, Any] | None = field(repr=False)  # of `kubeconfigs.Kubeconfig.document`'s form
    fault: str
    anywhere: bool  # else the address that its server's name leads to must pass `addresses.is_off_limits`


def collected() -> list[Collected]:
    """Every team's, in the order in which they were added."""
    with maintenance():
        return [_collected(cluster) for cluster in Cluster.objects.order_by("pk")]


def any_wanted() -> bool:
    """Is there anything to collect from?"""
    with maintenance():
        return Cluster.objects.exists()


def teams_with_clusters() -> set[int]:
    with maintenance():
        return set(Cluster.objects.values_list("team_id", flat=True).distinct())


def _collected(cluster: Cluster) -> Collected:
    kubeconfig, fault = None, ""
    try:
        kubeconfig = unseal(cluster.kubeconfig, team_id=cluster.team_id)
    except Unsealable as error:
        fault = str(error)
    return Collected(
        pk=cluster.pk,
        team_id=cluster.team_id,
        name=cluster.name,
        namespaces=frozenset(cluster.namespaces),
        kubeconfig=kubeconfig,
        fault=fault,
        anywhere=cluster.anywhere,
    )
