"""What followers read, into streams: lines of all containers of a stream share appends, each with its positions.

Nothing is given up for want of a database: a writer holds what it has, and its followers wait. If it turns out that
somebody else stored lines of the same containers, or that an append's outcome cannot be had, everything that is not
known to be stored is thrown away, and each follower reads again from where the database says.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from apps.collector.backoff import Backoff
from apps.engine import store
from apps.ingest import services
from apps.ingest.bridge import bridge
from apps.ingest.meter import QuotaSpent, meter
from apps.objects.watching import in_thread
from apps.streams.lookups import IngestGrant
from tailsvc import limits
from tailsvc.clock import system_clock
from tailsvc.collect.log_lines import LogLine
from tailsvc.collect.positions import BEGINNING, Position, read_position
from tailsvc.errors import PositionMoved, StorageUnavailable, TailsvcError
from tailsvc.parsing import EmittedLines
from tailsvc.storage.base import Advance, Batch

# How long lines wait for others: one append for all that came meanwhile. Followers of the stream see them that later.
LINGER_SECONDS = 0.2
# Of one append: well below what the intake takes into one flush, so that streams take turns.
_LINES, _BYTES = 5_000, 8 * limits.MIB
# Of all streams together, waiting and on their way; beyond it, followers stop reading.
ROOM_BYTES = 64 * limits.MIB
_LONGEST_PAUSE_SECONDS = 60.0
# What a line costs in memory besides its bytes.
_LINE_COST = 150
_log = structlog.get_logger(__name__)


class Rewound(Exception):
    """What was handed over may not be stored: read again from the position."""


@dataclass(frozen=True, slots=True)
class Source:
    """A container. `name` tells it from all others of the stream, over restarts of its instances."""

    name: str
    replica: str
    container: str


@dataclass(slots=True)
class _Piece:
    source: Source
    lines: Sequence[LogLine]
    size: int


@dataclass(slots=True)
class _Taken:
    pieces: list[_Piece] = field(default_factory=list)
    lines: int = 0
    size: int = 0


class Room:
    """Bytes that may be held by all writers of a process. One piece always fits, however large."""

    def __init__(self, size: int = ROOM_BYTES) -> None:
        self._size = size
        self._used = 0
        self._freed = asyncio.Condition()

    async def take(self, size: int) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: not self._used or self._used + size <= self._size)
            self._used += size

    async def give(self, size: int) -> None:
        async with self._freed:
            self._used -= size
            self._freed.notify_all()


class StreamWriter:
    """Of one stream. `error` says why nothing is stored at present, "" where all is well."""

    def __init__(self, grant: IngestGrant, room: Room) -> None:
        self.grant = grant
        self.error = ""
        self.stored: Counter[str] = Counter()  # lines, by source
        self._room = room
        self.round = 0  # how often it has rewound
        self.rewound: set[Callable[[], None]] = set()  # whom to tell
        self._is_busy = False
        self._waiting: list[_Piece] = []
        self._arrived = asyncio.Event()
        self._read: dict[str, Position] = {}  # everything that was handed over included
        self._kept: dict[str, str] = {}  # as the database has them
        self._loaded: asyncio.Event = asyncio.Event()
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Without waiting for what is on its way: the database knows, and others read the rest again."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._room.give(sum(piece.size for piece in self._waiting))
        self._waiting = []

    @property
    def is_idle(self) -> bool:
        """Nothing waits, and nothing is on its way."""
        return not self._waiting and not self._is_busy

    def forget(self, sources: Sequence[str]) -> None:
        """They are gone for good, and so are their positions."""
        for source in sources:
            self._kept.pop(source, None)
            self._read.pop(source, None)

    async def position(self, source: Source) -> tuple[Position, int]:
        """Up to where its lines are stored or on their way; and the round, to be given with each further line."""
        await self._loaded.wait()
        return self._read.get(source.name, BEGINNING), self.round

    def has_stored(self, source: Source) -> bool:
        """Everything that was handed over."""
        read = self._read.get(source.name)
        return self._loaded.is_set() and (read is None or read.text == self._kept.get(source.name, ""))

    async def put(self, source: Source, lines: Sequence[LogLine], round_: int) -> None:
        """Returns once there was room; not once they are stored. Raises Rewound."""
        size = sum(len(line.line) for line in lines) + _LINE_COST * len(lines)
        await self._room.take(size)
        if round_ != self.round or not self._loaded.is_set():
            await self._room.give(size)
            raise Rewound
        self._read[source.name] = self._read.get(source.name, BEGINNING).beyond([line.time for line in lines])
        self._waiting.append(_Piece(source, lines, size))
        self._arrived.set()

    async def _work(self) -> None:
        while True:
            try:
                await self._load()
                while True:
                    await self._write_next()
            except PositionMoved:
                _log.warning("others stored lines of the same containers", stream=self.grant.slug)
                await self._rewind()
            except QuotaSpent as spent:
                # What it holds is room that other teams' streams need meanwhile.
                await self._fail(str(spent), min(spent.retry_after, _LONGEST_PAUSE_SECONDS))
            except TailsvcError as error:
                await self._fail(str(error), 1)
            except Exception:  # noqa: BLE001 (the loop goes on, whatever it is)
                _log.exception("a collected stream cannot be written", stream=self.grant.slug)
                await self._fail("the lines could not be stored", 5)

    async def _fail(self, error: str, seconds: float) -> None:
        self.error = error
        await self._rewind()
        await asyncio.sleep(seconds)
        self.error = ""

    async def _load(self) -> None:
        self._kept = await in_thread(lambda: store().positions(self.grant.stream))
        self._read = {name: read_position(text) for name, text in self._kept.items()}
        self._loaded.set()

    async def _rewind(self) -> None:
        self.round += 1
        self._loaded.clear()
        for tell in tuple(self.rewound):
            tell()
        self._arrived.clear()
        thrown, self._waiting = self._waiting, []
        await self._room.give(sum(piece.size for piece in thrown))

    async def _write_next(self) -> None:
        await self._arrived.wait()
        await asyncio.sleep(LINGER_SECONDS)
        taken, self._is_busy = self._take(), True
        try:
            batch = await asyncio.to_thread(self._prepare, taken.pieces)
            await self._append(batch)
        finally:
            self._is_busy = False
            await self._room.give(taken.size)
        self._kept.update((advance.source, advance.after) for advance in batch.advances)
        for piece in taken.pieces:
            self.stored[piece.source.name] += len(piece.lines)

    def _take(self) -> _Taken:
        """What fits into one append; at least one piece."""
        taken = _Taken()
        while self._waiting and (not taken.pieces or (taken.lines < _LINES and taken.size < _BYTES)):
            piece = self._waiting.pop(0)
            taken.pieces.append(piece)
            taken.lines += len(piece.lines)
            taken.size += piece.size
        if not self._waiting:
            self._arrived.clear()
        return taken

    def _prepare(self, pieces: Sequence[_Piece]) -> Batch:
        """In a thread."""
        told = [(line, piece.source) for piece in pieces for line in piece.lines]
        emitted = EmittedLines(
            [line.line for line, _ in told],
            [line.time for line, _ in told],
            [source.replica for _, source in told],
            [source.container for _, source in told],
        )
        return services.prepare_emitted(self.grant, emitted, self._advances(pieces), received_at=system_clock())

    def _advances(self, pieces: Sequence[_Piece]) -> list[Advance]:
        times: dict[str, list[int]] = {}
        for piece in pieces:
            times.setdefault(piece.source.name, []).extend(line.time for line in piece.lines)
        return [self._advance(source, read) for source, read in times.items()]

    def _advance(self, source: str, times: Sequence[int]) -> Advance:
        before = self._kept.get(source, "")
        return Advance(source, before, read_position(before).beyond(times).text)

    async def _append(self, batch: Batch) -> None:
        """Until it is stored. Raises PositionMoved (it may be, or it never will), QuotaSpent, and others."""
        backoff = Backoff(longest=5.0)
        while True:
            try:
                meter().check_bytes(self.grant)
                outcome = await bridge().append(services.intake(), self.grant.stream, batch)
                if isinstance(outcome, Exception):
                    raise outcome
            except StorageUnavailable as error:
                # Even where the outcome is unknown: if it was stored, the position has moved.
                self.error = str(error)
                await asyncio.sleep(backoff.next())
            else:
                break
        self.error = ""
        refused = len(batch.rejections)
        meter().add(self.grant, events=len(batch.events), rejected=refused, size=batch.size)
