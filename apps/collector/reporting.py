"""Which of what the collector sees is news, and to whom: PodLogStreams, replicas, lifecycle events."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import structlog

from apps.collector.cluster import Document
from apps.collector.records import Happenings, Replicas, Statuses
from apps.collector.sites import Site
from apps.collector.targets import Target
from tailsvc.collect.happenings import Happening
from tailsvc.collect.statuses import Followed, Status, failed, status_of
from tailsvc.storage.base import StreamRef

Work = Callable[[], None]
_Place = tuple[tuple[int, str], str, str]  # team and cluster, namespace, pod
_log = structlog.get_logger(__name__)


class Reporter:
    """Answers what is to be written; nothing is written here."""

    def __init__(self) -> None:
        self._statuses, self._replicas, self._happenings = Statuses(), Replicas(), Happenings()
        self._lines_before: dict[tuple[str, str], int] = {}  # of earlier collectors, by object and source
        self._introduced: set[tuple[StreamRef, _Place]] = set()

    def work(
        self, targets: list[Target], sites: Iterable[Site], seen: Mapping[str, Mapping[str, Followed]]
    ) -> list[Work]:
        """`seen`: what is followed for each target, by the object's uid and the container."""
        work: list[Work] = []
        for target in targets:
            work += self._of_target(target, seen.get(target.declared["metadata"]["uid"], {}))
        work += self._of_gone({(one.stream.stream, one.pod_name) for one in targets if one.stream is not None})
        return work + [one for site in sites for one in self._of_site(site, targets)]

    def _of_target(self, target: Target, seen: Mapping[str, Followed]) -> list[Work]:
        work: list[Work] = []
        error = target.error
        with target.contained():
            work = [*self._of_status(target, seen), *self._of_pod(target)]
        if target.error != error:  # which is news
            with target.contained():
                work = [*self._of_status(target, seen)]
        return work

    def _of_status(self, target: Target, seen: Mapping[str, Followed]) -> Iterator[Work]:
        status = self._status(target, seen)
        if status is not None and self._statuses.is_news(target.team_id, target.declared, status):
            yield partial(self._statuses.write, target.team_id, target.declared, status)

    def _status(self, target: Target, seen: Mapping[str, Followed]) -> Status | None:
        """None: nothing is known yet."""
        if target.error:
            return failed(target.error)
        if target.pod is None or (target.containers and target.stream is None):
            return None
        return status_of(target.containers, {name: self._counted(target, name, one) for name, one in seen.items()})

    def _counted(self, target: Target, container: str, seen: Followed) -> Followed:
        """With the lines that were stored before this process began to count."""
        key = (str(target.declared["metadata"]["uid"]), container)
        before = self._lines_before.setdefault(key, _lines_of(target.declared, container))
        return Followed(seen.id, seen.is_open, seen.is_done, seen.error, before + seen.lines)

    def _of_pod(self, target: Target) -> Iterator[Work]:
        if target.stream is None or target.pod is None:
            return
        stream, pod = target.stream.stream, target.pod_name
        state = target.pod.replica
        if self._replicas.is_news(stream, pod, state):
            yield partial(self._replicas.tell, stream, pod, state)
        for found in target.pod.happenings:
            yield from self._of_happening(stream, pod, found)

    def _of_happening(self, stream: StreamRef, pod: str, found: Happening) -> Iterator[Work]:
        if self._happenings.fresh(stream, pod, found) > 0:
            yield partial(self._happenings.record, stream, pod, found)

    def _of_gone(self, there: set[tuple[StreamRef, str]]) -> Iterator[Work]:
        for stream, pod in self._replicas.known() - there:
            self._happenings.forget(stream, pod)
            self._introduced = {one for one in self._introduced if (one[0], one[1][2]) != (stream, pod)}
            yield partial(self._replicas.withdraw, stream, pod)

    def _of_site(self, site: Site, targets: Iterable[Target]) -> list[Work]:
        try:
            return list(self._of_events(site, targets))
        except Exception:  # noqa: BLE001 (it is due to what that cluster says; the others are listened to)
            _log.exception("a cluster's events cannot be told", team=site.registered.team_id, name=site.registered.name)
            return []

    def _of_events(self, site: Site, targets: Iterable[Target]) -> Iterator[Work]:
        """Of pods that nobody collects from, events are none of our business."""
        registered = site.registered
        cluster = (registered.team_id, registered.name)
        streams: dict[_Place, set[StreamRef]] = defaultdict(set)
        for target in targets:
            if target.stream is not None and target.site is site:
                streams[cluster, target.namespace, target.pod_name].add(target.stream.stream)
        new = {(stream, place) for place, found in streams.items() for stream in found} - self._introduced
        self._introduced |= new
        events = site.news()
        if new:  # what happened before somebody began to collect is told, too
            events = site.events()
        for event in events:
            for stream in streams.get((cluster, event.namespace, event.pod), ()):
                yield from self._of_happening(stream, event.pod, event.happening)


def carry_out(work: Iterable[Work]) -> None:
    """In a thread. One that fails keeps no other from being done; it is found to be news again."""
    for one in work:
        try:
            one()
        except Exception:  # noqa: BLE001 (the loop goes on, whatever it is)
            _log.exception("the collector could not tell what it saw")


def _lines_of(declared: Document, container: str) -> int:
    entries = (declared.get("status") or {}).get("containerStatuses") or ()
    return next((int(entry.get("lines", 0)) for entry in entries if entry.get("name") == container), 0)
