"""What a PodLogStream tells while its pod lives: each row of Tilt's table of states, and what the stream holds then."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from apps.collector.records import LINES_EVERY_SECONDS
from apps.collector.reporting import Reporter
from apps.collector.targets import Target
from apps.engine import store
from apps.objects.models import ObjectChange
from tailsvc.collect.statuses import Followed
from tailsvc.collect.views import PodView
from tests.cluster.faults import KUBELETS_WORDS
from tests.cluster.model import Cluster
from tests.cluster.running import RunningCluster, running_cluster
from tests.collector.ground import Collector, Ground, running_collector, soon
from tests.factories.accounts import make_team, unique
from tests.runtime.instances import until

ACTIVE, OVER = {"active": True}, {"terminated": True}


@pytest.fixture(scope="module")
def collector(database: None) -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def ground(collector: Collector) -> Iterator[Ground]:
    with running_cluster() as cluster:
        ground = Ground(cluster)
        ground.settle(namespaces=("default", "shop", "closed"))
        yield ground


@pytest.fixture
def cluster(ground: Ground) -> RunningCluster:
    return ground.cluster


@pytest.fixture
def model(cluster: RunningCluster) -> Cluster:
    return cluster.model


@pytest.fixture
def pod() -> str:
    return unique("web")


def test_a_pod_that_is_not_there_is_awaited(ground: Ground, model: Cluster, pod: str) -> None:
    ground.declare(pod)
    until(lambda: ground.error(pod) == f"pod not found: default/{pod}", "the error")
    model.add_pod(pod, start=True)
    ground.tells(pod, lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "its container to be followed")
    assert ground.error(pod) == ""
    model.write(pod, "main", b"hello")
    soon(lambda: ground.contents(pod, pod) == [b"hello"], "its line")
    model.delete_pod(pod)
    ground.tells(pod, lambda: ground.error(pod) == f"pod not found: default/{pod}", "the error again")


def test_what_keeps_from_reading_is_told_and_goes_away(ground: Ground, model: Cluster, pod: str) -> None:
    """A token that may not read one of the namespaces."""
    allowed = ground.cluster.server.tokens
    allowed[ground.cluster.token] = {"default", "shop"}
    other = Ground(ground.cluster)
    other.settle(namespaces=("closed",))
    model.add_pod(f"closed/{pod}", start=True)
    other.declare(pod, namespace="closed")
    until(lambda: "cannot list resource" in other.error(pod), "the refusal")
    assert other.error(pod).startswith(("reading pod", "watching pods"))
    assert ground.cluster.token not in other.error(pod)
    allowed[ground.cluster.token] = None
    until(lambda: other.told(pod) == [{"name": "main", **ACTIVE}], "the pod to be found")
    assert other.error(pod) == ""


def test_a_container_is_followed_from_its_start_to_its_end(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, ["web", "side"], ["migrate"], restart_policy="Never")
    ground.declare(pod)
    waiting = [{"name": name} for name in ("migrate", "web", "side")]
    until(lambda: ground.told(pod) == waiting, "the containers, init containers first")
    model.start(pod, "migrate")
    ground.tells(pod, lambda: ground.told(pod) == [waiting[0] | ACTIVE, *waiting[1:]], "the first to be active")
    model.write(pod, "migrate", b"migrated")
    model.terminate(pod, "migrate")
    ground.tells(pod, lambda: ground.told(pod) == [waiting[0] | OVER, *waiting[1:]], "the first to be over")
    model.start(pod, "web")
    model.start(pod, "side")
    active = [waiting[0] | OVER, waiting[1] | ACTIVE, waiting[2] | ACTIVE]
    ground.tells(pod, lambda: ground.told(pod) == active, "both to be active, though they say nothing")
    model.write(pod, "web", b"bye", ends=False)
    model.terminate(pod, "web", exit_code=1)
    ground.tells(pod, lambda: ground.told(pod)[1] == waiting[1] | OVER, "one to be over")
    assert ground.contents(pod, pod, "migrate") == [b"migrated"]
    soon(lambda: ground.contents(pod, pod, "web") == [b"bye"], "the line that has no end")


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({"onlyContainers": ["side", "migrate"]}, ["migrate", "side"]),
        ({"ignoreContainers": ["side"]}, ["migrate", "web"]),
        ({"onlyContainers": ["web"], "ignoreContainers": ["web"]}, ["web"]),
        ({"onlyContainers": ["nobody"]}, []),
    ],
)
def test_containers_are_selected(
    ground: Ground, model: Cluster, pod: str, spec: dict[str, list[str]], names: list[str]
) -> None:
    model.add_pod(pod, ["web", "side"], ["migrate"])
    for name in ("migrate", "web", "side"):
        model.start(pod, name)
        model.write(pod, name, b"hello")
    ground.declare(pod, **spec)
    until(lambda: [one["name"] for one in ground.told(pod)] == names, "the containers that are selected")
    until(lambda: all(ground.contents(pod, pod, name) for name in names), "their lines")
    others = {"migrate", "web", "side"} - set(names)
    assert not any(ground.contents(pod, pod, name) for name in others)


def test_lines_before_a_time_are_not_wanted(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    second = int(datetime.now(UTC).timestamp()) - 10
    model.write(pod, "main", b"before", b"in its second", b"behind", at=[(second + nth) * 10**9 for nth in (-1, 0, 1)])
    ground.declare(pod, sinceTime=datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    until(lambda: ground.contents(pod, pod) == [b"in its second", b"behind"], "the later lines")


@pytest.mark.parametrize("how", ["reset", "chunk"])
def test_a_broken_connection_is_told_and_opened_again(ground: Ground, model: Cluster, pod: str, how: str) -> None:
    model.add_pod(pod, start=True)
    ground.declare(pod)
    until(lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "it to be followed")
    since = time.time()
    ground.cluster.faults.cut(f"{pod}/log", how, after=35)
    model.write(pod, "main", b"one", b"two")
    assert "active" not in ground.tells_of_error(pod, "", since=since)
    until(lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "it to be followed again")
    soon(lambda: ground.contents(pod, pod) == [b"one", b"two"], "both lines, once")


def test_what_the_kubelet_says_inside_of_a_log_is_an_error(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    ground.declare(pod)
    until(lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "it to be followed")
    model.write(pod, "main", b"one")
    soon(lambda: ground.contents(pod, pod) == [b"one"], "the line")
    since = time.time()
    ground.cluster.faults.cut(f"{pod}/log", "text")
    ground.tells_of_error(pod, KUBELETS_WORDS.decode(), since=since)
    model.write(pod, "main", b"two")
    until(lambda: ground.contents(pod, pod) == [b"one", b"two"], "the next line, and nothing else")


def test_a_container_that_is_started_again_is_followed_anew(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    ground.declare(pod)
    until(lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "it to be followed")
    model.write(pod, "main", b"first run")
    model.terminate(pod, "main", exit_code=1)
    model.wait(pod, "main", "CrashLoopBackOff", "back-off 10s restarting failed container")
    ground.tells(pod, lambda: ground.told(pod) == [{"name": "main"}], "it to wait")
    model.start(pod, "main")
    model.write(pod, "main", b"second run")
    ground.tells(pod, lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "it to be followed again")
    soon(lambda: ground.contents(pod, pod) == [b"first run", b"second run"], "the lines of both")


def test_what_an_earlier_run_had_left_to_say_is_read_first(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    model.write(pod, "main", b"first run", ends=False)
    model.restart(pod, "main")
    model.write(pod, "main", b"second run")
    ground.declare(pod)
    until(lambda: ground.contents(pod, pod) == [b"first run", b"second run"], "the lines of both, in order")


def test_lines_are_kept_byte_for_byte_with_their_time(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    ground.declare(pod)
    second = int(datetime.now(UTC).timestamp())
    written = [b"", b"\r", b"\xff\x00 \xfe", "größer ✓".encode(), b"  indented", b"x" * 40_000]
    at = [second * 10**9 + nth * 1_001_001 for nth in range(len(written))]
    model.write(pod, "main", *written, at=at)
    until(lambda: ground.contents(pod, pod) == written, "the lines")
    assert [line.micros for line in ground.lines(pod, pod)] == [nanoseconds // 1000 for nanoseconds in at]


def test_what_nobody_wants_any_more_is_not_followed(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, ["a", "b"], start=True)
    ground.declare(pod)
    until(lambda: ground.cluster.faults.open(f"{pod}/log") == 2, "both to be followed")
    ground.withdraw(pod)
    soon(lambda: ground.cluster.faults.open(f"{pod}/log") == 0, "nobody to follow them")


def test_positions_are_kept_for_as_long_as_the_pod_is_there(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    for content in (b"one", b"two"):  # declared once more, it is read on
        model.write(pod, "main", content)
        ground.declare(pod)
        until(lambda: ground.contents(pod, pod)[-1:] == [content], "the line")  # noqa: B023 (called here)
        ground.withdraw(pod)
        soon(lambda: ground.cluster.faults.open(f"{pod}/log") == 0, "nobody to follow it")
    assert ground.contents(pod, pod) == [b"one", b"two"]
    stream = ground.stream(pod)
    assert stream is not None
    assert store().positions(stream.ref)
    model.delete_pod(pod)
    soon(lambda: not store().positions(stream.ref), "its positions to be forgotten")


def test_a_status_is_written_only_where_it_differs(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    ground.declare(pod)
    until(lambda: ground.told(pod) == [{"name": "main", **ACTIVE}], "it to be followed")
    for colour in ("red", "green", "blue"):
        model.change_pod(pod, labels={"colour": colour})
        model.write(pod, "main", colour.encode())
    soon(lambda: len(ground.contents(pod, pod)) == 3, "the lines")
    # But for counts of lines, which are told now and then.
    news, *others = [change.at.timestamp() for change in reversed(ground.changes(pod)) if _is_active(change)]
    assert all(each - news > LINES_EVERY_SECONDS - 1 for each in others)


def _is_active(change: ObjectChange) -> bool:
    return any("active" in one for one in change.document["status"].get("containerStatuses") or ())


def test_states_are_true_within_a_second(ground: Ground, collector: Collector, model: Cluster, pod: str) -> None:
    """On a machine that does nothing else most take half of that; here others run beside. From the moment at which a
    container changes to the one at which the collector writes what it tells, but for what they keep it waiting."""
    model.add_pod(pod)
    ground.declare(pod)
    until(lambda: ground.told(pod) == [{"name": "main"}], "its container")
    took = []
    for state in [ACTIVE, OVER] * 4:
        since, waited = time.time(), collector.kept_waiting
        if state == ACTIVE:
            model.start(pod, "main")
        else:
            model.write(pod, "main", b"hello")
            model.terminate(pod, "main")
        told = [{"name": "main", **state}]
        seconds = ground.tells(pod, lambda told=told: ground.told(pod) == told, str(state), since=since)
        took.append(seconds - (collector.kept_waiting - waited))
        print(f"{state}: {seconds:.2f} s, {took[-1]:.2f} s of its own")
    assert statistics.median(took) < 1.0


def test_the_annotation_else_the_owner_names_the_stream(ground: Ground, model: Cluster, pod: str) -> None:
    owned = {"labels": {"pod-template-hash": "5d9c"}, "start": True}
    model.add_pod(f"{pod}-a", owner=f"ReplicaSet/{pod}-5d9c", **owned)
    model.add_pod(f"{pod}-b", owner=f"ReplicaSet/{pod}-5d9c", **owned)
    for name in (f"{pod}-a", f"{pod}-b"):
        model.write(name, "main", name.encode())
    ground.declare(f"{pod}-a")
    ground.declare(f"{pod}-b", resource=f"{pod}-chosen")
    until(lambda: ground.contents(pod, f"{pod}-a") == [f"{pod}-a".encode()], "the owner's stream")
    until(lambda: ground.contents(f"{pod}-chosen", f"{pod}-b") == [f"{pod}-b".encode()], "the stream that was named")


def test_another_namespace_and_other_teams_clusters_have_no_pods(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(f"kube-system/{pod}", start=True)
    model.add_pod(f"shop/{pod}", start=True)
    ground.declare(pod, name=f"{pod}-1", namespace="kube-system")
    ground.declare(pod, name=f"{pod}-2", namespace="shop")
    stranger = Ground(ground.cluster, make_team("unlimited"))
    stranger.declare(pod, namespace="shop")
    until(lambda: "kube-system" in ground.error(f"{pod}-1"), "a namespace that is not allowed")
    until(lambda: stranger.error(pod) == f"pod not found: shop/{pod}", "a cluster of another team")
    until(lambda: ground.told(f"{pod}-2") == [{"name": "main", **ACTIVE}], "the one that is allowed")


def test_replicas_and_what_happens_to_them_are_told(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, ["web"])
    ground.declare(pod)
    model.emit_event(pod, "Scheduled", f"Successfully assigned default/{pod} to node-1")
    model.emit_event(pod, "Pulling", 'Pulling image "registry.example/web:1"', container="web")
    model.emit_event(pod, "Pulled", "Successfully pulled image", container="web")
    until(lambda: ground.replicas(pod).get(pod) is not None, "the replica")
    model.start(pod, "web")
    model.emit_event(pod, "Started", "Started container web", container="web")
    soon(lambda: ground.replicas(pod)[pod].ready, "the replica to be ready")
    for _ in range(3):
        model.emit_event(pod, "Unhealthy", "Readiness probe failed: HTTP 503", container="web")
    model.restart(pod, "web", exit_code=137, reason="OOMKilled")
    told = {"scheduled": 1, "image_pulling": 1, "image_pulled": 1, "started": 1, "probe_failed": 3, "oom_killed": 1}
    until(lambda: ground.happened(pod, pod) == told, "what happened")
    replica = ground.replicas(pod)[pod]
    assert (replica.node, replica.restarts, replica.status) == ("node-1", 1, "running")
    model.delete_pod(pod)
    soon(lambda: pod not in ground.replicas(pod), "the replica to be gone")


def test_a_status_that_a_client_wrote_keeps_nobody_waiting(ground: Ground, model: Cluster, pod: str) -> None:
    model.add_pod(pod, start=True)
    ground.declare(pod)
    active = [{"name": "main", **ACTIVE}]
    until(lambda: ground.told(pod) == active, "it to be active")
    ground.lie(pod, {"containerStatuses": [{"lines": 5}]})
    other = Ground(ground.cluster)
    other.settle()
    other.declare(pod)
    until(lambda: other.told(pod) == active, "another team's to be active")
    until(lambda: ground.told(pod) == active, "the truth to be told again")


def test_a_stream_that_cannot_be_named_keeps_nobody_waiting(ground: Ground, model: Cluster, pod: str) -> None:
    owner = f"{pod}\x00"
    model.add_pod(f"{pod}-bad", owner=f"StatefulSet/{owner}", start=True)
    ground.declare(f"{pod}-bad")
    model.add_pod(pod, start=True)
    other = Ground(ground.cluster)
    other.settle()
    for one in (ground, other):
        one.declare(pod)
        until(lambda one=one: one.told(pod) == [{"name": "main", **ACTIVE}], "the others to be active")  # type: ignore[misc]
    assert ground.error(f"{pod}-bad") == f"no stream can be named {owner!r}"


def test_what_goes_wrong_with_one_is_told_in_its_status_and_the_others_are_told_of() -> None:
    def target(name: str, lines: object) -> Target:
        status = {"containerStatuses": [{"name": "main", "lines": lines}]}
        declared = {"metadata": {"name": name, "uid": name}, "spec": {"cluster": "default", "pod": "a"}}
        return Target(1, {**declared, "status": status}, pod=PodView("uid", "a", (), {}, ()))

    broken, sound = target("broken", "many"), target("sound", 1)
    seen = {one.name: {"main": Followed()} for one in (broken, sound)}
    assert len(Reporter().work([broken, sound], [], seen)) == 2
    assert (broken.error, sound.error) == ("this cannot be followed: ValueError", "")
