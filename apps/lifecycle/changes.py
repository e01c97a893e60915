"""The numbers of a stream's changes, and how followers of this process learn that there are new ones.

Nobody who waits holds a thread or a connection: while anybody does, one task asks the database twice a second, one
statement for all followed streams of a team.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

import structlog
from django.db import connections
from django.db.models import F

from apps.accounts.errors import NotThere
from apps.accounts.scope import team_scope
from apps.lifecycle.models import LifecycleHead
from apps.streams.models import Stream
from tailsvc.storage.base import StreamRef

EVERY_SECONDS = 0.5
_log = structlog.get_logger(__name__)


def next_change(stream: Stream) -> int:
    """Take the next number. Until this transaction ends, every other writer of the stream's lifecycle waits."""
    head = LifecycleHead.objects.filter(pk=stream.pk)
    if not head.update(last_change=F("last_change") + 1):
        LifecycleHead.objects.bulk_create(
            [LifecycleHead(stream_id=stream.pk, team_id=stream.team_id)], ignore_conflicts=True
        )
        head.update(last_change=F("last_change") + 1)
    return head.get().last_change


def last_change(stream: StreamRef) -> int:
    """0 where nothing happened yet. Raises NotThere where the stream is deleted."""
    found = last_changes(stream.team_id, [stream.stream_id]).get(stream.stream_id)
    if found is None:
        raise NotThere("stream")
    return found


def last_changes(team_id: int, stream_ids: Iterable[int]) -> dict[int, int]:
    """By stream; deleted ones are absent."""
    with team_scope(team_id):
        found = Stream.objects.filter(pk__in=stream_ids, deleted_at__isnull=True)
        rows = found.values_list("pk", "lifecycle_head__last_change")
        return {pk: change or 0 for pk, change in rows}


class Watch:
    """Of one event loop."""

    def __init__(self, every: float = EVERY_SECONDS) -> None:
        self._every = every
        self._waiting: dict[StreamRef, set[tuple[int, asyncio.Future[int]]]] = defaultdict(set)
        self._asking: asyncio.Task[None] | None = None

    async def beyond(self, stream: StreamRef, seen: int) -> int:
        """The stream's last change, once it is greater than `seen`. Raises NotThere once the stream is deleted."""
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        entry = (seen, told)
        self._waiting[stream].add(entry)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_while_anybody_waits())
        try:
            return await told
        finally:
            self._leave(stream, entry)

    def _leave(self, stream: StreamRef, entry: tuple[int, "asyncio.Future[int]"]) -> None:
        self._waiting[stream].discard(entry)
        if not self._waiting[stream]:
            del self._waiting[stream]

    async def _ask_while_anybody_waits(self) -> None:
        while self._waiting:
            asked = list(self._waiting)
            self._tell(await asyncio.to_thread(_ask, asked))
            await asyncio.sleep(self._every)

    def _tell(self, found: Mapping[StreamRef, int | None]) -> None:
        for stream, change in found.items():
            for seen, waiting in list(self._waiting.get(stream, ())):
                if waiting.done():
                    continue
                if change is None:
                    waiting.set_exception(NotThere("stream"))
                elif change > seen:
                    waiting.set_result(change)


def _ask(streams: Iterable[StreamRef]) -> dict[StreamRef, int | None]:
    """None: it is deleted. Of a team that cannot be asked there is nothing, and the others are told."""
    by_team: dict[int, list[int]] = defaultdict(list)
    for stream in streams:
        by_team[stream.team_id].append(stream.stream_id)
    found: dict[StreamRef, int | None] = {}
    for team_id, stream_ids in by_team.items():
        try:
            changes = last_changes(team_id, stream_ids)
        except Exception as error:  # noqa: BLE001 (it is asked again; the database may be away)
            _log.warning("followers wait for the database", team=team_id, error=repr(error))
            connections.close_all()  # the next team begins with a connection that works
        else:
            found.update({StreamRef(one, team_id): changes.get(one) for one in stream_ids})
    connections.close_all()  # gives this thread's connection back to the pool
    return found


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
