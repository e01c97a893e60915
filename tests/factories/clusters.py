"""Clusters that teams collect from, as they are kept once somebody added them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.clusters.kubeconfigs import read_kubeconfig
from apps.clusters.models import Cluster
from apps.clusters.sealing import seal


def settle_cluster(
    team: Team, kubeconfig: str, *, name: str = "default", namespaces: Sequence[str] = ("default",)
) -> Cluster:
    """At any address, as operators may allow it."""
    read = read_kubeconfig(kubeconfig, anywhere=True)
    with team_scope(team.pk):
        return Cluster.objects.create(
            team_id=team.pk,
            name=name,
            server=read.server,
            kubeconfig=seal(read.document, team_id=team.pk),
            namespaces=list(namespaces),
            anywhere=True,
            created_at=datetime.now(UTC),
        )
