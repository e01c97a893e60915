"""What is kept of a cluster's objects is bounded, whatever the cluster tells."""

import asyncio

import pytest
import yaml

from apps.collector import cluster as cluster_api
from apps.collector.cluster import ClusterApi
from apps.collector.watching import NamespaceWatch
from tests.cluster.running import RunningCluster, running_cluster
from tests.runtime.instances import PATIENCE_SECONDS

MOST = 3


def test_a_watch_keeps_no_more_objects_than_a_list_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_api, "_MOST_OBJECTS", MOST)
    with running_cluster(tls=False) as cluster:
        asyncio.run(_watched(cluster))


async def _watched(cluster: RunningCluster) -> None:
    told = asyncio.Event()
    api = await ClusterApi.connect(yaml.safe_load(cluster.kubeconfig()), anywhere=True)
    watch = NamespaceWatch(api, "pods", "default", read=lambda pod: pod["metadata"]["name"], changed=told.set)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not watch.is_known:
                await told.wait()
                told.clear()
            for nth in range(2 * MOST):
                cluster.model.add_pod(f"web-{nth}")
            while not watch.error:
                assert len(watch.objects) <= MOST
                await told.wait()
                told.clear()
        assert f"more than {MOST} pods" in watch.error
        assert len(watch.objects) <= MOST
    finally:
        await watch.close()
        await api.close()
