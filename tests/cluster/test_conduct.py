"""The cluster of the tests answers as kube-apiserver and the kubelet do, and fails as it is told to."""

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from config.runtime.environment import CODE
from tests.cluster.containers import LONGEST_ENTRY
from tests.cluster.faults import KUBELETS_WORDS
from tests.cluster.running import RunningCluster, running_cluster
from tests.runtime.instances import until

SECOND = 1_000_000_000
PODS = "/api/v1/namespaces/default/pods"
LOG = f"{PODS}/web-1/log"


@pytest.fixture
def cluster() -> Iterator[RunningCluster]:
    with running_cluster(tls=False) as cluster:
        cluster.model.add_pod("web-1", start=True)
        yield cluster


@pytest.fixture
def ask(cluster: RunningCluster) -> Iterator[Callable[..., httpx.Response]]:
    with httpx.Client(base_url=cluster.address, headers={"Authorization": f"Bearer {cluster.token}"}) as client:

        def ask(path: str, **query: Any) -> httpx.Response:
            return client.get(path, params=query)

        yield ask


class Followed:
    """What a stream says, while it says it."""

    def __init__(self, cluster: RunningCluster, path: str) -> None:
        self.data, self.error = b"", ""
        self._thread = threading.Thread(target=self._read, args=(cluster, path))
        self._thread.start()
        until(
            lambda: cluster.faults.open(path.split("?", maxsplit=1)[0]) or not self._thread.is_alive(),
            "the stream to be open",
        )

    def _read(self, cluster: RunningCluster, path: str) -> None:
        headers = {"Authorization": f"Bearer {cluster.token}"}
        try:
            with httpx.stream("GET", cluster.address + path, headers=headers, timeout=30) as answer:
                for data in answer.iter_raw():
                    self.data += data
        except httpx.TransportError as error:
            self.error = type(error).__name__

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        whole = self.data[: self.data.rfind(b"\n") + 1]
        return [(one["type"], one["object"]) for one in map(json.loads, whole.splitlines())]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events()]

    def end(self) -> bytes:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.data


@contextmanager
def _in_a_process_of_its_own() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "tests.cluster"]
    with subprocess.Popen(command, cwd=CODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())


def test_a_list_has_a_version_from_which_a_watch_goes_on(cluster: RunningCluster, ask: Any) -> None:
    listed = ask(PODS).json()
    version = listed["metadata"]["resourceVersion"]
    assert "kind" not in listed["items"][0]
    cluster.model.add_pod("web-2", labels={"app": "web"})
    watch = Followed(cluster, f"{PODS}?watch=true&resourceVersion={version}")
    labelled = Followed(cluster, f"{PODS}?watch=true&resourceVersion={version}&labelSelector=app=web")
    cluster.model.change_pod("web-2", labels={"app": "other"})
    cluster.model.delete_pod("web-2")
    until(lambda: watch.kinds() == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"], "what happens while it watches")
    until(lambda: labelled.kinds() == ["ADDED", "DELETED"], "the same of a selection")
    cluster.faults.cut("watch=true", "end")
    for each in (watch, labelled):
        each.end()
    timed = Followed(cluster, f"{PODS}?watch=true&resourceVersion={version}&timeoutSeconds=1&allowWatchBookmarks=true")
    timed.end()
    assert timed.kinds() == [*watch.kinds(), "BOOKMARK"]
    versions = [int(found["metadata"]["resourceVersion"]) for _, found in timed.events()]
    assert versions[:-1] == sorted({*versions})
    assert versions[-1] == cluster.model.history.version


def test_pages_of_a_list_are_of_one_version(cluster: RunningCluster, ask: Any) -> None:
    for number in range(2, 6):
        cluster.model.add_pod(f"web-{number}")
    first = ask(PODS, limit=2).json()
    cluster.model.delete_pod("web-3")
    second = ask(PODS, limit=9, **{"continue": first["metadata"]["continue"]}).json()
    names = [pod["metadata"]["name"] for page in (first, second) for pod in page["items"]]
    assert names == [f"web-{number}" for number in range(1, 6)]
    cluster.model.compact()
    assert ask(PODS, **{"continue": first["metadata"]["continue"]}).status_code == 410


def test_a_version_may_be_too_old_or_too_new(cluster: RunningCluster, ask: Any) -> None:
    cluster.model.compact()
    told = Followed(cluster, f"{PODS}?watch=true&resourceVersion=1000").end()
    assert json.loads(told)["object"] | {"message": ""} == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "",
        "reason": "Expired",
        "code": 410,
    }
    assert ask(PODS, resourceVersion="99999").status_code == 504
    assert ask(PODS, resourceVersion="x").status_code == 400
    cluster.faults.answer(410, "watch=true")
    assert ask(PODS, watch="true", resourceVersion=cluster.model.history.version).json()["reason"] == "Expired"


