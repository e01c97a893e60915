"""A cluster that falls silent in the middle of something is not waited for for ever."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from apps.collector import cluster as cluster_api
from apps.collector.cluster import ClusterApi, ClusterError, Wanted
from tests.cluster.running import RunningCluster, running_cluster
from tests.runtime.instances import PATIENCE_SECONDS


@pytest.mark.parametrize("follow", [False, True])
def test_a_log_that_is_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch, *, follow: bool) -> None:
    with _silent_cluster(monkeypatch) as cluster:
        cluster.faults.stall("/log")
        with pytest.raises(ClusterError, match="did not answer in time"):
            asyncio.run(_read(cluster, follow=follow))


def test_a_log_that_stops_before_its_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with _silent_cluster(monkeypatch) as cluster:
        cluster.faults.scatters, cluster.faults.trickle_seconds = True, 0.01
        with pytest.raises(ClusterError, match="did not answer in time"):
            asyncio.run(_read(cluster, follow=False, stalls=True))


@contextmanager
def _silent_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningCluster]:
    """One whose silence is soon noticed; a container has written much."""
    monkeypatch.setattr(cluster_api, "_SILENCE_SECONDS", 0.3)
    with running_cluster(tls=False) as cluster:
        cluster.model.add_pod("web-0", start=True)
        cluster.model.write("web-0", "main", *[b"x" * 100] * 1_000)
        yield cluster
        cluster.faults.resume()


async def _read(cluster: RunningCluster, *, follow: bool, stalls: bool = False) -> None:
    """To the end; `stalls`: once it has begun to come."""
    api = await ClusterApi.connect(yaml.safe_load(cluster.kubeconfig()), anywhere=True)
    try:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            api.log(Wanted("default", "web-0", "main", follow=follow)) as pieces,
        ):
            async for _ in pieces:
                if stalls:
                    cluster.faults.stall("/log")
    finally:
        await api.close()
