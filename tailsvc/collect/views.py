"""A pod as far as it matters to us, read once for each of its states."""

from dataclasses import dataclass
from typing import Any

from tailsvc.collect.happenings import Happening, told_by_pod
from tailsvc.collect.pods import Container, Pod, containers_of, replica_of, resource_of


@dataclass(frozen=True, slots=True)
class PodView:
    """`resource`: what it is one of. `replica`: as it reports itself."""

    uid: str
    resource: str
    containers: tuple[Container, ...]
    replica: dict[str, Any]
    happenings: tuple[Happening, ...]


def view_of(pod: Pod, cluster: str) -> PodView:
    return PodView(
        uid=str(pod["metadata"]["uid"]),
        resource=resource_of(pod),
        containers=tuple(containers_of(pod)),
        replica=replica_of(pod, cluster),
        happenings=tuple(told_by_pod(pod)),
    )
