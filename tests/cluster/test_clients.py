"""Kubernetes' own clients read pods and their logs from the cluster of the tests, as from any."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import client_python
from tests.cluster.running import RunningCluster, running_cluster
from tests.debian import required_tree

PROGRAM = Path(__file__).with_name("client_program.py")


@pytest.fixture
def cluster() -> Iterator[RunningCluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def config(cluster: RunningCluster, tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(cluster.kubeconfig())
    return path


@pytest.fixture(params=["debian's", "installed"])
def kubectl(config: Path, request: pytest.FixtureRequest) -> list[str]:
    if request.param == "installed":
        found = shutil.which("kubectl")
        if found is None:
            pytest.skip("no kubectl is installed")
    else:
        copyright_file = "usr/share/doc/kubernetes-client/copyright"
        found = str(
            required_tree("kubernetes-client", provide=["usr/bin/kubectl", copyright_file]).program("usr/bin/kubectl")
        )
    return [found, "--kubeconfig", str(config), "--cache-dir", str(config.parent / "cache")]


def test_kubectl_reads_pods_and_logs(cluster: RunningCluster, kubectl: list[str]) -> None:
    def ask(*arguments: str) -> str:
        done = subprocess.run([*kubectl, *arguments], capture_output=True, text=True, timeout=180, check=False)
        return done.stdout + done.stderr

    model = cluster.model
    model.add_pod("web-1", ["web"], ["migrate"], owner="ReplicaSet/web-5d9c")
    assert ask("get", "pods", "-o", "name") == "pod/web-1\n"
    assert '"web" in pod "web-1" is waiting to start: PodInitializing' in ask("logs", "web-1", "-c", "web")
    assert "container nope is not valid for pod web-1" in ask("logs", "web-1", "-c", "nope")
    assert 'pods "web-2" not found' in ask("logs", "web-2")
    model.start("web-1", "migrate")
    model.write("web-1", "migrate", b"one", b"", b"two", at=1_700_000_000_500_000_000)
    model.terminate("web-1", "migrate")
    stamped = "2023-11-14T22:13:20.500000000Z"
    followed = ask("logs", "web-1", "-c", "migrate", "-f", "--timestamps", "--tail=2")
    assert followed == f"{stamped} \n{stamped} two\n"
    model.start("web-1", "web")
    model.write("web-1", "web", b"first run", ends=False)
    model.restart("web-1", "web", exit_code=137, reason="OOMKilled")
    model.write("web-1", "web", b"second run", b"of it")
    assert ask("logs", "web-1", "-c", "web", "--previous") == "first run"
    assert ask("logs", "web-1", "-c", "web", "--since-time=2026-01-01T00:00:00Z", "--tail=1") == "of it\n"
    assert ask("logs", "web-1", "-c", "web", "--since-time=2099-01-01T00:00:00Z") == ""
    model.emit_event("web-1", "BackOff", "Back-off restarting failed container", container="web")
    described = ask("describe", "pod", "web-1")
    assert "OOMKilled" in described
    assert "ReplicaSet/web-5d9c" in described
    assert "Back-off restarting failed container" in described


def test_kubectl_follows_what_comes(cluster: RunningCluster, kubectl: list[str]) -> None:
    cluster.model.add_pod("web-1", ["web"], start=True)
    following = subprocess.Popen([*kubectl, "logs", "-f", "web-1"], stdout=subprocess.PIPE, text=True)
    watching = subprocess.Popen([*kubectl, "get", "pods", "-w", "-o", "name"], stdout=subprocess.PIPE, text=True)
    with following, watching:
        assert following.stdout
        assert watching.stdout
        assert watching.stdout.readline() == "pod/web-1\n"
        for number in range(3):
            cluster.model.write("web-1", "web", b"line %d" % number)
            assert following.stdout.readline() == f"line {number}\n"
        cluster.model.terminate("web-1", "web")
        assert following.wait(20) == 0
        cluster.model.add_pod("web-2")
        while watching.stdout.readline() != "pod/web-2\n":
            pass
        watching.kill()


def test_the_python_client_lists_watches_and_reads(cluster: RunningCluster, config: Path) -> None:
    cluster.model.add_pod("shop/web-1", ["web"], labels={"app": "web"}, start=True)
    cluster.model.add_pod("shop/web-2", ["web"], start=True)
    command = [client_python(), PROGRAM, config]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        assert json.loads(client.stdout.readline()) == {
            "pods": ["web-1", "web-2"],
            "labelled": ["web-1"],
            "named": ["web-2"],
            "missing": [404, "NotFound"],
            "waiting": [400, "BadRequest"],
        }
        cluster.model.write("shop/web-1", "web", b"hello", "größer".encode())
        cluster.model.delete_pod("shop/web-2")
        cluster.model.terminate("shop/web-1", "web", 3)
        assert json.loads(client.stdout.readline()) == {
            "events": ["MODIFIED web-2", "DELETED web-2", "MODIFIED web-1"],
            "log": "hello\ngrößer\n",
            "exit": 3,
        }
        assert client.wait(20) == 0


def test_it_answers_again_on_its_port(cluster: RunningCluster, kubectl: list[str]) -> None:
    cluster.model.add_pod("web-1", start=True)
    cluster.stop()
    asked = [*kubectl, "get", "pods", "-o", "name", "--request-timeout=5s"]
    refused = subprocess.run(asked, capture_output=True, text=True, timeout=180, check=False)
    assert "refused" in refused.stderr
    cluster.start()
    started = time.monotonic()
    assert subprocess.run(asked, capture_output=True, text=True, timeout=180, check=True).stdout == "pod/web-1\n"
    assert time.monotonic() - started < 5
