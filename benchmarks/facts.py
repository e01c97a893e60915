"""What is known of a data set: the right answers, counted while it is made."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

PAGE = 100


@dataclass(slots=True)
class Tally:
    """What one stream holds; times in ms, in the order of the stream."""

    events: int = 0
    status_500: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    server_errors: list[int] = field(default_factory=list)  # status >= 500
    api_slow: list[int] = field(default_factory=list)  # path like /api/%, over 1,000 ms
    timeouts: list[int] = field(default_factory=list)  # with the word in the message
    traces: list[tuple[int, str]] = field(default_factory=list)  # some that occur once

    def add(self, later: "Tally") -> None:
        self.events += later.events
        self.status_500 += later.status_500
        self.levels += later.levels
        self.server_errors += later.server_errors
        self.api_slow += later.api_slow
        self.timeouts += later.timeouts
        self.traces += later.traces


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """The answers of one stream. `newest_...` are the times of the newest 100 matches, oldest first."""

    events: int
    status_500: int
    timeouts: int
    levels: dict[str, int]
    newest_server_errors: list[int]  # of the last hour
    newest_api_slow: list[int]
    newest_timeouts: list[int]


@dataclass(frozen=True, slots=True)
class Facts:
    """The answers of a data set; times in ms. The needle is a text that occurs once, in stream 0."""

    first_ms: int
    last_ms: int
    hour_start_ms: int
    needle: str
    needle_ms: int
    streams: dict[str, StreamFacts]


def conclude(tallies: Iterable[Tally], *, first_ms: int, last_ms: int) -> Facts:
    every = list(tallies)
    hour_start = last_ms - 3_600_000
    traces = every[0].traces
    needle_ms, needle = traces[len(traces) // 4]  # a quarter into the big stream's history
    streams = {f"s{nth}": _facts_of(tally, hour_start) for nth, tally in enumerate(every)}
    return Facts(first_ms, last_ms, hour_start, needle, needle_ms, streams)


def _facts_of(tally: Tally, hour_start: int) -> StreamFacts:
    return StreamFacts(
        events=tally.events,
        status_500=tally.status_500,
        timeouts=len(tally.timeouts),
        levels=dict(tally.levels),
        newest_server_errors=[at for at in tally.server_errors if at >= hour_start][-PAGE:],
        newest_api_slow=tally.api_slow[-PAGE:],
        newest_timeouts=tally.timeouts[-PAGE:],
    )
