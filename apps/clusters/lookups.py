"""The clusters of all teams, for the collector, which works for each of them, and for operators."""

from dataclasses import dataclass, field
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Registered:
    """A cluster for people to see; `fault` is as above."""

    team: str  # its slug
    name: str
    server: str
    namespaces: list[str]
    expires_at: datetime | None
    fault: str


def collected() -> list[Collected]:
    """Every team's, in the order in which they were added."""
    with maintenance():
        return [_collected(cluster) for cluster in Cluster.objects.order_by("pk")]


def registered() -> list[Registered]:
    """Every team's, by team and name."""
    with maintenance():
        found = Cluster.objects.select_related("team").order_by("team__slug", "name")
        return [
            Registered(one.team.slug, one.name, one.server, one.namespaces, one.expires_at, _opened(one)[1])
            for one in found
        ]


def _collected(cluster: Cluster) -> Collected:
    kubeconfig, fault = _opened(cluster)
    return Collected(
        pk=cluster.pk,
        team_id=cluster.team_id,
        name=cluster.name,
        namespaces=frozenset(cluster.namespaces),
        kubeconfig=kubeconfig,
        fault=fault,
        anywhere=cluster.anywhere,
    )


def _opened(cluster: Cluster) -> tuple[dict[str, Any] | None, str]:
    """The kubeconfig, or what is wrong with it."""
    try:
        return unseal(cluster.kubeconfig, team_id=cluster.team_id), ""
    except Unsealable as error:
        return None, str(error)
