"""An operator registers a cluster, and what its pods write is found."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.running import RunningCluster, running_cluster
from tests.factories.accounts import unique
from tests.factories.objects import podlogstream
from tests.journeys.service import Service
from tests.journeys.shells import Shell
from tests.runtime.instances import until

PODLOGSTREAMS = "/apis/tilt.dev/v1alpha1/podlogstreams"


@pytest.fixture
def shell(service: Service, tmp_path: Path) -> Shell:
    return Shell(service, tmp_path)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RunningCluster]:
    with running_cluster() as running:
        yield running


def test_what_pods_write_is_found_once_their_cluster_is_registered(shell: Shell, cluster: RunningCluster) -> None:
    name, stream = unique("cluster"), unique("stream")
    cluster.model.add_pod("web-1", ["app"], start=True)
    cluster.model.write("web-1", "app", b"one", b"two")
    wanted = podlogstream(unique("pls"), pod="web-1", namespace="default", cluster=name)
    wanted["metadata"]["annotations"] = {"tilt.dev/resource": stream}
    path = f"{PODLOGSTREAMS}/{wanted['metadata']['name']}"
    added = add(shell, cluster, name)
    assert (added.returncode, added.stdout) == (0, ""), added.stderr
    assert f"cluster: {name}" in added.stderr
    with shell.service.api() as api:
        assert api.post(PODLOGSTREAMS, json=wanted).status_code == 201
        until(lambda: _is_there(shell, stream) and shell.messages(stream) == ["one", "two"], "what the pod wrote")
        assert api.delete(f"/api/clusters/{name}").status_code == 204
        until(lambda: "not found" in str(api.get(path).json()["status"].get("error")), "the cluster to be gone")
        cluster.model.write("web-1", "app", b"three")
        assert add(shell, cluster, name).returncode == 0
        until(lambda: "three" in shell.messages(stream), "what the pod wrote meanwhile")
        assert shell.messages(stream) == ["one", "two", "three"]
        assert api.delete(path).is_success
        assert api.delete(f"/api/clusters/{name}").status_code == 204


def add(shell: Shell, cluster: RunningCluster, name: str) -> subprocess.CompletedProcess[str]:
    home = {"TAILSVC_HOME": str(shell.service.instance.home.path)}
    given = ["--team", "default", "--kubeconfig", "-", "--namespace", "default", "--namespace", "another"]
    return shell.run("cluster", "add", name, *given, text=cluster.kubeconfig().encode(), at=(), env=home)


def _is_there(shell: Shell, stream: str) -> bool:
    with shell.service.api() as api:
        return stream in [one["name"] for one in api.get("/api/streams", params={"limit": 500}).json()["data"]]
