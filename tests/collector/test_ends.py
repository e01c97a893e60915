"""What the end of a log leaves behind: half lines, runs whose logs are gone, pods that are."""

from collections.abc import Iterator

import pytest

from tests.cluster.model import Cluster
from tests.cluster.running import running_cluster
from tests.collector.ground import Ground, running_collector, soon
from tests.factories.accounts import unique
from tests.runtime.instances import until

_STAMP_BYTES = len("2026-11-22T10:00:00.000000001Z ")


@pytest.fixture(scope="module")
def ground(database: None) -> Iterator[Ground]:
    with running_collector(), running_cluster(tls=False) as cluster:
        ground = Ground(cluster)
        ground.settle()
        yield ground


@pytest.fixture
def model(ground: Ground) -> Cluster:
    return ground.cluster.model


@pytest.fixture
def pod(ground: Ground, model: Cluster) -> str:
    """One that runs and is followed."""
    pod = unique("web")
    model.add_pod(pod, start=True)
    ground.declare(pod)
    until(lambda: ground.cluster.faults.open(f"{pod}/log") == 1, "it to be followed")
    return pod


def test_half_a_line_that_came_whole_later_is_no_line_of_its_own(ground: Ground, model: Cluster, pod: str) -> None:
    """Its log seems to end in the middle of the line; then the whole line comes, the connection breaks, and what else
    the run had to say is gone."""
    faults = ground.cluster.faults
    faults.cut(f"{pod}/log", "end", after=_STAMP_BYTES + len(b"half"))
    faults.cut_next(f"{pod}/log", "chunk", after=_STAMP_BYTES + len(b"half a line\n"))
    faults.answer(404, f"{pod}/log.*previous=true", times=100)
    model.write(pod, "main", b"half a line")
    until(lambda: ground.contents(pod, pod) == [b"half a line"], "the line")
    model.restart(pod, "main")
    model.write(pod, "main", b"second run")
    soon(lambda: b"second run" in ground.contents(pod, pod), "the next run")
    assert ground.contents(pod, pod) == [b"half a line", b"second run"]


def test_half_a_line_is_kept_where_its_pod_is_gone(ground: Ground, model: Cluster, pod: str) -> None:
    model.write(pod, "main", b"one")
    soon(lambda: ground.contents(pod, pod) == [b"one"], "the first line")
    faults, before = ground.cluster.faults, ground.cluster.faults.sent(f"{pod}/log")
    model.write(pod, "main", b"last words", ends=False)
    until(lambda: faults.sent(f"{pod}/log") - before >= _STAMP_BYTES + len(b"last words"), "it to be on its way")
    model.delete_pod(pod)
    soon(lambda: ground.contents(pod, pod) == [b"one", b"last words"], "what it said last")


def test_half_a_line_is_kept_where_its_run_is_forgotten(ground: Ground, model: Cluster, pod: str) -> None:
    """Two runs later a cluster has its log no more; what was read of it is all there is."""
    faults = ground.cluster.faults
    faults.watch_delay = 2.0
    model.write(pod, "main", b"first run", ends=False)
    until(lambda: faults.sent(f"{pod}/log") >= _STAMP_BYTES + len(b"first run"), "it to be on its way")
    for content in (b"second run", b"third run"):
        model.restart(pod, "main")
        model.write(pod, "main", content)
    soon(lambda: b"third run" in ground.contents(pod, pod), "the last run")
    faults.clear()
    assert ground.contents(pod, pod) == [b"first run", b"second run", b"third run"]


def test_a_run_whose_log_was_removed_keeps_nobody_from_the_next(ground: Ground, model: Cluster) -> None:
    pod = unique("web")
    model.add_pod(pod, start=True)
    model.write(pod, "main", b"first run")
    model.restart(pod, "main")
    model.write(pod, "main", b"second run")
    model.remove_ended(pod, "main")
    ground.declare(pod)
    until(lambda: ground.contents(pod, pod) == [b"second run"], "the run whose log is there", seconds=30)
