"""kubectl, as old as Debian's and as new as is installed here, does with our objects what it does with any."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from tests.debian import required_tree
from tests.journeys.service import TAILSVC, Service, tailsvc_up
from tests.runtime.instances import until
from tests.servers import reachable_folder

OBJECT = """\
apiVersion: tilt.dev/v1alpha1
kind: PodLogStream
metadata:
  name: {name}
  labels: {{app: shop}}
spec:
  pod: {pod}
"""
SESSION = """\
apiVersion: tilt.dev/v1alpha1
kind: Session
metadata: {name: mine}
spec: {tiltfilePath: Tiltfile, exitCondition: ci, ci: {timeout: 30m}}
"""


@dataclass(frozen=True)
class Kubectl:
    program: str
    config: Path
    is_old: bool

    def __call__(self, *arguments: str, stdin: str = "", code: int | None = 0) -> str:
        """What it printed; with another code than 0, also what it complained of."""
        done = subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=180, check=False
        )
        assert code is None or done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if code != 0 else "")

    def command(self, *arguments: str) -> list[str]:
        cache = str(self.config.parent / "cache")
        return [self.program, "--kubeconfig", str(self.config), "--cache-dir", cache, *arguments]


@pytest.fixture(scope="module")
def secure() -> Iterator[Service]:
    """With a port that speaks TLS: kubectl sends no token without."""
    with reachable_folder() as folder, tailsvc_up(folder / "home", options=["--tls"]) as service:
        yield service


@pytest.fixture(scope="module", params=["debian's", "installed"])
def kubectl(secure: Service, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Kubectl:
    program = _program(request.param)
    config = tmp_path_factory.mktemp("kubectl") / "config"
    printed = [TAILSVC, "kubeconfig", "--home", str(secure.instance.home.path)]
    config.write_bytes(subprocess.run(printed, capture_output=True, check=True).stdout)
    return Kubectl(program, config, is_old=request.param != "installed")


def _program(which: str) -> str:
    if which == "installed":
        found = shutil.which("kubectl")
        if found is None:
            pytest.skip("no kubectl is installed")
        return found
    tree = required_tree("kubernetes-client", provide=["usr/bin/kubectl", "usr/share/doc/kubernetes-client/copyright"])
    return str(tree.program("usr/bin/kubectl"))


def test_it_finds_out_what_there_is(kubectl: Kubectl) -> None:
    assert "v1.36.0" in kubectl("version", code=None)
    resources = kubectl("api-resources", "--api-group=tilt.dev")
    assert [line.split()[0] for line in resources.splitlines()[1:]] == ["podlogstreams", "sessions"]
    assert "pls" in resources
    assert "tilt.dev/v1alpha1" in kubectl("api-versions")
    assert "The name of the pod to watch" in kubectl("explain", "pls.spec.pod")
    assert "onlyContainers" in kubectl("explain", "podlogstreams.spec")
    assert "waitReason" in kubectl("explain", "sessions.status.targets.state.waiting")


def test_it_creates_shows_and_deletes(kubectl: Kubectl) -> None:
    assert "created" in kubectl("create", "-f", "-", stdin=OBJECT.format(name="one", pod="web-1"))
    assert "AlreadyExists" in kubectl("create", "-f", "-", stdin=OBJECT.format(name="one", pod="web-1"), code=1)
    table = kubectl("get", "pls").splitlines()
    assert table[0].split() == ["NAME", "POD", "NAMESPACE", "ACTIVE", "LINES", "ERROR", "AGE"]
    assert table[1].split()[:2] == ["one", "web-1"]
    assert "CLUSTER" in kubectl("get", "pls", "-o", "wide")
    assert json.loads(kubectl("get", "pls", "one", "-o", "json"))["spec"]["pod"] == "web-1"
    assert "  pod: web-1\n" in kubectl("get", "pls/one", "-o", "yaml")
    assert kubectl("get", "pls", "-l", "app=shop", "-o", "name").strip() == "podlogstream.tilt.dev/one"
    assert kubectl("get", "pls", "--field-selector", "metadata.name=two", "-o", "name") == ""
    assert "web-1" in kubectl("describe", "pls", "one")
    assert "created" in kubectl("apply", "-f", "-", stdin=SESSION)
    assert "ci" in kubectl("get", "session", "mine")
    kubectl("delete", "session", "mine")
    assert "deleted" in kubectl("delete", "pls", "one", "--timeout=20s")
    assert "NotFound" in kubectl("get", "pls", "one", code=1)


def test_it_applies_on_its_own_side_and_on_ours(kubectl: Kubectl) -> None:
    first, second = OBJECT.format(name="a", pod="web-1"), OBJECT.format(name="a", pod="web-2")
    assert "created" in kubectl("apply", "-f", "-", stdin=first)
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=first)
    assert "+  pod: web-2" in kubectl("diff", "-f", "-", stdin=second, code=1)
    assert "configured" in kubectl("apply", "-f", "-", stdin=second)
    assert "serverside-applied" in kubectl("apply", "--server-side", "--field-manager=m", "-f", "-", stdin=second)
    third = OBJECT.format(name="a", pod="web-3")
    refused = kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=third, code=1)
    assert "conflict" in refused
    assert ".spec.pod" in refused
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=third)
    assert json.loads(kubectl("get", "pls", "a", "-o", "json"))["spec"]["pod"] == "web-3"
    assert "server dry run" in kubectl("apply", "--dry-run=server", "-f", "-", stdin=third)
    assert "deleted" in kubectl("delete", "-f", "-", stdin=third)


def test_mistakes_are_told(kubectl: Kubectl) -> None:
    wrong = OBJECT.format(name="b", pod="x") + "  bogus: 1\n"
    assert "bogus" in kubectl("create", "-f", "-", stdin=wrong, code=1)
    refused = kubectl("create", "-f", "-", "--validate=false", stdin=OBJECT.format(name="b", pod="''"), code=1)
    assert "spec.pod" in refused


def test_it_patches_in_each_way_and_waits(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=OBJECT.format(name="p", pod="web-1"))
    for kind, patch in {
        "strategic": '{"spec": {"namespace": "shop"}}',
        "merge": '{"spec": {"pod": "one"}}',
        "json": '[{"op": "replace", "path": "/spec/pod", "value": "two"}]',
    }.items():
        kubectl("patch", "pls", "p", f"--type={kind}", "-p", patch)
    assert json.loads(kubectl("get", "pls", "p", "-o", "json"))["spec"]["pod"] == "two"
    kubectl("label", "pls", "p", "colour=red")
    kubectl("annotate", "pls", "p", "tilt.dev/resource=web")
    if not kubectl.is_old:
        kubectl("wait", "pls/p", "--for=jsonpath={.spec.pod}=two", "--timeout=20s")
    with watched(kubectl, "wait", "pls/p", "--for=delete", "--timeout=30s") as waiting:
        kubectl("delete", "pls", "p")
        assert waiting.wait(30) == 0


@contextmanager
def watched(kubectl: Kubectl, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Running, once it watches: `-v=6` has it say which requests were answered."""
    command = kubectl.command(*arguments, "-v=6")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    rest = threading.Thread(target=process.stderr.read)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "watch=true" in line:
                break
        else:
            raise AssertionError("".join(said))
        rest.start()  # a full pipe would stop it
        yield process
    finally:
        process.kill()
        process.wait()
        if rest.ident is not None:
            rest.join()
        process.stdout.close()
        process.stderr.close()


