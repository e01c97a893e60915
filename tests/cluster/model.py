"""What runs in the cluster: pods, their containers and events, changed as a kubelet and its controllers would.

cluster = Cluster()
cluster.add_pod("web-1", containers=["web"], init=["migrate"])
cluster.start("web-1", "migrate"); cluster.write("web-1", "migrate", b"done"); cluster.terminate("web-1", "migrate")

A pod is told by its name, or `namespace/name`; without the first it is `default`. All calls may come from any thread.
"""

import secrets
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.containers import Container, Instance, Line, rfc3339
from tests.cluster.history import History

WARNINGS = {
    "BackOff",
    "Failed",
    "FailedScheduling",
    "OOMKilling",
    "Unhealthy",
    "Evicted",
    "FailedMount",
    "ErrImagePull",
}


@dataclass(slots=True)
class Pod:
    namespace: str
    name: str
    node: str | None
    containers: dict[str, Container]  # init containers first
    metadata: dict[str, Any]
    created_at: int
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    deleted_at: int | None = None
    restart_policy: str = "Always"
    status: dict[str, Any] = field(default_factory=dict)  # over what follows from its containers


class Cluster:
    def __init__(self) -> None:
        self.history = History()
        self.pods: dict[tuple[str, str], Pod] = {}
        self.namespaces = {"default", "kube-system"}
        self.gone: list[Pod] = []  # what they wrote is kept
        self._events: dict[tuple[str, ...], dict[str, Any]] = {}
        self._lock = threading.RLock()

    # Pods

    def add_pod(
        self,
        pod: str,
        containers: Sequence[str] = ("main",),
        init: Sequence[str] = (),
        *,
        owner: str | None = None,
        node: str | None = "node-1",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        start: bool = False,
        restart_policy: str = "Always",
    ) -> str:
        """Its uid. `owner` as `ReplicaSet/web-5d9c`; `start` its run containers at once; no `node`: pending."""
        namespace, name = split(pod)
        metadata = {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
        if owner:
            kind, _, owner_name = owner.partition("/")
            api = "batch/v1" if kind in {"Job", "CronJob"} else "apps/v1"
            reference = {"apiVersion": api, "kind": kind, "name": owner_name, "uid": str(uuid.uuid4())}
            metadata["ownerReferences"] = [{**reference, "controller": True, "blockOwnerDeletion": True}]  # type: ignore[assignment]
        waiting = {"reason": "PodInitializing" if init else "ContainerCreating"}
        each = [Container(one, f"registry.example/{one}:1", is_init=True, waiting=dict(waiting)) for one in init]
        each += [Container(one, f"registry.example/{one}:1", waiting=dict(waiting)) for one in containers]
        with self._lock:
            made = Pod(namespace, name, node, {one.name: one for one in each}, metadata, time.time_ns())
            made.restart_policy = restart_policy
            self.namespaces.add(namespace)
            self.pods[namespace, name] = made
            for container in containers if start else ():
                made.containers[container].start(time.time_ns())
            self._publish(made)
        return made.uid

    def change_pod(
        self,
        pod: str,
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        node: str | None = None,
        status: Mapping[str, Any] | None = None,
    ) -> None:
        """`status` lies over what follows from its containers: `{"phase": "Failed", "reason": "Evicted"}`."""
        with self._lock:
            found = self.pods[split(pod)]
            found.metadata = {**found.metadata, **({"labels": dict(labels)} if labels is not None else {})}
            found.metadata |= {"annotations": dict(annotations)} if annotations is not None else {}
            found.node = node or found.node
            found.status = {**found.status, **(status or {})}
            self._publish(found)

    def delete_pod(self, pod: str, *, gracefully: bool = False) -> None:
        """With its logs. `gracefully`: it is only marked; once its containers are terminated, delete it again."""
        with self._lock:
            found = self.pods[split(pod)]
            found.deleted_at = time.time_ns()
            self._publish(found)
            if gracefully:
                return
            for container in found.containers.values():
                self._end(container, 137, "Error")
            del self.pods[split(pod)]
            self.gone.append(found)
            self.history.write("pods", split(pod), None)

    # Containers

    def start(self, pod: str, container: str) -> str:
        """The id of what runs now: it had not run yet, or had ended."""
        with self._lock:
            found = self._container(pod, container)
            assert found.current is None or not found.current.is_running, f"{container} runs"
            made = found.start(time.time_ns())
            self._publish(self.pods[split(pod)])
        return made.id

    def terminate(self, pod: str, container: str, exit_code: int = 0, reason: str = "") -> None:
        with self._lock:
            self._end(self._container(pod, container), exit_code, reason or ("Error" if exit_code else "Completed"))
            self._publish(self.pods[split(pod)])

    def wait(self, pod: str, container: str, reason: str, message: str = "") -> None:
        """It waits to start: `CrashLoopBackOff`, `ImagePullBackOff`, ..."""
        with self._lock:
            self._container(pod, container).waiting = {"reason": reason, **({"message": message} if message else {})}
            self._publish(self.pods[split(pod)])

    def restart(self, pod: str, container: str, exit_code: int = 1, reason: str = "") -> str:
        """It ended, if it had not yet, and runs again: the id of what runs now."""
        if self._container(pod, container).current is not None:
            self.terminate(pod, container, exit_code, reason)
        return self.start(pod, container)

    # Logs

    def write(
        self, pod: str, container: str, *lines: bytes, at: int | Sequence[int] | None = None, ends: bool = True
    ) -> None:
        """Lines without their ends. `at`: nanoseconds, for all or each; `ends=False` leaves the last without an end."""
        instance = self._container(pod, container).current
        assert instance is not None
        assert instance.is_running, f"{container} of {pod} does not run"
        now = time.time_ns() if at is None else at
        with self._lock:
            for nth, line in enumerate(lines):
                began = now[nth] if not isinstance(now, int) else now + nth if at is None else now
                instance.write(line, began, ends=ends or nth < len(lines) - 1)
        instance.bell.ring()

    def rotate(self, pod: str, container: str, keep: int = 0) -> None:
        """The oldest entries vanish, but for those who are reading them."""
        instance = self._container(pod, container).current
        assert instance is not None
        instance.first = max(instance.first, len(instance.entries) - keep)

    def remove_ended(self, pod: str, container: str) -> None:
        """The runs that have ended, with their logs."""
        for instance in self.instances(pod, container):
            instance.is_removed = not instance.is_running

    def truth(self, pod: str, container: str) -> list[list[Line]]:
        """What each run of the container wrote, the first one first. Of pods that are gone too."""
        found = [one for one in [*self.gone, *self.pods.values()] if (one.namespace, one.name) == split(pod)]
        runs = [run for one in found if container in one.containers for run in one.containers[container].instances]
        return [run.lines() for run in runs]

    def instances(self, pod: str, container: str) -> list[Instance]:
        return self._container(pod, container).instances

    # Events

    def emit_event(self, pod: str, reason: str, message: str = "", *, container: str | None = None) -> None:
        """As the kubelet or the scheduler does; told again, it is counted."""
        namespace, name = split(pod)
        with self._lock:
            found = self.pods.get((namespace, name))
            uid = found.uid if found else ""
            key = (namespace, name, uid, reason, message, container or "")
            event = self._events.get(key) or _new_event(namespace, name, found, reason, container) | {
                "message": message
            }
            event = {**event, "lastTimestamp": rfc3339(time.time_ns()), "count": event["count"] + 1}
            self._events[key] = event
            self.history.write("events", (namespace, event["metadata"]["name"]), event)

    def compact(self) -> None:
        """Versions before now are too old to watch from."""
        self.history.compact()

    def _container(self, pod: str, container: str) -> Container:
        return self.pods[split(pod)].containers[container]

    def _end(self, container: Container, exit_code: int, reason: str) -> None:
        run = container.current
        if run is not None and run.is_running:
            run.exit_code, run.reason, run.finished_at = exit_code, reason, time.time_ns()
            run.bell.ring()

    def _publish(self, pod: Pod) -> None:
        self.history.write("pods", (pod.namespace, pod.name), as_object(pod))


def split(pod: str) -> tuple[str, str]:
    namespace, slash, name = pod.partition("/")
    return (namespace, name) if slash else ("default", namespace)


def _new_event(namespace: str, name: str, pod: Pod | None, reason: str, container: str | None) -> dict[str, Any]:
    involved = {"kind": "Pod", "namespace": namespace, "name": name, "uid": pod.uid if pod else "", "apiVersion": "v1"}
    if pod is not None and container is not None:
        kind = "initContainers" if pod.containers[container].is_init else "containers"
        involved["fieldPath"] = f"spec.{kind}{{{container}}}"
    node = (pod and pod.node) or "node-1"
    return {
        "metadata": _metadata(f"{name}.{secrets.token_hex(8)}", namespace, str(uuid.uuid4()), time.time_ns()),
        "involvedObject": involved,
        "reason": reason,
        "type": "Warning" if reason in WARNINGS else "Normal",
        "source": {"component": "kubelet", "host": node},
        "firstTimestamp": rfc3339(time.time_ns()),
        "count": 0,
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": node,
    }


def as_object(pod: Pod) -> dict[str, Any]:
    init = [one for one in pod.containers.values() if one.is_init]
    run = [one for one in pod.containers.values() if not one.is_init]
    metadata = {**_metadata(pod.name, pod.namespace, pod.uid, pod.created_at), **pod.metadata}
    if pod.deleted_at is not None:
        metadata |= {"deletionTimestamp": rfc3339(pod.deleted_at), "deletionGracePeriodSeconds": 30}
    spec = {
        **({"initContainers": [{"name": one.name, "image": one.image} for one in init]} if init else {}),
        "containers": [{"name": one.name, "image": one.image} for one in run],
        "restartPolicy": pod.restart_policy,
        **({} if pod.node is None else {"nodeName": pod.node}),
    }
    return {"metadata": metadata, "spec": spec, "status": _status(pod, init, run)}


def _status(pod: Pod, init: Sequence[Container], run: Sequence[Container]) -> dict[str, Any]:
    if pod.node is None:
        unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        return {"phase": "Pending", "conditions": [unscheduled], "qosClass": "BestEffort", **pod.status}
    ready = all(one.status()["ready"] for one in run)
    conditions = {"Initialized": all(one.status()["ready"] for one in init), "Ready": ready, "ContainersReady": ready}
    return {
        "phase": _phase(pod, run),
        "conditions": [
            {"type": kind, "status": str(holds), "lastTransitionTime": rfc3339(pod.created_at)}
            for kind, holds in {**conditions, "PodScheduled": True}.items()
        ],
        "hostIP": "10.0.0.1",
        "podIP": "10.1.0.1",
        "podIPs": [{"ip": "10.1.0.1"}],
        "startTime": rfc3339(pod.created_at),
        **({"initContainerStatuses": [one.status() for one in init]} if init else {}),
        "containerStatuses": [one.status() for one in run],
        "qosClass": "BestEffort",
        **pod.status,
    }


def _phase(pod: Pod, run: Sequence[Container]) -> str:
    if all(one.current is None for one in run):
        return "Pending"
    ended = [one.current for one in run if one.current is not None and not one.current.is_running]
    if pod.restart_policy == "Always" or len(ended) < len(run):
        return "Running"
    return "Failed" if any(one.exit_code for one in ended) else "Succeeded"


def _metadata(name: str, namespace: str, uid: str, created_at: int) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": rfc3339(created_at)}
