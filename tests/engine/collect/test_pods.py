"""What pods say: containers, owners, states, events."""

from typing import Any

import pytest

from tailsvc.collect.happenings import told_by_cluster, told_by_pod
from tailsvc.collect.pods import Container, Phase, containers_of, replica_of, resource_of, selected
from tailsvc.collect.statuses import Followed, is_same_but_lines, status_of


def pod(**parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-1", "uid": "u", **parts.pop("metadata", {})}, **parts}


def owned(kind: str, owner: str, **metadata: Any) -> dict[str, Any]:
    return pod(metadata={"ownerReferences": [{"kind": kind, "name": owner, "controller": True}], **metadata})


@pytest.mark.parametrize(
    ("made", "resource"),
    [
        (pod(), "web-1"),
        (owned("ReplicaSet", "shop-7d9f", labels={"pod-template-hash": "7d9f"}), "shop"),
        (owned("ReplicaSet", "shop-7d9f"), "shop-7d9f"),
        (owned("StatefulSet", "db"), "db"),
        (owned("Job", "backup-28512345"), "backup"),
        (owned("Job", "migrate-7"), "migrate-7"),
        (owned("Node", "node-1", name="etcd-node-1"), "etcd"),
    ],
)
def test_a_pod_is_one_of_its_owners(made: dict[str, Any], resource: str) -> None:
    assert resource_of(made) == resource


STATUSES = {
    "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "b"}, {"name": "a"}, {"name": "new"}]},
    "status": {
        "initContainerStatuses": [{"name": "i", "containerID": "c0", "state": {"terminated": {"containerID": "c0"}}}],
        "containerStatuses": [
            {"name": "a", "containerID": "c2", "state": {"running": {}},
             "lastState": {"terminated": {"containerID": "c1"}}},
            {"name": "b", "containerID": "c4", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"containerID": "c4", "exitCode": 1}}},
        ],
    },
}  # fmt: skip


def test_containers_are_those_of_its_spec_in_order() -> None:
    assert [*containers_of(pod(**STATUSES))] == [
        Container("i", True, Phase.TERMINATED, "c0", ""),
        Container("b", False, Phase.WAITING, "c4", ""),  # its log is that of the instance that crashed
        Container("a", False, Phase.RUNNING, "c2", "c1"),
        Container("new", False, Phase.WAITING, "", ""),
    ]


@pytest.mark.parametrize(
    ("only", "ignore", "names"),
    [((), (), "ibanew"), (("a", "x"), ("a",), "a"), ((), ("a", "i"), "bnew"), (("x",), (), "")],
)
def test_only_wins_over_ignore(only: tuple[str, ...], ignore: tuple[str, ...], names: str) -> None:
    assert "".join(one.name for one in selected(containers_of(pod(**STATUSES)), only, ignore)) == names


@pytest.mark.parametrize("name", [5, None, True, ["a"], {"a": 1}])
def test_a_container_s_name_is_a_text(name: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        [*containers_of(pod(spec={"containers": [{"name": name}]}))]


def test_a_pod_that_says_nothing_yet() -> None:
    assert [*containers_of(pod())] == []
    assert replica_of(pod(), "c")["status"] == "pending"


def test_a_pod_as_a_replica() -> None:
    told = replica_of(
        pod(
            spec={"nodeName": "n"},
            status={
                "phase": "Running",
                "startTime": "2026-11-22T10:00:00Z",
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "Maybe"}],
                "containerStatuses": [{"restartCount": 2}, {"restartCount": 1}],
            },
        ),
        "prod",
    )
    assert (told["status"], told["ready"], told["cluster"], told["node"]) == ("running", True, "prod", "n")
    assert told["restarts"] == 3
    assert told["conditions"] == [{"type": "Ready", "status": "True"}]
    leaving = pod(metadata={"deletionTimestamp": "2026-11-22T10:00:00Z"}, status={"phase": "Running"})
    assert replica_of(leaving, "c")["status"] == "terminating"


def test_crashes_and_waits_are_told_by_the_pod() -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-22T10:00:00Z", "containerID": "c1"}
    status = {"containerStatuses": [
        {"name": "a", "state": {"running": {}}, "lastState": {"terminated": ended}},
        {"name": "b", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
        {"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}},
        {"name": "d", "state": {"terminated": {"exitCode": 0}}},
    ]}  # fmt: skip
    told = [(one.reason, one.message) for one in told_by_pod(pod(status=status))]
    assert told == [
        ("OOMKilled", "Container a ended with exit code 137."),
        ("ImagePullBackOff", "Container b: no such image"),
    ]


def test_events_of_clusters() -> None:
    event: dict[str, Any] = {
        "metadata": {"uid": "e", "namespace": "shop", "creationTimestamp": "2026-11-22T09:00:00Z"},
        "involvedObject": {"kind": "Pod", "name": "web-1"},
        "reason": "Unhealthy",
        "message": "Readiness probe failed\x00",
        "count": 3,
        "lastTimestamp": "2026-11-22T10:00:00Z",
    }
    told = told_by_cluster(event)
    assert told is not None
    happening = told.happening
    assert (told.namespace, told.pod, happening.reason, happening.count) == ("shop", "web-1", "Unhealthy", 3)
    assert happening.at is not None
    assert happening.at.hour == 10
    assert "\x00" not in happening.message
    assert told_by_cluster({**event, "involvedObject": {"kind": "Node", "name": "n"}}) is None


def test_a_status_says_what_is_known() -> None:
    containers = [*containers_of(pod(**STATUSES))]
    seen = {
        "i": Followed("c0", is_done=True, lines=4),
        "a": Followed("c2", is_open=True),
        "b": Followed("c4", error="no"),
    }
    assert status_of(containers, seen)["containerStatuses"] == [
        {"name": "i", "terminated": True, "lines": 4},
        {"name": "b", "error": "no"},
        {"name": "a", "active": True},
        {"name": "new"},
    ]
    of_another = {"i": Followed("former", is_done=True)}
    assert status_of(containers, of_another)["containerStatuses"][0] == {"name": "i"}


def test_lines_alone_are_no_other_state() -> None:
    one, other = ({"containerStatuses": [{"name": "a", "active": True, "lines": lines}]} for lines in (1, 2))
    assert is_same_but_lines(one, other)
    assert not is_same_but_lines(one, {"error": "x"})
