"""Collecting: what it costs to follow a hundred containers of a cluster, how late lines are, and whether all arrive.

The cluster is the one of the tests, in a process of its own.
"""

import asyncio
import contextlib
import http.client
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson

from benchmarks.processes import Foreign, PeakMemory, cpu_seconds
from benchmarks.service import Failed, Service, fresh_service
from config.runtime.environment import CODE

PODS, STREAMS = 100, 10  # ten pods of each owner
LINES_PER_S, SECONDS = 5_000, 40.0
_PATIENCE_SECONDS = 120.0
_OBJECTS = "/apis/tilt.dev/v1alpha1/podlogstreams"
_NAME = "load-{}"
_TIME = re.compile(rb'"timestamp":"([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Late is a line from when its container wrote it until a follower of its stream has it."""

    containers: int
    lines_per_s: float
    lines: int
    lost: int
    doubled: int
    collector_cpu_s_per_m: float
    service_cpu_s_per_m: float  # everything but the collector, followers of the streams included
    collector_peak_mb: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cluster_cpu: float  # cores
    foreign_cpu: float


def run(folder: Path) -> Collected:
    with _cluster() as cluster, fresh_service(folder, []) as service:
        cluster.tell("/load/add_pods", pods=PODS)
        service.add_cluster(cluster.kubeconfig)
        for pod in range(PODS):
            spec = {"pod": _NAME.format(pod), "namespace": "default"}
            service.ask("POST", _OBJECTS, {"metadata": {"name": _NAME.format(pod)}, "spec": spec})
        _wait("all containers to be followed", lambda: _active(service) == PODS)
        return asyncio.run(_measure(service, cluster))


async def _measure(service: Service, cluster: "_Cluster") -> Collected:
    late = [await _Late.follow(service, stream) for stream in service.streams()]
    collector = [service.state.children["collector"]]
    others = [pid for name, pid in service.state.children.items() if name != "collector"]
    before = (cpu_seconds(collector), cpu_seconds(others), cpu_seconds(cluster.roots))
    with Foreign([*service.roots, *cluster.roots]) as foreign, PeakMemory(collector) as memory:
        done = await asyncio.to_thread(
            cluster.tell, "/load/produce", pods=PODS, lines_per_s=LINES_PER_S, seconds=SECONDS
        )
        during = cpu_seconds(cluster.roots)
        await asyncio.to_thread(_wait, "all lines to be there", lambda: _lines(service) >= done["lines"])
    after = (cpu_seconds(collector), cpu_seconds(others))
    found = await asyncio.to_thread(_stored, service)
    millions = done["lines"] / 1e6
    times = [each for one in late for each in one.delays]
    return Collected(
        containers=PODS,
        lines_per_s=done["lines"] / done["seconds"],
        lines=done["lines"],
        lost=done["lines"] - len(found),
        doubled=sum(found.values()) - len(found),
        collector_cpu_s_per_m=(after[0] - before[0]) / millions,
        service_cpu_s_per_m=(after[1] - before[1]) / millions,
        collector_peak_mb=memory.resident / 1e6,
        p50_ms=float(np.percentile(times, 50)),
        p99_ms=float(np.percentile(times, 99)),
        max_ms=max(times),
        cluster_cpu=(during - before[2]) / done["seconds"],
        foreign_cpu=foreign.share,
    )


def _active(service: Service) -> int:
    items = service.ask("GET", _OBJECTS)["items"]
    return sum(bool(one.get("active")) for item in items for one in item["status"].get("containerStatuses") or ())


def _lines(service: Service) -> int:
    """As the objects tell, now and then, how many were stored."""
    items = service.ask("GET", _OBJECTS)["items"]
    return sum(one.get("lines", 0) for item in items for one in item["status"].get("containerStatuses") or ())


def _stored(service: Service) -> Counter[tuple[int, int]]:
    """How often each line is there, by its container and its number in it."""
    found: Counter[tuple[int, int]] = Counter()
    for stream in service.streams():
        status, answer = service.call("GET", f"/api/streams/{stream}/export")
        if status != 200:
            raise Failed(f"export of {stream}: {status}")
        lines = (orjson.loads(orjson.loads(line)["raw_message"]) for line in answer.splitlines())
        found.update((line["pod"], line["number"]) for line in lines)
    return found


def _wait(what: str, condition: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"not within {_PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(0.2)


@dataclass(slots=True)
class _Late(asyncio.Protocol):
    """Follows a stream; of each piece that it is sent, how old the last line is."""

    head: bytes
    ready: asyncio.Future[None]
    delays: list[float] = field(default_factory=list)  # milliseconds
    _rest: bytes = b""

    @classmethod
    async def follow(cls, service: Service, stream: str) -> "_Late":
        loop = asyncio.get_running_loop()
        one = cls(service.get_head(f"/api/streams/{stream}/tail"), loop.create_future())
        await loop.create_connection(lambda: one, *service.address)
        await one.ready
        return one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.head)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if not self.ready.done():
            self.ready.set_result(None)
        text = self._rest + data
        found = _TIME.findall(text)
        self._rest = data[-200:] if not found else b""
        if found:
            self.delays.append(1e3 * (now - datetime.fromisoformat(found[-1].decode()).timestamp()))


class _Cluster:
    def __init__(self, process: "subprocess.Popen[bytes]", told: dict[str, str]) -> None:
        self.roots = [process.pid]
        self.kubeconfig = told["kubeconfig"]
        self._control = urlsplit(told["control"])

    def tell(self, path: str, **given: object) -> Any:
        connection = http.client.HTTPConnection(self._control.hostname or "", self._control.port, timeout=600)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(given))
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != 200:
            raise Failed(f"{path}: {body.decode()}")
        return json.loads(body)


@contextmanager
def _cluster() -> Iterator[_Cluster]:
    command = [sys.executable, "-m", "tests.cluster"]
    with subprocess.Popen(command, cwd=CODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield _Cluster(process, json.loads(process.stdout.readline()))
