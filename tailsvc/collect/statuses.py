"""From what a pod says, and what its followers see, to the status of a PodLogStream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailsvc.collect.pods import Container, Phase

Status = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Followed:
    """What a container's follower sees. `is_done`: everything that the instance `id` ever wrote is read."""

    id: str = ""
    is_open: bool = False
    is_done: bool = False
    error: str = ""
    lines: int = 0


UNSEEN = Followed()


def status_of(containers: Sequence[Container], followed: Mapping[str, Followed]) -> Status:
    """`followed` by the container's name."""
    return {"containerStatuses": [_entry(one, followed.get(one.name, UNSEEN)) for one in containers]}


def failed(error: str) -> Status:
    """Nothing can be followed."""
    return {"error": error}


def _entry(container: Container, seen: Followed) -> Status:
    """Fields that say nothing are left out, as Tilt does."""
    entry: Status = {"name": container.name}
    is_over = container.phase is Phase.TERMINATED and seen.is_done and seen.id == container.id
    if is_over:
        entry["terminated"] = True
    elif seen.is_open:
        entry["active"] = True
    elif seen.error:
        entry["error"] = seen.error
    return {**entry, "lines": seen.lines} if seen.lines else entry


def is_same_but_lines(one: Status, other: Status) -> bool:
    """Lines are counted all the time, and told now and then."""
    return _without_lines(one) == _without_lines(other)


def _without_lines(status: Status) -> Status:
    containers = [{**entry, "lines": 0} for entry in status.get("containerStatuses") or ()]
    return {**status, "containerStatuses": containers}