def test_who_may_not_is_told_so(cluster: RunningCluster, ask: Any) -> None:
    assert httpx.get(cluster.address + PODS).json()["reason"] == "Unauthorized"
    cluster.server.tokens["narrow"] = {"shop"}
    refused = httpx.get(cluster.address + PODS, headers={"Authorization": "Bearer narrow"})
    assert refused.status_code == 403
    assert 'cannot list resource "pods" in API group "" in the namespace "default"' in refused.json()["message"]
    cluster.faults.answer(429, retry_after=7)
    busy = ask(PODS)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    cluster.faults.answer(503, "/log")
    assert [ask(PODS).status_code, ask(LOG).status_code, ask(LOG).status_code] == [200, 503, 200]


def test_log_options_are_checked(cluster: RunningCluster, ask: Any) -> None:
    refused = [{"tailLines": -1}, {"limitBytes": 0}, {"sinceSeconds": 0}]
    assert [ask(LOG, **query).status_code for query in refused] == [422, 422, 422]
    assert ask(LOG, sinceSeconds=1, sinceTime="2026-01-01T00:00:00Z").status_code == 422
    assert ask(LOG, sinceTime="yesterday").status_code == 400
    assert ask(f"{PODS}/web-2/log").status_code == 404
    cluster.model.add_pod("pending", node=None)
    assert ask(f"{PODS}/pending/log").status_code == 204


def test_a_log_is_read_from_a_second_on(cluster: RunningCluster, ask: Any) -> None:
    at = [100 * SECOND + 5, 101 * SECOND, 100 * SECOND + 7, 101 * SECOND + 1]
    cluster.model.write("web-1", "main", b"a", b"\xff\x00\r", b"disordered", b"", at=at)
    found = ask(LOG, sinceTime="1970-01-01T00:01:41.9Z", timestamps="true").content
    assert found == b"1970-01-01T00:01:41.000000000Z \xff\x00\r\n1970-01-01T00:01:41.000000001Z \n"
    assert ask(LOG, limitBytes=4).content == b"a\n\xff\x00"
    cluster.model.rotate("web-1", "main", keep=1)
    assert ask(LOG).content == b"\n"
    assert [line.content for line in cluster.model.truth("web-1", "main")[0]] == [
        b"a",
        b"\xff\x00\r",
        b"disordered",
        b"",
    ]


def test_a_long_line_is_several_entries_and_shows_one_time(cluster: RunningCluster, ask: Any) -> None:
    line = b"x" * (LONGEST_ENTRY + 10)
    cluster.model.write("web-1", "main", line, b"next", at=[102 * SECOND - 1, 103 * SECOND])
    whole = ask(LOG, timestamps="true").content
    assert whole == b"1970-01-01T00:01:41.999999999Z " + line + b"\n1970-01-01T00:01:43.000000000Z next\n"
    # Its second entry is of the next second.
    assert ask(LOG, sinceTime="1970-01-01T00:01:42Z").content == b"x" * 10 + b"\nnext\n"
    assert [one.content for one in cluster.model.truth("web-1", "main")[0]] == [line, b"next"]


