"""Asking a loaded service the query table: warm times, the server's CPU, and whether the answers are right."""

import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np

from benchmarks.dataset import Dataset
from benchmarks.facts import PAGE
from benchmarks.operations import STREAM, Expected, Operation, Params, expected, operations
from benchmarks.processes import Foreign, cpu_seconds
from benchmarks.service import Failed, Service

_WARM_UPS, _RUNS, _DEFAULT_RUNS = 3, 20, 5
_LONGEST_SECONDS = 60.0  # of one operation: it then ends early, after 5 runs at least
_LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The figures of one operation; docs/benchmarks.md defines them."""

    operation: str
    what: str
    min_ms: float
    p50_ms: float
    p95_ms: float
    default_p50_ms: float | None  # without total=false, where that differs
    default_error: str | None
    runs: int
    cpu_ms: float
    foreign_cpu: float
    answer_kb: float
    result: int
    expected: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An operation that failed, and how."""

    operation: str
    error: str
    ok: bool = False


class Questions:
    """Asks one service. The number of a run is never used twice, so that no answer is a cached one."""

    def __init__(self, service: Service, data: Dataset) -> None:
        self._service = service
        self._data = data
        self._numbers = count(1)

    def names(self) -> list[str]:
        return [operation.name for operation in self._possible()]

    def ask_all(self) -> Iterator[Asked | Unanswered]:
        for operation in self._possible():
            try:
                yield self._measure(operation)
            except (Failed, OSError) as error:
                yield Unanswered(operation.name, str(error))

    def _possible(self) -> list[Operation]:
        """Without pages behind the end of the stream, and without what the service does not offer yet."""
        events, facts = self._data.facts.streams[STREAM].events, self._data.facts
        wanted = [each for each in operations(facts) if each.page * PAGE <= events]
        return [each for each in wanted if each.endpoint == "logs" or self._exists(each)]

    def _exists(self, operation: Operation) -> bool:
        path = self._service.query_path(STREAM, operation.endpoint, operation.params(self._data.facts, 0))
        return self._service.call("GET", path)[0] != 404

    def _measure(self, operation: Operation) -> Asked:
        cursor = self._walk_to(operation)
        _, raw = self._times(operation, cursor, _WARM_UPS, _LONGEST_SECONDS / 4)
        before = cpu_seconds(self._service.roots)
        with Foreign(self._service.roots) as foreign:
            times, raw = self._times(operation, cursor, _RUNS, _LONGEST_SECONDS)
        cpu = cpu_seconds(self._service.roots) - before
        answer, right = json.loads(raw), expected(operation, self._data)
        default_p50_ms, default_error = self._default(operation)
        return Asked(
            operation=operation.name,
            what=operation.what,
            min_ms=min(times),
            p50_ms=float(np.percentile(times, 50)),
            p95_ms=float(np.percentile(times, 95)),
            default_p50_ms=default_p50_ms,
            default_error=default_error,
            runs=len(times),
            cpu_ms=cpu / len(times) * 1e3,
            foreign_cpu=foreign.share,
            answer_kb=len(raw) / 1024,
            result=operation.result(answer),
            expected=right.result,
            ok=_is_right(operation, answer, right),
        )

    def _times(
        self, operation: Operation, cursor: str | None, runs: int, longest: float, *, total: bool | None = None
    ) -> tuple[list[float], bytes]:
        """Milliseconds of each run, and the last answer."""
        times: list[float] = []
        raw, deadline = b"", time.monotonic() + longest
        while len(times) < runs and (len(times) < min(runs, 5) or time.monotonic() < deadline):
            params = operation.params(self._data.facts, next(self._numbers), total=total)
            if cursor is not None:
                params = {"cursor": cursor, "limit": operation.limit, "total": "false"}
            took, raw = self._timed(self._service.query_path(STREAM, operation.endpoint, params))
            times.append(took)
        return times, raw

    def _timed(self, path: str) -> tuple[float, bytes]:
        started = time.perf_counter()
        status, raw = self._service.call("GET", path)
        took = (time.perf_counter() - started) * 1e3
        if status >= 300:
            raise Failed(f"GET {path.partition('?')[0]}: {status} {raw[:300].decode('utf-8', 'replace')}")
        return took, raw

    def _default(self, operation: Operation) -> tuple[float | None, str | None]:
        """The median with the total counted, or why there is none."""
        if not operation.has_default:
            return None, None
        try:
            times, _ = self._times(operation, None, _DEFAULT_RUNS + 1, _LONGEST_SECONDS, total=True)
        except Failed as error:
            return None, str(error)
        return statistics.median(times[1:]), None

    def _walk_to(self, operation: Operation) -> str | None:
        """The cursor of an operation's page, untimed: it is only had from the page before."""
        skip, cursor = (operation.page - 1) * PAGE, None
        start = operation.params(self._data.facts, next(self._numbers))
        while skip:
            limit = min(_LARGEST_PAGE, skip)
            params: Params = {**start, "limit": limit}
            if cursor is not None:
                params = {"cursor": cursor, "limit": limit, "total": "false"}
            page = self._service.ask("GET", self._service.query_path(STREAM, "logs", params))
            cursor, skip = str(page["meta"]["next_cursor"]), skip - limit
        return cursor


def _is_right(operation: Operation, answer: Any, right: Expected) -> bool:
    """The number is right and, where rows are returned, they are the right ones by their times."""
    if operation.result(answer) != right.result:
        return False
    return right.times is None or sorted(_millis(row["timestamp"]) for row in answer["data"]) == right.times


def _millis(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)
