"""The loop: what is declared, what clusters run, what is followed; and whatever differs is brought into line."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import structlog

from apps.clusters.lookups import collected
from apps.collector.declared import Declared, grants
from apps.collector.follower import Follower
from apps.collector.forgetting import Key, Left
from apps.collector.reporting import Reporter, carry_out
from apps.collector.sites import Sites
from apps.collector.targets import Target, needed_namespaces, place_of
from apps.collector.writing import Room, StreamWriter
from apps.engine import store
from apps.objects import hints
from apps.objects.watching import in_thread
from apps.streams.lookups import IngestGrant
from tailsvc.collect.pods import Container
from tailsvc.collect.statuses import Followed
from tailsvc.storage.base import StreamRef

# Hints may be lost.
LOOK_SECONDS = 0.5
# Of clusters and streams: whether they are still there.
LOOK_ROUND_SECONDS = 2.0
# What a container that is gone has left to say arrives within this time.
FAREWELL_SECONDS = 3.0
# Each is a connection and a task; more than one team's share of a process.
FOLLOWED_PER_TEAM = 2_000
# All positions are looked at now and then, and where somebody is not followed any more.
FORGET_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Controller:
    """Of one process. `run` works until it is cancelled."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._declared = Declared()
        self._sites = Sites(self._woken.set)
        self._reporter = Reporter()
        self._room = Room()
        self._grants: dict[tuple[int, str], IngestGrant | str] = {}
        self._grants_before: dict[tuple[int, str], IngestGrant | str] = {}
        self._writers: dict[StreamRef, StreamWriter] = {}
        self._followers: dict[Key, Follower] = {}
        self._leaving: dict[Key, float] = {}  # until when
        self._left = Left()
        self._is_hinted = False
        self._next_look = self._next_round = self._next_forgetting = 0.0

    async def run(self) -> None:
        hints.HEARERS.append(self._hear)
        hints.WANTED.append(_always)
        hints.listener().start()
        try:
            while True:
                await self._turn()
        finally:
            hints.HEARERS.remove(self._hear)
            hints.WANTED.remove(_always)
            await self._close()

    def _hear(self, _teams: object) -> None:
        """From any thread: somebody declared something."""
        self._is_hinted = True
        self._loop.call_soon_threadsafe(self._woken.set)

    async def _turn(self) -> None:
        self._woken.clear()
        try:
            await self._look()
            await self._reconcile()
        except Exception:  # noqa: BLE001 (the loop goes on, whatever it is)
            _log.exception("the collector could not go round; it tries again")
            await asyncio.sleep(1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):  # Python 3.11's wait_for may lose a cancellation
                await self._woken.wait()
        await asyncio.sleep(0.05)  # what changes together is looked at together

    async def _look(self) -> None:
        """What is registered and declared. Most rounds are for what happens in clusters, and need not ask."""
        now = self._loop.time()
        if now >= self._next_round:
            await self._sites.become(await in_thread(collected))
            self._grants_before, self._grants = self._grants, {}
            self._next_round = now + LOOK_ROUND_SECONDS
        if self._is_hinted or now >= self._next_look:
            self._is_hinted = False
            await in_thread(partial(self._declared.refresh, self._sites.teams()))
            self._next_look = now + LOOK_SECONDS

    async def _reconcile(self) -> None:
        targets = [Target(team_id, one) for team_id, found in self._declared.objects.items() for one in found]
        for site in self._sites.all():
            await site.watch(needed_namespaces(targets, site) | self._left.namespaces(site))
        for target in targets:
            with target.contained():
                target.find(self._sites)
        await self._find_streams(targets)
        await self._follow(targets)
        work = self._reporter.work(targets, self._sites.all(), self._seen(targets))
        if work:
            await in_thread(partial(carry_out, work))
        await self._forget_the_gone()

    async def _find_streams(self, targets: Iterable[Target]) -> None:
        asking = [target for target in targets if target.containers]
        missing: dict[int, set[str]] = defaultdict(set)
        for target in asking:
            if (target.team_id, target.resource) not in self._grants:
                missing[target.team_id].add(target.resource)
        for team_id, names in missing.items():
            answered = await self._granted(team_id, sorted(names))
            self._grants.update({(team_id, name): grant for name, grant in answered.items()})
        for target in asking:
            grant = self._grants[target.team_id, target.resource]
            if isinstance(grant, str):
                target.error = grant
            else:
                target.stream = grant

    async def _granted(self, team_id: int, names: Sequence[str]) -> Mapping[str, IngestGrant | str]:
        """A team that cannot be answered keeps what it had."""
        try:
            return await in_thread(partial(grants, team_id, names))
        except Exception as error:  # noqa: BLE001 (it may be due to anything that the team says; the others go on)
            _log.exception("a team's streams cannot be looked up", team=team_id)
            why = f"its stream cannot be looked up: {type(error).__name__}"
            return {name: self._grants_before.get((team_id, name), why) for name in names}

    async def _follow(self, targets: Iterable[Target]) -> None:
        """Followers for what is there, none for what is not."""
        wanted: set[Key] = set()
        followed: Counter[int] = Counter()
        for target in targets:
            with target.contained():
                await self._follow_one(target, wanted, followed)
        await self._dismiss(wanted)

    async def _follow_one(self, target: Target, wanted: set[Key], followed: Counter[int]) -> None:
        if followed[target.team_id] + len(target.containers) > FOLLOWED_PER_TEAM:
            target.stream, target.error = None, f"{FOLLOWED_PER_TEAM} containers of the team are followed already"
        for container in target.containers if target.stream is not None else ():
            key = (target.stream.stream, target.source(container).name)  # type: ignore[union-attr]
            if key not in wanted:  # two objects may select the same: its lines are read once
                wanted.add(key)
                followed[target.team_id] += 1
                await self._ensure(key, target, container)

    async def _ensure(self, key: Key, target: Target, container: Container) -> None:
        if target.stream is None or target.site is None or target.site.api is None:
            return
        self._leaving.pop(key, None)
        writer = self._writers.get(key[0])
        if writer is None:
            writer = self._writers[key[0]] = StreamWriter(target.stream, self._room)
        writer.grant = target.stream
        api, follower = target.site.api, self._followers.get(key)
        if follower is not None and follower.is_of(api, writer):
            follower.see(container)
            return
        if follower is not None:
            await follower.close()
        self._followers[key] = Follower(
            api,
            (target.namespace, target.pod_name),
            container,
            writer,
            target.source(container),
            since=target.since,
            changed=self._woken.set,
        )

    async def _dismiss(self, wanted: set[Key]) -> None:
        now = self._loop.time()
        for key in self._followers.keys() - wanted:
            self._followers[key].leave()
            farewell = FAREWELL_SECONDS if self._is_gone(*key) else 0.0
            if now >= self._leaving.setdefault(key, now + farewell):
                del self._leaving[key]
                await self._followers.pop(key).close()
                self._next_forgetting = now
        for stream in self._writers.keys() - {stream for stream, _ in self._followers}:
            if self._writers[stream].is_idle:
                await self._writers.pop(stream).close()

    def _seen(self, targets: Iterable[Target]) -> Mapping[str, Mapping[str, Followed]]:
        found: dict[str, dict[str, Followed]] = defaultdict(dict)
        for target in targets:
            for container in target.containers if target.stream is not None else ():
                key = (target.stream.stream, target.source(container).name)  # type: ignore[union-attr]
                if key in self._followers:
                    found[target.declared["metadata"]["uid"]][container.name] = self._followers[key].seen
        return found

    async def _forget_the_gone(self) -> None:
        """Of pods that are not there any more, nobody will ask where to go on."""
        now = self._loop.time()
        if now >= self._next_forgetting:
            await self._left.look(self._sites.teams())
            self._next_forgetting = now + FORGET_SECONDS
        for stream, sources in self._left.take_gone(self._sites, self._followers).items():
            try:
                await in_thread(partial(store().forget_positions, stream, sources))
            except Exception:  # noqa: BLE001 (one stream's trouble; they are found again with the next look)
                _log.exception("positions cannot be forgotten", stream=stream.stream_id, team=stream.team_id)
                continue
            if stream in self._writers:
                self._writers[stream].forget(sources)

    def _is_gone(self, stream: StreamRef, source: str) -> bool:
        place = place_of(source)
        site = self._sites.find(stream.team_id, place.cluster)
        if site is None or not site.is_known(place.namespace):
            return False
        return all(pod.uid != place.uid for pod in site.pods(place.namespace))

    async def _close(self) -> None:
        await asyncio.gather(*(follower.close() for follower in self._followers.values()))
        await asyncio.gather(*(writer.close() for writer in self._writers.values()))
        await self._sites.close()


def _always() -> bool:
    return True
