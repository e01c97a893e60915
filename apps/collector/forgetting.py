"""Positions of containers that nobody follows any more.

They are kept for as long as the pod is there: whoever declares it again goes on where it was left. So until it is gone
its namespace is watched, even where no PodLogStream needs that.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache, partial

from apps.collector.sites import Site, Sites
from apps.collector.targets import place_of
from apps.engine import store
from apps.objects.watching import in_thread
from tailsvc.storage.base import StreamRef

Key = tuple[StreamRef, str]  # of a follower: the stream, and the source's name


class Left:
    """As they were when somebody looked last."""

    def __init__(self) -> None:
        self._keys: list[Key] = []

    async def look(self, teams: Iterable[int]) -> None:
        """At all positions; those that are followed do no harm here."""
        self._keys = await in_thread(partial(_kept, sorted(teams)))

    def namespaces(self, site: Site) -> set[str]:
        """Of that cluster, those that must be watched."""
        mine = (site.registered.team_id, site.registered.name)
        places = [(stream.team_id, place_of(source)) for stream, source in self._keys]
        return {place.namespace for team_id, place in places if (team_id, place.cluster) == mine}

    def take_gone(self, sites: Sites, followed: Collection[Key]) -> Mapping[StreamRef, list[str]]:
        """The sources to forget, by stream."""
        known = cache(partial(_pods, sites))
        gone: dict[StreamRef, list[str]] = defaultdict(list)
        for stream, source in self._keys:
            place = place_of(source)
            pods = known(stream.team_id, place.cluster, place.namespace)
            if pods is not None and place.uid not in pods and (stream, source) not in followed:
                gone[stream].append(source)
        self._keys = [(stream, source) for stream, source in self._keys if source not in gone.get(stream, ())]
        return gone


def _kept(teams: Iterable[int]) -> list[Key]:
    return [key for team in teams for key in store().sources(team)]


def _pods(sites: Sites, team_id: int, cluster: str, namespace: str) -> set[str] | None:
    """The uids of all that are there; None: nobody knows."""
    site = sites.find(team_id, cluster)
    return None if site is None or not site.is_known(namespace) else {pod.uid for pod in site.pods(namespace)}
