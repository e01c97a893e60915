"""Whatever goes wrong, a stream ends with exactly the lines that the containers wrote: each once, in order.

Containers live at random, connections are cut anywhere, watches lag and expire, the API server refuses, stalls and
starts again, and the collector is killed. In the end all goes well again, and what is stored is compared with what was
written.
"""

import random
import time
from collections.abc import Iterator

import pytest

from tests.cluster.containers import LONGEST_ENTRY
from tests.cluster.running import RunningCluster, running_cluster
from tests.collector.ground import Collector, Ground, StoredLine, running_collector
from tests.collector.scenarios import Life, Mischief, live
from tests.runtime.instances import until

PODS, OWNERS = 16, 4
SECONDS = 12.0
# After failures followers wait, each time twice as long; nothing fails any more.
SETTLING_SECONDS = 120.0


@pytest.fixture(scope="module")
def collector(database: None) -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture
def ground(collector: Collector) -> Iterator[Ground]:
    # Without TLS: servers that are killed within handshakes leave transports behind that nobody can close.
    with running_cluster(tls=False) as cluster:
        ground = Ground(cluster)
        ground.settle()
        yield ground


@pytest.mark.parametrize("seed", [1, 2])
def test_a_stream_holds_what_the_containers_wrote(ground: Ground, collector: Collector, seed: int) -> None:
    lives = [_begun(ground, nth, seed) for nth in range(PODS)]
    with Mischief(ground.cluster, [life.pod for life in lives], seed) as mischief:
        live([*(life.go_on() for life in lives), _killed(collector, seed)], SECONDS)
    for life in lives:
        life.finish()
    try:
        until(lambda: not _missing(ground, lives), "all lines", seconds=SETTLING_SECONDS)
        time.sleep(1)  # for what may come twice
        for life in lives:
            for container in [*life.init, *life.containers]:
                assert _stored(ground, life, container) == _written(ground.cluster, life.pod, container)
    except AssertionError as error:
        error.add_note(f"what went wrong on purpose: {' '.join(mischief.done)}")
        error.add_note("\n".join(_differences(ground, lives)))
        raise


def _killed(collector: Collector, seed: int) -> Iterator[float]:
    chance = random.Random(seed)
    while True:
        yield chance.uniform(0.25, 0.45) * SECONDS
        collector.kill()
        yield chance.uniform(0, 0.5)
        collector.start()


def _begun(ground: Ground, nth: int, seed: int) -> Life:
    pod, owner = f"web-{nth}", f"web-{nth % OWNERS}-owner"

    def is_collected(pod: str, container: str, runs: int) -> bool:
        written = [line for run in ground.cluster.model.truth(pod, container)[:runs] for line in run]
        return len(ground.lines(owner, pod, container)) >= len(written)

    life = Life(ground.cluster, pod, owner, seed * 1_000 + nth, is_collected)
    life.begin()
    ground.declare(pod)
    return life


