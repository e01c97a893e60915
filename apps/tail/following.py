"""The one way to follow a stream, for every dialect."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

import structlog
from django.conf import settings
from django.db import connections

from apps.accounts.abilities import Ability
from apps.accounts.callers import Caller
from apps.accounts.lookups import CallerKey, abilities_of, key_of
from apps.engine import store
from apps.http import metrics
from apps.streams.lookups import those_that_live
from apps.tail.ends import Ended, RightsEnded, ServerStopping, StreamDeleted, TooCostly
from apps.tail.hints import Listener, teller
from apps.tail.quota import Quota
from tailsvc.filters import Filter
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.tail import Follower, Hub, Start
from tailsvc.tail.watch import Render

# Rights and streams are looked at that often: whoever lost them is cut well within 5 s.
STANDING_SECONDS = 2.0
POLL_SECONDS = 2.0
POLL_WITHOUT_HINTS_SECONDS = 0.25

T = TypeVar("T")
# Where a follower begins; asked in a thread, as it reads.
BeginAt = Callable[[EventStore], Start]
_log = structlog.get_logger(__name__)


class Endable(Protocol):
    def end(self, reason: Exception) -> None:
        """Stop waiting, and tell this."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a follower's right to follow rests on. Without a stream: on the caller's ability alone."""

    caller: CallerKey
    ability: Ability
    stream: StreamRef | None


class Following:
    """All followers of one event loop."""

    def __init__(self) -> None:
        self._hub = Hub(store(), poll_seconds=self._poll_seconds, too_costly=TooCostly)
        self._quota = Quota(settings.REDIS_URL)
        self._standing: dict[Endable, _Standing] = {}
        self._looking: asyncio.Task[None] | None = None
        self._is_stopping = False

    @asynccontextmanager
    async def follow(
        self, caller: Caller, stream: StreamRef, begin: BeginAt, condition: Filter, render: "Render[T]"
    ) -> "AsyncIterator[Follower[T]]":
        """Raises Problem 429, and what `begin` raises. `next` of the follower raises Ended.

        `render` must be one function for many followers, not one made for each.
        """
        async with self._place(caller):
            start = await self._hub.begin(lambda: begin(store()))
            follower = self._hub.follow(stream, start, condition, render)
            try:
                with self.looked_on(caller, stream, follower):
                    yield follower
            finally:
                follower.close()

    @asynccontextmanager
    async def admit(
        self,
        caller: Caller,
        stream: StreamRef | None,
        follower: "Endable",
        ability: Ability = Ability.STREAMS_READ,
    ) -> AsyncIterator[None]:
        """A follower of something else than a stream's events. Raises Problem 429."""
        async with self._place(caller):
            with self.looked_on(caller, stream, follower, ability):
                yield

    @contextmanager
    def looked_on(
        self,
        caller: Caller,
        stream: StreamRef | None,
        follower: "Endable",
        ability: Ability = Ability.STREAMS_READ,
    ) -> Iterator[None]:
        """It is ended once the caller may not read any more, or the stream is deleted, or the server stops. Not counted
        against the plan: that is for who waits for what comes."""
        self._run()
        self._standing[follower] = _Standing(key_of(caller), ability, stream)
        listener().start()
        try:
            yield
        finally:
            del self._standing[follower]

    @asynccontextmanager
    async def _place(self, caller: Caller) -> AsyncIterator[None]:
        """One of those that the plan allows."""
        if self._is_stopping:
            raise ServerStopping
        await asyncio.to_thread(self._quota.take, caller.team_id, caller.plan.max_followers)
        metrics.FOLLOWERS.inc()
        try:
            yield
        finally:
            self._quota.give_back(caller.team_id)
            metrics.FOLLOWERS.dec()

    @property
    def is_followed(self) -> bool:
        return bool(self._standing)

    def stop(self) -> None:
        """End all followers; nobody may begin any more."""
        self._is_stopping = True
        self._hub.end_all(ServerStopping())
        for follower in list(self._standing):
            follower.end(ServerStopping())
        if self._looking is not None:
            self._looking.cancel()

    def hint(self, streams: Sequence[int]) -> None:
        """Something was appended to them. From any thread."""
        self._hub.hint(streams)

    def _poll_seconds(self) -> float:
        return POLL_SECONDS if listener().is_up else POLL_WITHOUT_HINTS_SECONDS

    def _run(self) -> None:
        if self._looking is None:
            # In no context: that of the request that happens to be the first would be kept for ever.
            self._looking = asyncio.get_running_loop().create_task(self._look_on(), context=Context())

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(STANDING_SECONDS)
            try:
                await self._look()
                await asyncio.to_thread(self._quota.renew)
            except Exception as error:  # noqa: BLE001 (the database may be away; they are looked at again soon)
                _log.warning("the rights of followers could not be looked at", error=repr(error))

    async def _look(self) -> None:
        standing = dict(self._standing)
        if standing:
            listener().start()  # it may have ended just when somebody came
        ended = await asyncio.to_thread(_ended, standing)
        for follower, reason in ended.items():
            follower.end(reason)


_followings: dict[asyncio.AbstractEventLoop, Following] = {}


def following() -> Following:
    """The running loop's. A process has one loop for as long as it lives; tests have many."""
    loop = asyncio.get_running_loop()
    found = _followings.get(loop)
    if found is None:
        for ended in [one for one in _followings if one.is_closed()]:
            del _followings[ended]
        found = _followings[loop] = Following()
    return found


@cache
def listener() -> Listener:
    return Listener(settings.REDIS_URL, _hint, _somebody_follows)


def _somebody_follows() -> bool:
    return any(one.is_followed for loop, one in list(_followings.items()) if not loop.is_closed())


def appended(stream: StreamRef) -> None:
    """Tell all who follow it, in this process and in others. From any thread, after the commit; never fails."""
    _hint([stream.stream_id])
    teller().tell(stream.stream_id)


def _hint(streams: Sequence[int]) -> None:
    for loop, one in list(_followings.items()):
        if not loop.is_closed():
            one.hint(streams)


def _ended(standing: Mapping[Endable, _Standing]) -> dict[Endable, Ended]:
    """Those that have to end, and why. Two statements, however many follow."""
    if not standing:
        return {}
    try:
        abilities = abilities_of({one.caller for one in standing.values()})
        living = those_that_live({one.stream.stream_id for one in standing.values() if one.stream})
    finally:
        connections.close_all()  # gives this thread's connection back to the pool
    ended: dict[Endable, Ended] = {}
    for follower, one in standing.items():
        if one.stream is not None and one.stream.stream_id not in living:
            ended[follower] = StreamDeleted()
        elif one.ability not in abilities[one.caller]:
            ended[follower] = RightsEnded()
    return ended
