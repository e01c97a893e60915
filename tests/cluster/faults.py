"""What goes wrong on purpose: requests refused, connections cut, logs that stall or trickle, watches that lag.

One thing does not go wrong twice in a row: that a log seems to have ended well before it did. Who reads it cannot know.

`match` is a regular expression that is searched in a request's path with its query: `/pods/web-1/log`, `watch=true`.
All calls may come from any thread.
"""

import asyncio
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

# How a connection ends: reset by TCP; as if all had been said; within a chunk; with words of the kubelet in the log;
# of watches also: told that its version is too old.
How = Literal["reset", "end", "chunk", "text", "expire"]
_SEEM_WELL: tuple[How, ...] = ("end", "text")
KUBELETS_WORDS = b"failed to create fsnotify watcher: too many open files"
# Of a stream that is cut into random pieces.
_LONGEST_PIECE = 400


class Asked(NamedTuple):
    at: float  # seconds, of the clock that never goes back
    what: str  # method, path and query


@dataclass(slots=True)
class Answer:
    """The next requests that match are answered so."""

    match: re.Pattern[str]
    status: int
    times: int
    retry_after: int
    message: str


@dataclass(slots=True)
class Cut:
    """An open connection, or the next that match, end after so many bytes more."""

    how: How
    after: int
    match: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    times: int = 1


@dataclass(slots=True, eq=False)
class Connection:
    """A log that is being followed or a watch."""

    path: str
    kind: Literal["log", "watch"]
    wake: Callable[[], object]  # from any thread
    event: asyncio.Event
    cut: Cut | None = None
    sent: int = 0  # bytes


class Faults:
    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.scatters = False  # cut what is sent into random pieces
        self.trickle_seconds = 0.0  # after each of them
        self.watch_delay = 0.0  # seconds
        self.watch_repeats = 0.0  # how many of the events are sent twice
        self.connections: set[Connection] = set()
        self.requests: list[Asked] = []  # each that came
        self._answers: list[Answer] = []
        self._cuts: list[Cut] = []
        self._stalled: set[re.Pattern[str]] = set()
        self._seemed_well: set[str] = set()  # logs whose last connection ended too early, and nobody could tell
        self._lock = threading.Lock()

    # What a test does

    def answer(self, status: int, match: str = "", *, times: int = 1, retry_after: int = 1, message: str = "") -> None:
        """With 410 on a watch: by the answer's status; `cut(..., "expire")` tells it within the stream."""
        with self._lock:
            self._answers.append(Answer(re.compile(match), status, times, retry_after, message))

    def cut_next(self, match: str, how: How, *, after: int = 0, times: int = 1) -> None:
        """The next connections that match, after so many bytes."""
        with self._lock:
            self._cuts.append(Cut(how, after, re.compile(match), times))

    def cut(self, match: str, how: How, *, after: int = 0) -> int:
        """Those that are open; how many."""
        with self._lock:
            found = [one for one in self.connections if re.search(match, one.path) and self._may_end(one.path, how)]
        for one in found:
            one.cut = Cut(how, after)
            one.wake()
        return len(found)

    def stall(self, match: str = "") -> None:
        """Requests that match are accepted and told nothing more, until `resume`."""
        with self._lock:
            self._stalled.add(re.compile(match))

    def resume(self) -> None:
        with self._lock:
            self._stalled.clear()
            waiting = list(self.connections)
        for one in waiting:
            one.wake()

    def clear(self) -> None:
        """All is well from now on."""
        with self._lock:
            self._answers.clear()
            self._cuts.clear()
        self.scatters, self.trickle_seconds, self.watch_delay, self.watch_repeats = False, 0.0, 0.0, 0.0
        self.resume()

    def open(self, match: str) -> int:
        """How many connections of that kind there are."""
        with self._lock:
            return sum(1 for one in self.connections if re.search(match, one.path))

    def sent(self, match: str) -> int:
        """Bytes, over those that are open."""
        with self._lock:
            return sum(one.sent for one in self.connections if re.search(match, one.path))

    # What the server asks

    def refusal(self, path: str) -> Answer | None:
        with self._lock:
            found = next((one for one in self._answers if one.times and one.match.search(path)), None)
            if found is not None:
                found.times -= 1
            return found

    def planned_cut(self, path: str) -> Cut | None:
        with self._lock:
            fitting = (one for one in self._cuts if one.times and one.match.search(path))
            found = next((one for one in fitting if self._may_end(path, one.how)), None)
            if found is None:
                return None
            found.times -= 1
            return Cut(found.how, found.after)

    def stalls(self, path: str) -> bool:
        with self._lock:
            return any(one.search(path) for one in self._stalled)

    def add(self, connection: Connection) -> None:
        with self._lock:
            self.connections.add(connection)

    def remove(self, connection: Connection, ended: How | None) -> None:
        with self._lock:
            self.connections.discard(connection)
            (self._seemed_well.add if ended in _SEEM_WELL else self._seemed_well.discard)(_log_of(connection.path))

    def _may_end(self, path: str, how: How) -> bool:
        return how not in _SEEM_WELL or _log_of(path) not in self._seemed_well

    def pieces(self, data: bytes) -> Iterator[bytes]:
        start = 0
        while self.scatters and start < len(data):
            size = self.random.randint(1, _LONGEST_PIECE)
            yield data[start : start + size]
            start += size
        if start < len(data):
            yield data[start:]


def _log_of(path: str) -> str:
    """The container's, however it is asked for."""
    found = re.search(r"(.*/log)\?(?:.*&)?container=([^&]*)", path)
    return f"{found[1]} {found[2]}" if found else path.partition("?")[0]