def test_it_watches(kubectl: Kubectl) -> None:
    with watched(kubectl, "get", "pls", "-w", "--no-headers") as watching:
        assert watching.stdout
        for name in ("w1", "w2"):
            kubectl("create", "-f", "-", stdin=OBJECT.format(name=name, pod="web-1"))
            started = time.monotonic()
            assert watching.stdout.readline().split()[0] == name
            assert time.monotonic() - started < 5
    kubectl("delete", "pls", "--all")


def test_a_watch_goes_on_behind_a_restart_of_the_web_server(kubectl: Kubectl, secure: Service) -> None:
    """kubectl ends a watch whose connection breaks; whoever watches from the version that was seen last misses
    nothing, neither of what happened before the restart nor of what did after it."""
    kubectl("create", "-f", "-", stdin=OBJECT.format(name="r1", pod="web-1"))
    seen = json.loads(kubectl("get", "pls", "r1", "-o", "json"))["metadata"]["resourceVersion"]
    with watched(kubectl, "get", "pls", "-w", "--no-headers") as watching:
        kubectl("label", "pls", "r1", "colour=red")
        pid = secure.instance.state.children["tls"]
        os.killpg(pid, signal.SIGKILL)
        assert watching.wait(20) in (0, 1)
        until(lambda: secure.instance.state.children["tls"] != pid, "another web server")
    until(lambda: "ok" in kubectl("get", "--raw", "/livez", code=None), "it to answer")
    kubectl("delete", "pls", "r1")
    path = "/apis/tilt.dev/v1alpha1/podlogstreams"
    again = kubectl.command("get", "--raw", f"{path}?watch=true&resourceVersion={seen}&timeoutSeconds=60")
    with subprocess.Popen(again, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout
        events = [json.loads(line) for line in islice(watching.stdout, 2)]
        watching.kill()
    assert [event["type"] for event in events] == ["MODIFIED", "DELETED"]
    assert [event["object"]["metadata"]["labels"]["colour"] for event in events] == ["red", "red"]