def test_a_log_that_waits_tells_of_what_ran_before(cluster: RunningCluster, ask: Any) -> None:
    model = cluster.model
    model.write("web-1", "main", b"first")
    model.restart("web-1", "main")
    model.write("web-1", "main", b"second")
    assert (ask(LOG).text, ask(LOG, previous="true").text) == ("second\n", "first\n")
    model.terminate("web-1", "main", 1)
    model.wait("web-1", "main", "CrashLoopBackOff")
    assert (ask(LOG).text, ask(LOG, previous="true").text) == ("second\n", "second\n")
    status = ask(f"{PODS}/web-1").json()["status"]["containerStatuses"][0]
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    assert status["lastState"]["terminated"]["containerID"] == status["containerID"]
    assert status["restartCount"] == 1


@pytest.mark.parametrize(
    ("how", "data", "error"),
    [
        ("reset", b"one\ntw", "ReadError"),
        ("end", b"one\ntw", ""),
        ("chunk", b"one\ntw", "RemoteProtocolError"),
        ("text", b"one\ntw" + KUBELETS_WORDS, ""),
    ],
)
def test_a_log_may_break_anywhere(cluster: RunningCluster, how: Any, data: bytes, error: str) -> None:
    log = Followed(cluster, f"{LOG}?follow=true")
    cluster.model.write("web-1", "main", b"one")
    until(lambda: log.data, "the first line")
    assert cluster.faults.cut("/log", how, after=2) == 1
    cluster.model.write("web-1", "main", b"two", b"three")
    assert log.end()[: len(data)] == data
    assert log.error == error
    assert cluster.faults.open("/log") == 0


def test_a_log_seems_to_end_well_too_early_only_once(cluster: RunningCluster, ask: Any) -> None:
    cluster.model.write("web-1", "main", b"one")
    cluster.faults.cut_next("/log", "end", after=1, times=2)
    assert [ask(LOG).content for _ in range(4)] == [b"o", b"one\n", b"o", b"one\n"]


def test_a_log_may_stall_and_trickle(cluster: RunningCluster) -> None:
    cluster.faults.stall("/log")
    log = Followed(cluster, f"{LOG}?follow=true")
    cluster.faults.scatters, cluster.faults.trickle_seconds = True, 0.01
    cluster.model.write("web-1", "main", b"x" * 3000, b"end")
    cluster.model.terminate("web-1", "main")
    cluster.faults.resume()
    assert log.end() == b"x" * 3000 + b"\nend\n"


def test_a_watch_may_lag_repeat_and_expire(cluster: RunningCluster) -> None:
    version = cluster.model.history.version
    cluster.faults.watch_delay, cluster.faults.watch_repeats = 0.3, 1.0
    watch = Followed(cluster, f"{PODS}?watch=true&resourceVersion={version}")
    started = time.monotonic()
    cluster.model.add_pod("web-2")
    until(lambda: watch.kinds() == ["ADDED", "ADDED"], "both")
    assert time.monotonic() - started >= 0.3
    cluster.faults.cut("watch=true", "expire")
    watch.end()
    assert watch.events()[-1][1]["code"] == 410


def test_in_a_process_of_its_own_it_is_told_what_happens_over_http() -> None:
    with _in_a_process_of_its_own() as told:

        def tell(path: str, **given: Any) -> Any:
            answer = httpx.post(f"{told['control']}{path}", json=given)
            assert answer.status_code == 200, answer.text
            return answer.json()

        token = tell("/model/add_pod", pod="web-1", start=True) and told["kubeconfig"].split("token: ")[1].strip()
        tell("/model/write", pod="web-1", container="main", lines=[base64.b64encode(b"hello").decode()])
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(told["address"] + LOG, headers=headers).text == "hello\n"
        tell("/faults/answer", status=500)
        assert httpx.get(told["address"] + LOG, headers=headers).status_code == 500
        tell("/cluster/restart", down_seconds=0)
        tell("/load/add_pods", pods=3)
        assert tell("/load/produce", pods=3, lines_per_s=60, seconds=0.3)["lines"] == 18
        log = httpx.get(f"{told['address']}{PODS}/load-2/log", headers=headers).text
        assert [json.loads(line)["number"] for line in log.splitlines()] == list(range(6))
