"""What is new for those who watch. Nobody who waits holds a thread or a connection.

A hint wakes the watchers of a team; twice a second what is computed is brought up to date, and the versions of all
watched teams of the process are looked at in one statement, as hints may be lost. Those who wait for the same are told
by one read.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.db import connections

from apps.accounts.abilities import Ability
from apps.accounts.callers import Caller
from apps.objects import computed, hints, history
from apps.objects.history import Stretch
from apps.tail.following import following
from tailsvc.objects.kinds import Kind

EVERY_SECONDS = 0.5  # what is computed is to be told within a second
T = TypeVar("T")
_log = structlog.get_logger(__name__)


async def in_thread(work: Callable[[], T]) -> T:
    def worked() -> T:
        try:
            return work()
        finally:
            connections.close_all()  # gives this thread's connection back to the pool

    return await asyncio.to_thread(worked)


@dataclass(frozen=True, slots=True)
class _Asked:
    team_id: int
    plural: str
    after: int


class Watch:
    """All watchers of one event loop."""

    def __init__(self, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._watched: Counter[tuple[int, str]] = Counter()
        self._waiting: dict[int, set[tuple[int, asyncio.Future[None]]]] = defaultdict(set)
        self._reads: dict[_Asked, asyncio.Future[Stretch]] = {}
        self._hinted: set[int] = set()
        self._woken = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    @property
    def is_watched(self) -> bool:
        return bool(self._watched)

    @asynccontextmanager
    async def watching(self, team_id: int, kind: Kind) -> AsyncIterator[None]:
        key = (team_id, kind.plural)
        self._watched[key] += 1
        hints.listener().start()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_while_anybody_watches())
        try:
            yield
        finally:
            self._watched[key] -= 1
            if not self._watched[key]:
                del self._watched[key]

    async def stretch(self, team_id: int, kind: Kind, after: int) -> Stretch:
        """What happened behind `after`; those who ask for the same at once share one read. Raises ApiError."""
        asked = _Asked(team_id, kind.plural, after)
        read = self._reads.get(asked)
        if read is None:
            read = asyncio.ensure_future(in_thread(lambda: history.stretch(team_id, kind, after)))
            self._reads[asked] = read
            read.add_done_callback(lambda _: self._reads.pop(asked, None))
        return await asyncio.shield(read)

    async def beyond(self, team_id: int, seen: int) -> None:
        """Returns once the team's version is greater than `seen`."""
        told: asyncio.Future[None] = self._loop.create_future()
        entry = (seen, told)
        self._waiting[team_id].add(entry)
        # What was written since it was read has given its hint already.
        self._hinted.add(team_id)
        self._woken.set()
        try:
            await told
        finally:
            self._waiting[team_id].discard(entry)
            if not self._waiting[team_id]:
                del self._waiting[team_id]

    def hint(self, teams: Sequence[int]) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._hear, teams)

    def _hear(self, teams: Sequence[int]) -> None:
        heard = {team_id for team_id in teams if team_id in self._waiting}
        if heard:
            self._hinted |= heard
            self._woken.set()

    async def _ask_while_anybody_watches(self) -> None:
        next_look = self._loop.time()
        while self._watched:
            is_due = self._loop.time() >= next_look
            if is_due:
                next_look = self._loop.time() + self._every
            await self._ask(is_due=is_due)
            await self._pause(next_look)

    async def _ask(self, *, is_due: bool) -> None:
        teams = list(self._waiting) if is_due else [one for one in self._hinted if one in self._waiting]
        self._hinted.clear()
        self._woken.clear()
        watched = list(self._watched) if is_due else []
        try:
            self._tell(await in_thread(lambda: _look(watched, teams)))
        except Exception as error:  # noqa: BLE001 (the database may be away; it is asked again soon)
            _log.warning("watchers wait for the database", error=repr(error))

    def _tell(self, versions: Mapping[int, int]) -> None:
        for team_id, version in versions.items():
            for seen, told in list(self._waiting.get(team_id, ())):
                if version > seen and not told.done():
                    told.set_result(None)

    async def _pause(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        except TimeoutError:
            pass


def _look(watched: Sequence[tuple[int, str]], teams: list[int]) -> dict[int, int]:
    """The newest versions, once what is computed is up to date."""
    for team_id, plural in watched:
        try:
            computed.refresh(plural, team_id)
        except Exception as error:  # noqa: BLE001 (one team's trouble; the others are told)
            _log.warning("what is computed is not up to date", team=team_id, kind=plural, error=repr(error))
            connections.close_all()  # the next one begins with a connection that works
    return history.versions_of(teams) if teams else {}


_watches: dict[asyncio.AbstractEventLoop, Watch] = {}


def watch() -> Watch:
    """The running loop's. A process has one loop for as long as it lives; tests have many."""
    loop = asyncio.get_running_loop()
    found = _watches.get(loop)
    if found is None:
        for ended in [one for one in _watches if one.is_closed()]:
            del _watches[ended]
        found = _watches[loop] = Watch()
    return found


def _hint(teams: Sequence[int]) -> None:
    for loop, one in list(_watches.items()):
        if not loop.is_closed():
            one.hint(teams)


def _is_wanted() -> bool:
    return any(one.is_watched for loop, one in list(_watches.items()) if not loop.is_closed())


hints.HEARERS.append(_hint)
hints.WANTED.append(_is_wanted)


class Watcher:
    """One client's position, and what comes next. Ended with the caller's rights, or with the server."""

    def __init__(self, team_id: int, kind: Kind, after: int) -> None:
        self.team_id = team_id
        self.kind = kind
        self.after = after
        self._reason: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def end(self, reason: Exception) -> None:
        if not self._reason.done():
            self._reason.set_result(reason)

    async def next(self, seconds: float) -> Stretch | None:
        """What happened behind its position; None after so many silent seconds. Raises Ended, ApiError."""
        found = await watch().stretch(self.team_id, self.kind, self.after)
        if found.version == self.after and not await self._is_beyond(seconds):
            return None
        if self._reason.done():
            raise self._reason.result()
        self.after = found.version
        return found

    async def _is_beyond(self, seconds: float) -> bool:
        beyond = asyncio.ensure_future(watch().beyond(self.team_id, self.after))
        either: set[asyncio.Future[Any]] = {beyond, self._reason}
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return beyond.done() or self._reason.done()
        finally:
            beyond.cancel()


@asynccontextmanager
async def watcher(caller: Caller, kind: Kind, after: int) -> AsyncIterator[Watcher]:
    """Counted against the caller's plan. Raises TooManyFollowers, Ended."""
    found = Watcher(caller.team_id, kind, after)
    async with (
        following().admit(caller, None, found, Ability.OBJECTS_READ),
        watch().watching(caller.team_id, kind),
    ):
        yield found
