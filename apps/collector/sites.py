"""The clusters that are collected from: for each its API, and watches of those namespaces that somebody needs."""

import asyncio
from collections.abc import Callable, Collection
from functools import partial

import structlog

from apps.clusters.lookups import Collected
from apps.collector.cluster import ClusterApi, ClusterError
from apps.collector.watching import NamespaceWatch
from tailsvc.collect.happenings import PodEvent, told_by_cluster
from tailsvc.collect.views import PodView, view_of

_log = structlog.get_logger(__name__)
DEFAULT_NAMESPACE = "default"


class Site:
    """One cluster of one team. `api` is None while its kubeconfig cannot be used; `fault` says why."""

    def __init__(self, registered: Collected, changed: Callable[[], None]) -> None:
        self.registered = registered
        self.api: ClusterApi | None = None
        self.fault = registered.fault
        self._changed = changed
        self._pods: dict[str, NamespaceWatch[PodView]] = {}
        self._events: dict[str, NamespaceWatch[PodEvent | None]] = {}
        self._news: list[PodEvent | None] = []

    async def connect(self) -> None:
        if self.registered.kubeconfig is None:
            return
        try:
            self.api = await ClusterApi.connect(self.registered.kubeconfig, anywhere=self.registered.anywhere)
        except ClusterError as error:
            self.fault = str(error)
        except Exception as error:  # noqa: BLE001 (nothing that stands in a team's kubeconfig may stop the others)
            _log.warning("a kubeconfig cannot be used", team=self.registered.team_id, error=type(error).__name__)
            self.fault = "the kubeconfig cannot be used"

    async def close(self) -> None:
        await self.watch(())
        if self.api is not None:
            await self.api.close()

    async def watch(self, namespaces: Collection[str]) -> None:
        """These and no others."""
        if self.api is None:
            return
        allowed = set(namespaces) & self.registered.namespaces
        for namespace in allowed - self._pods.keys():
            read = partial(view_of, cluster=self.registered.name)
            self._pods[namespace] = NamespaceWatch(self.api, "pods", namespace, read=read, changed=self._changed)
            self._events[namespace] = NamespaceWatch(
                self.api, "events", namespace, read=told_by_cluster, changed=self._changed, hear=self._news.append
            )
        for namespace in self._pods.keys() - allowed:
            await asyncio.gather(self._pods.pop(namespace).close(), self._events.pop(namespace).close())

    def pod(self, namespace: str, name: str) -> PodView | None:
        watch = self._pods.get(namespace)
        return None if watch is None else watch.objects.get(name)

    def pods(self, namespace: str) -> list[PodView]:
        watch = self._pods.get(namespace)
        return [] if watch is None else list(watch.objects.values())

    def is_known(self, namespace: str) -> bool:
        """Whether a pod that is not found there is not there."""
        watch = self._pods.get(namespace)
        return watch is not None and watch.is_known and not watch.error

    def error(self, namespace: str) -> str:
        """Why nothing is known of its pods."""
        if self.fault:
            return self.fault
        watch = self._pods.get(namespace)
        return "" if watch is None else watch.error

    def news(self) -> list[PodEvent]:
        """The events of pods that came since this was asked last."""
        found, self._news[:] = list(self._news), []
        return [event for event in found if event is not None]

    def events(self) -> list[PodEvent]:
        """All of them that the cluster still knows."""
        return [event for watch in self._events.values() for event in watch.objects.values() if event is not None]


class Sites:
    """All there are, by (team, name)."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._sites: dict[tuple[int, str], Site] = {}

    def find(self, team_id: int, name: str) -> Site | None:
        return self._sites.get((team_id, name))

    def all(self) -> list[Site]:
        return list(self._sites.values())

    def teams(self) -> set[int]:
        return {team_id for team_id, _ in self._sites}

    async def become(self, registered: Collection[Collected]) -> None:
        """What was registered anew is another cluster, whatever its name."""
        wanted = {(one.team_id, one.name): one for one in registered}
        for key, site in list(self._sites.items()):
            if wanted.get(key) != site.registered:
                del self._sites[key]
                await site.close()
        for key, one in wanted.items():
            if key not in self._sites:
                site = Site(one, self._changed)
                await site.connect()
                self._sites[key] = site

    async def close(self) -> None:
        await self.become(())
