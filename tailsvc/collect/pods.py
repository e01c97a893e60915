"""What a pod says of itself: its containers, in the order of its spec, and which logs of theirs there are."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

Pod = Mapping[str, Any]  # as the API gives it
_JOB_OF_CRON_JOB = re.compile(r"-\d{8,10}$")


class Phase(Enum):
    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Container:
    """`id` is that of the instance whose log is to be had, "" for none; `former` that of the one before it, whose log
    is to be had as `previous`."""

    name: str
    is_init: bool
    phase: Phase
    id: str
    former: str

    @property
    def has_ended(self) -> bool:
        """The instance `id` writes no more."""
        return self.phase is not Phase.RUNNING


def selected(containers: Iterable[Container], only: Collection[str], ignore: Collection[str]) -> list[Container]:
    """`ignore` counts only where `only` is empty."""
    return [one for one in containers if (one.name in only if only else one.name not in ignore)]


def containers_of(pod: Pod) -> Iterator[Container]:
    """Init containers first. Raises ValueError for a name that is no text: what is stored is named by it."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    for specs, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        found = {one["name"]: one for one in status.get(statuses) or ()}
        for declared in spec.get(specs) or ():
            name = declared["name"]
            if not isinstance(name, str):
                raise ValueError(f"a container's name is {name!r}"[:100])
            yield _container(name, found.get(name) or {}, is_init=specs == "initContainers")


def _container(name: str, status: Mapping[str, Any], *, is_init: bool) -> Container:
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    phase = next((one for one in (Phase.RUNNING, Phase.TERMINATED) if one.value in state), Phase.WAITING)
    id_ = str(status.get("containerID") or (state.get("terminated") or {}).get("containerID") or "")
    former = str(last.get("containerID") or "")
    # While it waits to be started again, its newest instance is the one that ended last.
    return Container(name, is_init, phase, id_, "" if former == id_ else former)


def resource_of(pod: Pod) -> str:
    """What the pod is one of: its owner, as people know it; without one, itself."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or ()
    owner = next((one for one in owners if one.get("controller")), next(iter(owners), None))
    if owner is None:
        return str(metadata["name"])
    name = str(owner["name"])
    if owner["kind"] == "ReplicaSet":
        return name.removesuffix(f"-{(metadata.get('labels') or {}).get('pod-template-hash', '')}")
    if owner["kind"] == "Job":
        return _JOB_OF_CRON_JOB.sub("", name)
    if owner["kind"] == "Node":
        return str(metadata["name"]).removesuffix(f"-{name}")
    return name


_STATUSES = {"Pending": "pending", "Running": "running", "Succeeded": "succeeded", "Failed": "failed"}
_CONDITION_STATUSES = {"True", "False", "Unknown"}


def replica_of(pod: Pod, cluster: str) -> dict[str, Any]:
    """The pod as a replica reports itself."""
    spec, status, metadata = pod.get("spec") or {}, pod.get("status") or {}, pod["metadata"]
    conditions = [one for one in status.get("conditions") or () if one.get("status") in _CONDITION_STATUSES]
    phase = _STATUSES.get(status.get("phase", ""), "pending")
    told: dict[str, Any] = {
        "status": "terminating" if metadata.get("deletionTimestamp") and phase in {"pending", "running"} else phase,
        "ready": any(one["type"] == "Ready" and one["status"] == "True" for one in conditions),
        "cluster": cluster,
        "node": spec.get("nodeName") or "",
        "conditions": [{"type": one["type"], "status": one["status"]} for one in conditions],
        "restarts": sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ()),
    }
    started = status.get("startTime")
    return {**told, "started_at": datetime.fromisoformat(started)} if started else told
