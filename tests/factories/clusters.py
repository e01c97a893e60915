"""Clusters that teams collect from, as they are kept once somebody added them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.clusters.kubeconfigs import read_kubeconfig
from apps.clusters.models import Cluster
from apps.clusters.services import add_cluster


def settle_cluster(
    team: Team, kubeconfig: str, *, name: str = "default", namespaces: Sequence[str] = ("default",)
) -> Cluster:
    """At any address, as operators may allow it."""
    read, now = read_kubeconfig(kubeconfig, anywhere=True), datetime.now(UTC)
    with team_scope(team.pk):
        return add_cluster(
            team_id=team.pk, name=name, kubeconfig=read, namespaces=namespaces, actor="test", now=now, anywhere=True
        )
