"""One container's log, read to its end: instance after instance, whatever happens to the connections.

Each instance's log is followed while it runs, and read again once it has ended until nothing new comes: a connection
that is cut may look like the end of the log. What is left of the instance before is read first.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import structlog

from apps.collector.backoff import Backoff
from apps.collector.cluster import ClusterApi, ClusterError, Wanted
from apps.collector.writing import Rewound, Source, StreamWriter
from tailsvc.collect.log_lines import LogLine, LogLines, NoLogLine
from tailsvc.collect.pods import Container, Phase, containers_of
from tailsvc.collect.positions import Sieve
from tailsvc.collect.statuses import Followed

# After so long without a line a log is asked for again: the connection may be dead. Doubled while it stays silent.
SILENCE_SECONDS = 15.0
_LONGEST_SILENCE_SECONDS = 300.0
# What an instance that has ended has left to say arrives within this time; then its connection is given up.
_LAST_WORDS_SECONDS = 2.0
# A clean end of the log of a container that runs, as far as we know: its next state is on its way.
_END_SECONDS = 1.0
# After a small piece, the next one may wait a little: what comes meanwhile is read at once, which costs a fraction.
_GATHER_SECONDS = 0.25
_SMALL_BYTES = 64 * 1024
# So often in a row the kubelet says something else in the place of an earlier instance's log, before it counts as gone.
_REFUSALS = 3
# An instance's end is told once its last line is stored.
_STORED_LOOK_SECONDS = 0.05
_log = structlog.get_logger(__name__)


class Follower:
    """`pod` is (namespace, name). `changed` is called when what `seen` tells has changed, lines apart."""

    def __init__(
        self,
        api: ClusterApi,
        pod: tuple[str, str],
        container: Container,
        writer: StreamWriter,
        source: Source,
        *,
        since: int | None,
        changed: Callable[[], None],
    ) -> None:
        self._api = api
        self._pod = pod
        self._container = container
        self._writer = writer
        self.source = source
        self._since = since
        self._changed = changed
        self._moved = asyncio.Event()  # the container is another than it was
        # Instances of which everything is read, and in which of the writer's rounds.
        self._drained: dict[str, int] = {}
        self._seen = Followed()
        self._silence = SILENCE_SECONDS
        self._rest: list[LogLine] = []  # where the last reading ended, in the middle of a line
        self._rest_of = ""  # the instance
        self._refusals = 0
        self._has_left = False
        writer.rewound.add(self._moved.set)
        self._task = asyncio.create_task(self._follow())

    @property
    def seen(self) -> Followed:
        lines = self._writer.stored[self.source.name]
        done = self._is_drained(self._container.id) and self._writer.has_stored(self.source)
        error = self._seen.error or self._writer.error
        is_open = self._seen.is_open and not self._writer.error
        return Followed(self._container.id, is_open, done, error, lines)

    def is_of(self, api: ClusterApi, writer: StreamWriter) -> bool:
        return self._api is api and self._writer is writer

    def leave(self) -> None:
        """The container is gone; what it said last may still be on its way."""
        self._container = replace(self._container, phase=Phase.TERMINATED)
        if not self._has_left:
            self._has_left = True
            self._moved.set()

    def see(self, container: Container) -> None:
        """What the pod says of it now."""
        self._has_left = False
        if container != self._container:
            self._container = container
            self._moved.set()

    async def close(self) -> None:
        self._writer.rewound.discard(self._moved.set)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _is_drained(self, instance: str) -> bool:
        return self._drained.get(instance) == self._writer.round

    def _tell(self, *, is_open: bool, error: str = "") -> None:
        told = Followed(is_open=is_open, error=error)
        if told != self._seen:
            self._seen = told
            self._changed()

    async def _follow(self) -> None:
        backoff = Backoff()
        while True:
            self._moved.clear()
            try:
                if not await self._go_on():
                    await self._moved.wait()
                backoff.reset()
            except Rewound:
                await asyncio.sleep(0.1)
            except (ClusterError, NoLogLine) as error:
                self._tell(is_open=False, error=str(error))
                retry_after = error.retry_after if isinstance(error, ClusterError) else 0.0
                await self._pause(max(backoff.next(), retry_after))
            except Exception:  # noqa: BLE001 (the loop goes on, whatever it is)
                _log.exception("a log cannot be followed", pod=self._pod, container=self._container.name)
                self._tell(is_open=False, error="the log cannot be followed")
                await self._pause(backoff.next())

    async def _pause(self, seconds: float) -> None:
        """Or less, where the container changes meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    async def _go_on(self) -> bool:
        """One step; False where there is nothing to do before the container changes."""
        container = self._container
        if self._rest and container.id and self._rest_of not in {container.former, container.id}:
            await self._put_rest()  # the rest of that line, if there is one, is nowhere to be had
        elif container.former and not self._is_drained(container.former):
            await self._drain(container.former, previous=True)
        elif container.id and not self._is_drained(container.id):
            if container.has_ended:
                await self._drain(container.id, previous=False)
            else:
                await self._read(container.id, previous=False, follow=True)
                # Where it ended well, its state is about to change; where it did not, it is asked again.
                if self._container == container:
                    await self._pause(_END_SECONDS)
        else:
            self._tell(is_open=False)
            return False
        return True

    async def _drain(self, instance: str, *, previous: bool) -> None:
        """Read an ended instance's log until two readings come to the same end. Raises ClusterError, NoLogLine."""
        round_, new, ends = self._writer.round, 0, [(-1, self._rest)]
        while len(ends) < 2 or ends[-1] != ends[-2]:
            try:
                new += await self._read(instance, previous=previous, follow=False)
            except (ClusterError, NoLogLine) as error:
                if self._is_gone(error, previous=previous):
                    break
                raise
            self._refusals = 0
            ends.append((new, self._rest))
        self._refusals = 0
        if self._rest and self._rest_of == instance:
            await self._put_rest()
        self._drained[instance] = round_
        while self._writer.round == round_ and not self._writer.has_stored(self.source):
            await asyncio.sleep(_STORED_LOOK_SECONDS)
        self._changed()

    def _is_gone(self, error: ClusterError | NoLogLine, *, previous: bool) -> bool:
        """The log that could not be read will never be."""
        if isinstance(error, ClusterError):
            return (previous or self._has_left) and error.status in {400, 404, 409}
        # Within its answer the kubelet tells that it removed a log, but also of what is over in a moment. No log of an
        # earlier instance may keep the later one's from being read.
        self._refusals += previous
        return previous and self._refusals >= _REFUSALS

    async def _read(self, instance: str, *, previous: bool, follow: bool) -> int:
        """One connection to its end; how many lines were new. Raises ClusterError, NoLogLine, Rewound."""
        position, round_ = await self._writer.position(self.source)
        since = self._since if position.second is None else position.second
        namespace, pod = self._pod
        wanted = Wanted(namespace, pod, self._container.name, since, previous, follow)
        sieve, lines, new = Sieve(position), LogLines(since=since is not None), 0
        async with self._api.log(wanted) as pieces:
            await self._require(instance, previous=previous)
            self._tell(is_open=True)
            async for piece in self._heard(pieces, round_) if follow else pieces:
                found = [line for line in lines.feed(piece) if sieve.is_new(line.time)]
                if found:
                    await self._writer.put(self.source, found, round_)
                    self._rest = []  # the line may have come whole by now
                    new += len(found)
        self._rest, self._rest_of = [line for line in lines.finish() if sieve.is_new(line.time)], instance
        return new

    async def _require(self, instance: str, *, previous: bool) -> None:
        """That the log is this instance's. It is asked for by name: read as another's, the later instance's lines would
        hide those that are left of the earlier one. Raises ClusterError."""
        pod = await self._api.get("pods", *self._pod)
        found = next((one for one in containers_of(pod) if one.name == self._container.name), None)
        if found is None or (found.former if previous else found.id) != instance:
            raise ClusterError("the container was started again meanwhile", status=409)

    async def _put_rest(self) -> None:
        """As a line, which has no end. Raises Rewound."""
        _, round_ = await self._writer.position(self.source)
        await self._writer.put(self.source, self._rest, round_)
        self._rest = []

    async def _heard(self, pieces: AsyncIterator[bytes], round_: int) -> AsyncIterator[bytes]:
        """Until the end, a long silence, some time after the instance has ended, or when the writer rewinds."""
        instance = self._container.id
        reading: asyncio.Future[bytes] = asyncio.ensure_future(anext(pieces, b""))
        moved = asyncio.ensure_future(self._moved.wait())
        try:
            while self._writer.round == round_:
                if moved.done():
                    self._moved.clear()
                    moved = asyncio.ensure_future(self._moved.wait())
                ended = self._container.id != instance or self._container.has_ended
                patience = _LAST_WORDS_SECONDS if ended else self._silence
                waits: tuple[asyncio.Future[Any], ...] = (reading,) if ended else (reading, moved)
                done, _ = await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    self._silence = min(self._silence * 2, _LONGEST_SILENCE_SECONDS)
                    return
                if reading not in done:
                    continue
                piece = reading.result()
                if not piece:
                    return
                self._silence = SILENCE_SECONDS
                yield piece
                if len(piece) < _SMALL_BYTES:
                    await asyncio.sleep(_GATHER_SECONDS)
                reading = asyncio.ensure_future(anext(pieces, b""))
        finally:
            moved.cancel()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, ClusterError):
                await reading
