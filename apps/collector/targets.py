"""A PodLogStream, and what was found for it: its cluster, its pod, its stream."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import structlog

from apps.collector.cluster import Document
from apps.collector.sites import DEFAULT_NAMESPACE, Site, Sites
from apps.collector.writing import Source
from apps.streams.lookups import IngestGrant
from tailsvc.collect.pods import Container, selected
from tailsvc.collect.views import PodView

# Where the lines of a pod go, if its PodLogStream says so.
RESOURCE = "tilt.dev/resource"
_log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """Where a source's pod is, or was."""

    cluster: str
    namespace: str
    uid: str


@dataclass(slots=True)
class Target:
    """`error` says why nothing can be followed. Without one and without a pod, nothing is known yet."""

    team_id: int
    declared: Document
    site: Site | None = None
    pod: PodView | None = None
    containers: list[Container] = field(default_factory=list)
    stream: IngestGrant | None = None
    error: str = ""

    @property
    def name(self) -> str:
        return str(self.declared["metadata"]["name"])

    @property
    def cluster(self) -> str:
        return str(self.declared["spec"]["cluster"])

    @property
    def namespace(self) -> str:
        return str(self.declared["spec"].get("namespace") or DEFAULT_NAMESPACE)

    @property
    def pod_name(self) -> str:
        return str(self.declared["spec"]["pod"])

    @property
    def since(self) -> int | None:
        """In whole seconds since 1970-01-01 UTC."""
        text = self.declared["spec"].get("sinceTime")
        return int(datetime.fromisoformat(text).timestamp()) if text else None

    @property
    def resource(self) -> str:
        """The name of the stream that the lines go to."""
        annotations = self.declared["metadata"].get("annotations") or {}
        return str(annotations.get(RESOURCE) or (self.pod.resource if self.pod else ""))

    def source(self, container: Container) -> Source:
        uid = self.pod.uid if self.pod else ""
        return Source(f"k8s/{self.cluster}/{self.namespace}/{uid}/{container.name}", self.pod_name, container.name)

    def find(self, sites: Sites) -> None:
        """The pod and its containers, or why there are none. Another team's cluster looks like one without the pod."""
        missing = f"pod not found: {self.namespace}/{self.pod_name}"
        self.site = sites.find(self.team_id, self.cluster)
        if self.site is None:
            self.error = missing
        elif self.namespace not in self.site.registered.namespaces:
            self.error = f"the cluster {self.cluster} is not collected from in the namespace {self.namespace}"
        elif (pod := self.site.pod(self.namespace, self.pod_name)) is not None:
            self.pod, self.containers = pod, self._selected(pod)
        elif error := self.site.error(self.namespace):
            self.error = error
        elif self.site.is_known(self.namespace):
            self.error = missing

    @contextmanager
    def contained(self) -> Iterator[None]:
        """What goes wrong with one is told in its status, and keeps no other waiting."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (it may be due to anything that a team or its cluster says)
            self.stream, self.error = None, f"this cannot be followed: {type(error).__name__}"
            if (self.declared.get("status") or {}).get("error") != self.error:  # each is looked at all the time
                _log.exception("a PodLogStream cannot be followed", team=self.team_id, name=self.name)

    def _selected(self, pod: PodView) -> list[Container]:
        spec = self.declared["spec"]
        return selected(pod.containers, spec.get("onlyContainers") or (), spec.get("ignoreContainers") or ())


def place_of(source: str) -> Place:
    """By the source's name."""
    return Place(*source.split("/", 4)[1:4])


def needed_namespaces(targets: Iterable[Target], site: Site) -> set[str]:
    registered = site.registered
    return {one.namespace for one in targets if (one.team_id, one.cluster) == (registered.team_id, registered.name)}
