"""Following: how late followers are, and what idle ones cost."""

import asyncio
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import psycopg

from benchmarks.processes import Foreign, cpu_seconds, held_bytes
from benchmarks.service import Service, fresh_service

ALL, SOME, SILENT = "all", "some", "silent"  # streams
FOLLOWERS, SECONDS, WARM_UP_SECONDS = 50, 20.0, 3.0
IDLE = 1_000
PATHS = 100  # each event has one of so many: a follower of one of them is sent 1 %
_ID = re.compile(rb"\nid: [0-9a-f]{8}-(\d+)\ndata")
_LONGEST_ID = 40  # of what _ID finds, in bytes: a piece may end within it
_TRANSACTIONS = "SELECT sum(xact_commit + xact_rollback)::float8 FROM pg_stat_database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """From the acknowledgement of a POST until a follower has the last of its events that match."""

    events_per_s: float
    followers: int
    matching: str
    p50_ms: float
    p99_ms: float
    max_ms: float
    missed: int  # events that did not arrive
    server_cpu: float  # cores
    foreign_cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What followers of a silent stream cost one web worker."""

    followers: int
    memory_mb: float  # beside what the worker held before
    transactions_per_s: float  # of the whole service, beside those without followers
    cpu: float  # cores
    query_p50_ms: float
    query_p99_ms: float


def run(folder: Path) -> tuple[list[Lateness], Idle]:
    with fresh_service(folder, [ALL, SOME]) as service:
        late = [
            asyncio.run(_lateness(service, ALL, rate=1_000, batch=10)),
            asyncio.run(_lateness(service, SOME, rate=10_000, batch=200)),
        ]
    with fresh_service(folder, [SILENT], options=["--workers", "1"]) as service:
        return late, asyncio.run(_idle(service))


@dataclass(slots=True)
class _Follower(asyncio.Protocol):
    """Notes when it was sent which id; looks at nothing else, so that the client costs little."""

    head: bytes
    ready: asyncio.Future[None]
    arrived: list[tuple[float, int]] = field(default_factory=list)  # when, the greatest id so far
    events: int = 0
    _rest: bytes = b"\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.head)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.ready.done():
            self.ready.set_result(None)
        text = self._rest + data
        found = list(_ID.finditer(text))
        self._rest = text[found[-1].end() if found else 0 :][-_LONGEST_ID:]
        if found:
            self.events += len(found)
            self.arrived.append((now, int(found[-1][1])))


async def _follow(service: Service, stream: str, queries: Sequence[str]) -> list[_Follower]:
    loop = asyncio.get_running_loop()
    followers = []
    for query in queries:
        head = service.get_head(service.query_path(stream, "tail", {"query": query} if query else {}))
        follower = _Follower(head, loop.create_future())
        await loop.create_connection(lambda one=follower: one, *service.address)  # type: ignore[misc]
        followers.append(follower)
    await asyncio.gather(*(follower.ready for follower in followers))
    return followers


async def _lateness(service: Service, stream: str, *, rate: int, batch: int) -> Lateness:
    filtered = stream == SOME
    queries = [f"path:/p/{number}" if filtered else "" for number in range(FOLLOWERS)]
    followers = await _follow(service, stream, queries)
    cpu = cpu_seconds(service.roots)
    with Foreign(service.roots) as foreign:
        started = time.perf_counter()
        acknowledged = await _post(service, stream, rate, batch)
        took = time.perf_counter() - started
        await asyncio.sleep(1)
    cpu = (cpu_seconds(service.roots) - cpu) / took
    late = [
        1e3 * delay for number, one in enumerate(followers) for delay in _delays(one, number, acknowledged, filtered)
    ]
    sent = len(acknowledged) * batch
    expected = sum(len(range(number, sent, PATHS)) for number in range(FOLLOWERS)) if filtered else FOLLOWERS * sent
    return Lateness(
        events_per_s=sent / took,
        followers=FOLLOWERS,
        matching="1 %, 50 filters" if filtered else "all",
        p50_ms=float(np.percentile(late, 50)),
        p99_ms=float(np.percentile(late, 99)),
        max_ms=max(late),
        missed=expected - sum(one.events for one in followers),
        server_cpu=cpu,
        foreign_cpu=foreign.share,
    )


async def _post(service: Service, stream: str, rate: int, batch: int) -> list[tuple[float, int]]:
    """On one connection, at an even pace; (when it was acknowledged, its last id) of each POST."""
    reader, writer = await asyncio.open_connection(*service.address)
    acknowledged = []
    started = time.perf_counter()
    for nth in range(int((SECONDS + WARM_UP_SECONDS) * rate / batch)):
        await asyncio.sleep(max(0.0, started + nth * batch / rate - time.perf_counter()))
        body = b"\n".join(_line(nth * batch + place) for place in range(batch))
        writer.write(service.doors[stream].head(service.address, len(body)) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head, head
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        await reader.readexactly(int(length[1]))
        acknowledged.append((time.perf_counter(), (nth + 1) * batch))
    writer.close()
    return acknowledged


def _line(number: int) -> bytes:
    return orjson.dumps(
        {
            "level": "INFO",
            "method": "GET",
            "path": f"/p/{number % PATHS}",
            "status": 200,
            "response_time_ms": number % 977,
            "ip": f"10.0.{number % 251}.{number % 241}",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0",
            "message": f"request {number} was answered",
        }
    )


def _delays(
    follower: _Follower, number: int, acknowledged: Sequence[tuple[float, int]], filtered: bool
) -> Iterator[float]:
    """None below 0: it may well be sent what its producer has not been told yet."""
    arrived = iter(follower.arrived)
    at, have = next(arrived, (float("inf"), 0))
    for nth, (told, last) in enumerate(acknowledged):
        wanted = last - ((last - 1 - number) % PATHS) if filtered else last
        while have < wanted:
            at, have = next(arrived, (float("inf"), wanted))
        if told - acknowledged[0][0] > WARM_UP_SECONDS and at != float("inf") and nth:
            yield max(0.0, at - told)


async def _idle(service: Service) -> Idle:
    _ask(service, 50)
    web = [service.state.children["web"]]
    without = await _transactions_per_s(service)
    before = held_bytes(web)
    followers = await _follow(service, SILENT, [""] * IDLE)
    await asyncio.sleep(3)
    cpu, started = cpu_seconds(web), time.perf_counter()
    transactions = await _transactions_per_s(service)
    cpu = (cpu_seconds(web) - cpu) / (time.perf_counter() - started)
    memory = held_bytes(web) - before
    times = _ask(service, 200)
    assert not any(follower.events for follower in followers)
    return Idle(
        followers=IDLE,
        memory_mb=memory / 1e6,
        transactions_per_s=transactions - without,
        cpu=cpu,
        query_p50_ms=statistics.median(times),
        query_p99_ms=float(np.percentile(times, 99)),
    )


def _ask(service: Service, times: int) -> list[float]:
    path = service.query_path(SILENT, "logs", {"limit": 100, "total": "false"})
    found = []
    for _ in range(times):
        started = time.perf_counter()
        service.call("GET", path)
        found.append(1e3 * (time.perf_counter() - started))
    return found


async def _transactions_per_s(service: Service, seconds: float = 20.0) -> float:
    with psycopg.connect(service.state.database_url, autocommit=True) as connection:

        def count() -> float:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            row = connection.execute(_TRANSACTIONS).fetchone()
            return float(row[0]) if row else 0.0

        before, started = count(), time.perf_counter()
        await asyncio.sleep(seconds)
        return (count() - before) / (time.perf_counter() - started)
