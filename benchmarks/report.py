"""Results as tables for people and as JSON for comparisons."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.collector import Collected
from benchmarks.console import Explored
from benchmarks.ingest import Loaded
from benchmarks.queries import Asked, Unanswered
from benchmarks.tails import Idle, Lateness
from tailsvc.version import __version__

_INGEST = {
    "events/POST": "batch",
    "events": "events",
    "events/s": "events_per_s",
    "MB/s": "mb_per_s",
    "CPU-s/1M": "server_cpu_s_per_m",
    "settled": "settled_cpu_s_per_m",
    "client": "client_cpu_s_per_m",
    "p50 ms": "post_p50_ms",
    "p99 ms": "post_p99_ms",
    "held MB": "held_peak_mb",
    "B/event": "disk_bytes_per_event",
    "foreign": "foreign_cpu",
    "errors": "errors",
}
_QUERIES = {
    "operation": "operation",
    "min ms": "min_ms",
    "p50 ms": "p50_ms",
    "p95 ms": "p95_ms",
    "default p50": "default_p50_ms",
    "CPU ms": "cpu_ms",
    "foreign": "foreign_cpu",
    "kB": "answer_kb",
    "result": "result",
    "ok": "ok",
}

_LATENESS = {
    "events/s": "events_per_s",
    "followers": "followers",
    "matching": "matching",
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "max ms": "max_ms",
    "missed": "missed",
    "server CPU": "server_cpu",
    "foreign": "foreign_cpu",
}
_IDLE = {
    "idle followers": "followers",
    "MB": "memory_mb",
    "transactions/s": "transactions_per_s",
    "CPU": "cpu",
    "query p50 ms": "query_p50_ms",
    "query p99 ms": "query_p99_ms",
}
_COLLECTED = {
    "containers": "containers",
    "lines/s": "lines_per_s",
    "CPU-s/1M": "collector_cpu_s_per_m",
    "others": "service_cpu_s_per_m",
    "peak MB": "collector_peak_mb",
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "max ms": "max_ms",
    "lines": "lines",
    "lost": "lost",
    "doubled": "doubled",
    "cluster CPU": "cluster_cpu",
    "foreign": "foreign_cpu",
}


_EXPLORED = {
    "events": "events",
    "first lines, cold ms": "first_lines_cold_ms",
    "first lines ms": "first_lines_ms",
    "filter ms": "filter_change_ms",
    "query ms": "query_change_ms",
    "kB": "weight_kb",
    "rows": "rows_most",
    "tailed": "tail_lines",
    "longest task ms": "tail_longest_task_ms",
    "over 100 ms": "tail_long_tasks",
    "foreign": "foreign_cpu",
}


@dataclass(slots=True)
class Results:
    """Everything that one call of the harness found."""

    started_at: datetime
    events: int
    seed: int
    ingest: list[Loaded] = field(default_factory=list)  # medians
    ingest_runs: list[Loaded] = field(default_factory=list)
    queries: list[Asked | Unanswered] = field(default_factory=list)
    queries_during: list[Asked | Unanswered] = field(default_factory=list)  # while the other streams are written to
    lateness: list[Lateness] = field(default_factory=list)
    idle: Idle | None = None
    collected: Collected | None = None
    explored: Explored | None = None

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.started_at:%Y%m%dT%H%M%SZ}.json"
        machine = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
        content = {**asdict(self), "started_at": self.started_at.isoformat(), "machine": machine}
        path.write_text(json.dumps({"tailsvc": __version__, **content}, indent=1) + "\n")
        return path


def show_ingest(console: Console, rows: Sequence[Loaded]) -> None:
    console.print(_table("Ingest (medians)", _INGEST, [asdict(row) for row in rows]))
    parts = [{"events/POST": row.batch, **row.cpu_s_per_m_by_part} for row in rows]
    console.print(_table("CPU-s per 1M events by process, until the last answer", _same(parts[0]), parts))
    settled = [{"events/POST": row.batch, **row.settled_cpu_s_per_m_by_part} for row in rows]
    console.print(_table("CPU-s per 1M events by process, settled", _same(settled[0]), settled))


def show_followers(console: Console, late: Sequence[Lateness], idle: Idle) -> None:
    console.print(_table("From the acknowledgement to the follower", _LATENESS, [asdict(row) for row in late]))
    console.print(_table("Idle followers of one web worker", _IDLE, [asdict(idle)]))


def show_collected(console: Console, collected: Collected) -> None:
    console.print(_table("Collecting from a cluster", _COLLECTED, [asdict(collected)]))


def show_explored(console: Console, explored: Explored) -> None:
    console.print(_table("Explore in Chromium, medians", _EXPLORED, [asdict(explored)]))


def show_queries(console: Console, title: str, rows: Sequence[Asked | Unanswered]) -> None:
    console.print(_table(title, _QUERIES, [asdict(row) for row in rows]))
    for row in rows:
        error = row.error if isinstance(row, Unanswered) else row.default_error
        if error:
            console.print(f"{row.operation}: {error}", markup=False)


def _same(row: Mapping[str, object]) -> dict[str, str]:
    return {name: name for name in row}


def _table(title: str, columns: dict[str, str], rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table(title=title, title_justify="left")
    for nth, heading in enumerate(columns):
        table.add_column(heading, justify="right" if nth else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns.values()))
    return table


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        value = round(value, 2) + 0.0  # no "-0.00"
        return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
