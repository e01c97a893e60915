"""The query table: what is asked, and what the answer must be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.dataset import Dataset
from benchmarks.facts import PAGE, Facts

STREAM = "s0"

Params = Mapping[str, str | int]
Clause = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. `answers` says what is compared: the rows of a page, its total, or a histogram's sum."""

    name: str
    what: str
    filters: tuple[Clause, ...] = ()
    answers: str = "rows"
    limit: int = PAGE
    page: int = 1
    is_tail: bool = False  # without a window
    of_last_hour: bool = False

    @property
    def endpoint(self) -> str:
        return "histogram" if self.answers == "histogram" else "logs"

    @property
    def has_default(self) -> bool:
        """Whether the same request without `total=false` is another one."""
        return self.answers == "rows" and not self.is_tail and self.page == 1

    def params(self, facts: Facts, run: int, *, total: bool | None = None) -> Params:
        """Every run ends 1 ms later, so that cached answers do not count."""
        if self.is_tail:
            return {"limit": self.limit, "total": "false"}
        start = facts.hour_start_ms if self.of_last_hour else facts.first_ms
        window: dict[str, str | int] = {"start_time": start, "end_time": facts.last_ms + 1 + run}
        if self.answers == "histogram":
            return {"interval": 60_000, "split": "level", **window}
        counted = self.answers == "total" if total is None else total
        filters = {"filters": json.dumps(self.filters)} if self.filters else {}
        return {**window, "limit": self.limit, "total": json.dumps(counted), **filters}

    def result(self, answer: Any) -> int:
        if self.answers == "total":
            return int(answer["meta"]["total"])
        if self.answers == "histogram":
            return sum(sum(bucket["counts"].values()) for bucket in answer["data"])
        return len(answer["data"])


def _clause(field: str, value: str | int, operator: str = "=") -> Clause:
    return {"field": field, "operator": operator, "value": value}


def _text(value: str) -> Clause:
    return {"field": "q", "value": value}


_RARE = _text("imeOU")
_STATUS_500 = _clause("status", 500)


def operations(facts: Facts) -> list[Operation]:
    slow = (_clause("path", "/api/%", "like"), _clause("response_time_ms", 1000, ">"))
    return [
        Operation("tail", "newest 100 of the stream, no window", is_tail=True),
        Operation("status_1h", "status >= 500 in the last hour", (_clause("status", 500, ">="),), of_last_hour=True),
        Operation("path_slow", "path like /api/% and over 1,000 ms", slow),
        Operation("q_word", "full text, a word", (_text("timeout"),)),
        Operation("q_substring", "full text, part of a word, mixed case", (_RARE,)),
        Operation("q_rare_total", "the total of the same: nothing ends early", (_RARE,), answers="total", limit=1),
        Operation("needle", "full text, a uuid that occurs once", (_text(facts.needle),)),
        Operation("count_500", "total of status 500", (_STATUS_500,), answers="total", limit=1),
        Operation("count_500_default", "a page of status 500 with its total", (_STATUS_500,), answers="total"),
        Operation("histogram", "per minute by level", answers="histogram"),
        Operation("page_1", "page 1 of 100"),
        Operation("page_1000", "page 1,000, by its cursor", page=1000),
        Operation("page_10000", "page 10,000, by its cursor", page=10_000),
    ]


@dataclass(frozen=True, slots=True)
class Expected:
    """The right answer; `times` (ms, sorted) are those of the right rows, where rows are compared."""

    result: int
    times: list[int] | None = None


def expected(operation: Operation, data: Dataset) -> Expected:
    facts = data.facts.streams[STREAM]
    if operation.answers == "histogram":
        return Expected(facts.events)
    if operation.answers == "total":
        return Expected(facts.timeouts if operation.filters == (_RARE,) else facts.status_500)
    times = _times(operation, data)
    return Expected(len(times), sorted(times))


def _times(operation: Operation, data: Dataset) -> list[int]:
    facts = data.facts.streams[STREAM]
    of_filter = {
        "status_1h": facts.newest_server_errors,
        "path_slow": facts.newest_api_slow,
        "q_word": facts.newest_timeouts,
        "q_substring": facts.newest_timeouts,
        "needle": [data.facts.needle_ms],
    }
    if operation.name in of_filter:
        return of_filter[operation.name]
    return data.times(STREAM, newest=PAGE, skip=(operation.page - 1) * PAGE)
