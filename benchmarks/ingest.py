"""Loading an empty service, and what that took."""

import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.client import Clients, Load, Sent
from benchmarks.dataset import Dataset
from benchmarks.processes import Foreign, PeakMemory, cpu_seconds, wait_until_quiet
from benchmarks.service import Service

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Plan:
    """How many events to send in requests of how many."""

    batch: int
    events: int
    connections: int = 4
    quiet_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """The figures of one load; docs/benchmarks.md defines them."""

    batch: int
    events: int
    events_per_s: float
    mb_per_s: float
    server_cpu_s_per_m: float
    settled_cpu_s_per_m: float
    client_cpu_s_per_m: float
    post_p50_ms: float
    post_p99_ms: float
    held_peak_mb: float
    rss_peak_mb: float
    disk_bytes_per_event: float
    foreign_cpu: float
    errors: int
    first_error: str | None
    cpu_s_per_m_by_part: dict[str, float]  # until the last answer
    settled_cpu_s_per_m_by_part: dict[str, float]
    bytes_by_table: dict[str, int]


def load(service: Service, data: Dataset, plan: Plan, progress: Callable[[int], None]) -> Loaded:
    """`progress` is told how many requests are answered."""
    slices = data.slices(plan.batch, plan.events)
    shares = [slices[nth :: plan.connections] for nth in range(plan.connections)]
    clients = Clients(Load(service.address, data.place, service.doors), shares)
    wait_until_quiet(plan.quiet_seconds)
    before, parts_before = cpu_seconds(service.roots), service.cpu_by_part()
    with PeakMemory(service.roots) as memory:
        with Foreign(service.roots) as foreign:
            sent = clients.go(progress)
            server_cpu, parts = cpu_seconds(service.roots) - before, service.cpu_by_part()
        service.settle()
    settled_cpu, settled_parts = cpu_seconds(service.roots) - before, service.cpu_by_part()
    events, tables = sum(each.events for each in slices), service.log_bytes()
    seconds, millions = max(each.ended for each in sent) - min(each.started for each in sent), events / 1e6
    latencies = sorted(latency for each in sent for latency in each.latencies)
    return Loaded(
        batch=plan.batch,
        events=events,
        events_per_s=events / seconds,
        mb_per_s=sum(each.size for each in slices) / 1e6 / seconds,
        server_cpu_s_per_m=server_cpu / millions,
        settled_cpu_s_per_m=settled_cpu / millions,
        client_cpu_s_per_m=sum(each.cpu_seconds for each in sent) / millions,
        post_p50_ms=latencies[len(latencies) // 2] * 1e3,
        post_p99_ms=latencies[int(len(latencies) * 0.99)] * 1e3,
        held_peak_mb=memory.held / _MIB,
        rss_peak_mb=memory.resident / _MIB,
        disk_bytes_per_event=sum(tables.values()) / events,
        foreign_cpu=foreign.share,
        errors=sum(each.errors for each in sent),
        first_error=_first_error(sent),
        cpu_s_per_m_by_part=_difference(parts_before, parts, millions),
        settled_cpu_s_per_m_by_part=_difference(parts_before, settled_parts, millions),
        bytes_by_table=tables,
    )


@contextmanager
def load_of_others(service: Service, data: Dataset, spared: str, plan: Plan) -> Iterator[None]:
    """Posts the other streams' lines again from one connection, beside what the block does; ends when all are sent."""
    slices = [each for each in data.slices(plan.batch, plan.events) if each.stream != spared]
    clients = Clients(Load(service.address, data.place, service.doors), [slices])
    sender = threading.Thread(target=clients.go, args=(lambda _: None,), daemon=True)
    sender.start()
    try:
        yield
    finally:
        sender.join()


def median(runs: Sequence[Loaded]) -> Loaded:
    """The median of each figure; what is no figure, from the first run."""
    rows = [asdict(run) for run in runs]
    return Loaded(**{name: _median([row[name] for row in rows]) for name in rows[0]})


def _median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], int | float):
        return statistics.median(values)
    if isinstance(values[0], dict):
        return {key: _median([value[key] for value in values]) for key in values[0]}
    return values[0]


def _first_error(sent: Sequence[Sent]) -> str | None:
    return next((each.first_error for each in sent if each.first_error), None)


def _difference(before: dict[str, float], after: dict[str, float], millions: float) -> dict[str, float]:
    return {name: (after[name] - before[name]) / millions for name in after}