def _written(cluster: RunningCluster, pod: str, container: str) -> list[StoredLine]:
    lines = [line for run in cluster.model.truth(pod, container) for line in run]
    return [StoredLine(line.at // 1_000, line.content) for line in lines]


def _stored(ground: Ground, life: Life, container: str) -> list[StoredLine]:
    return list(ground.lines(life.owner, life.pod, container))


def _missing(ground: Ground, lives: list[Life]) -> list[str]:
    return [
        life.pod
        for life in lives
        for container in [*life.init, *life.containers]
        if len(_stored(ground, life, container)) < len(_written(ground.cluster, life.pod, container))
    ]


def _differences(ground: Ground, lives: list[Life]) -> Iterator[str]:
    """By container: where what is stored first differs from what was written."""
    for life in lives:
        for container in [*life.init, *life.containers]:
            stored, written = _stored(ground, life, container), _written(ground.cluster, life.pod, container)
            if stored == written:
                continue
            at = next((nth for nth, (a, b) in enumerate(zip(stored, written, strict=False)) if a != b), None)
            at = min(len(stored), len(written)) if at is None else at
            runs = [len(run) for run in ground.cluster.model.truth(life.pod, container)]
            yield f"{life.pod} {container}: {len(stored)} stored, {len(written)} written (runs: {runs}), at {at}:"
            for name, lines in (("stored", stored), ("written", written)):
                yield f"  {name}: {[(one.micros, one.content[:60]) for one in lines[max(0, at - 2) : at + 3]]}"
            yield f"  told: {ground.document(life.pod)['status']}"


def test_a_log_that_breaks_off_within_a_line_of_many_parts_and_seconds(ground: Ground) -> None:
    """What is asked for from a second on may begin with the rest of a line, which has no time of its own."""
    model, second = ground.cluster.model, time.time_ns() // 10**9 * 10**9
    model.add_pod("web-0", start=True)
    lines = [b"x" * (LONGEST_ENTRY + 10), *(b"%d" % nth for nth in range(100))]
    model.write("web-0", "main", *lines, at=[second - 1, *(second + 1 + nth for nth in range(100))])
    ground.declare("web-0")
    until(lambda: len(ground.contents("web-0", "web-0")) == 101, "the lines")
    assert ground.cluster.faults.cut("/log", "reset") == 1
    model.write("web-0", "main", b"after it")
    until(lambda: ground.contents("web-0", "web-0") == [*lines, b"after it"], "the next line")


def test_a_run_that_was_cut_off_is_read_before_the_next_one(ground: Ground) -> None:
    """A watch that lags does not tell yet that the container was started again when its log is asked for."""
    model, faults = ground.cluster.model, ground.cluster.faults
    model.add_pod("web-0", start=True)
    ground.declare("web-0")
    until(lambda: faults.open("/log") == 1, "it to be followed")
    model.write("web-0", "main", b"first")
    until(lambda: ground.contents("web-0", "web-0") == [b"first"], "the first line")
    faults.watch_delay = 4.0
    faults.cut("/log", "reset", after=10)
    model.write("web-0", "main", b"last of the first run")
    model.restart("web-0", "main")
    model.write("web-0", "main", b"second run")
    written = [b"first", b"last of the first run", b"second run"]
    until(lambda: len(ground.contents("web-0", "web-0")) == 3, "all lines")
    assert ground.contents("web-0", "web-0") == written


def test_a_log_that_seems_to_end_is_asked_for_again(ground: Ground) -> None:
    """The container has ended; its log's first reading ends before its first byte, and nothing tells so."""
    model, faults = ground.cluster.model, ground.cluster.faults
    model.add_pod("web-0", start=True, restart_policy="Never")
    model.write("web-0", "main", b"one", b"two")
    model.terminate("web-0", "main")
    faults.cut_next("/log", "end", after=0)
    ground.declare("web-0")
    until(lambda: ground.told("web-0") == [{"name": "main", "terminated": True}], "it to be over")
    until(lambda: ground.contents("web-0", "web-0") == [b"one", b"two"], "both lines")


def test_a_busy_cluster_is_left_alone_for_as_long_as_it_asks(ground: Ground) -> None:
    model, faults = ground.cluster.model, ground.cluster.faults
    model.add_pod("web-0", start=True)
    faults.answer(429, "/log", retry_after=3)
    ground.declare("web-0")
    until(lambda: ground.told("web-0") and ground.told("web-0")[0].get("error"), "the refusal to be told")
    model.write("web-0", "main", b"hello")
    until(lambda: ground.contents("web-0", "web-0") == [b"hello"], "the line")
    refused, answered = [request.at for request in faults.requests if "/log" in request.what]
    assert answered - refused >= 3


def test_a_cluster_that_keeps_no_versions_is_not_asked_in_a_loop(ground: Ground) -> None:
    model, faults = ground.cluster.model, ground.cluster.faults
    faults.answer(410, "pods.*watch=true", times=10_000)
    ground.declare("web-0")
    until(
        lambda: any("/pods?" in request.what and "watch=true" in request.what for request in faults.requests),
        "the first watch",
    )
    faults.requests.clear()
    time.sleep(3)
    assert sum("/pods?" in request.what for request in faults.requests) <= 40
    model.add_pod("web-0", start=True)
    model.write("web-0", "main", b"hello")
    until(lambda: ground.contents("web-0", "web-0") == [b"hello"], "what the lists tell of")


def test_of_two_collectors_each_line_is_stored_once(ground: Ground) -> None:
    """Nobody should start two; but where it happens, it must do no harm."""
    model = ground.cluster.model
    model.add_pod("web-0", start=True)
    ground.declare("web-0")
    with running_collector():
        until(lambda: ground.cluster.faults.open("/log") == 2, "both to follow")
        for number in range(30):
            model.write("web-0", "main", *(b"%d %d" % (number, nth) for nth in range(10)))
            time.sleep(0.05)
        until(lambda: len(ground.lines("web-0", "web-0")) >= 300, "all lines")
    ground.cluster.faults.cut("/log", "reset")
    model.write("web-0", "main", b"last")
    until(lambda: b"last" in ground.contents("web-0", "web-0"), "the last line")
    assert ground.lines("web-0", "web-0") == _written(ground.cluster, "web-0", "main")


def test_memory_is_bounded_however_much_there_is_to_read(ground: Ground, collector: Collector) -> None:
    """A log of 192 MiB, in one go."""
    model = ground.cluster.model
    model.add_pod("web-0", start=True)
    ground.declare("web-0")
    until(lambda: ground.told("web-0") == [{"name": "main", "active": True}], "it to be followed")
    before = collector.peak_bytes
    line = random.Random(1).randbytes(6_000).hex().encode()
    count = 192 * 1024 * 1024 // len(line)
    model.write("web-0", "main", *[line] * count)
    until(lambda: len(ground.lines("web-0", "web-0")) == count, "all lines", seconds=240)
    assert collector.peak_bytes - before < 160 * 1024 * 1024
