"""Containers that live at random, and what goes wrong around them; the same for the same seed, but for timing."""

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from tests.cluster.containers import LONGEST_ENTRY
from tests.cluster.faults import How
from tests.cluster.running import RunningCluster

_SECOND = 1_000_000_000
# Of a line's time behind its neighbour's: two outputs are written side by side.
_DISORDER_NANOSECONDS = 300
# No runtime starts a container again within it.
_START_NANOSECONDS = 5_000_000
LOG_ENDS: tuple[How, ...] = ("reset", "end", "chunk", "text")
WATCH_ENDS: tuple[How, ...] = ("reset", "end", "chunk", "expire")


@dataclass
class Life:
    """A pod with one or two containers that write, break off in the middle of a line, end and are started again.

    `is_collected(pod, container, runs)` tells whether everything that these runs of a container wrote is stored: a
    cluster keeps the logs of two runs only, so that a third one has to wait.
    """

    cluster: RunningCluster
    pod: str
    owner: str
    seed: int
    is_collected: Callable[[str, str, int], bool]
    random: Random = field(init=False)
    _last: dict[str, int] = field(default_factory=dict)  # when each container wrote
    _written: int = 0
    _within_line: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.containers = ["main", "side"][: self.random.choice([1, 1, 2])]
        self.init = self.random.choice([[], ["prepare"]])

    def begin(self) -> None:
        self.cluster.model.add_pod(self.pod, self.containers, self.init, owner=f"StatefulSet/{self.owner}")

    def go_on(self) -> Iterator[float]:
        """For ever; yields the seconds until it does something again."""
        for name in self.init:
            self.cluster.model.start(self.pod, name)
            self._write(name)
            self._end(name)
        for name in self.containers:
            self.cluster.model.start(self.pod, name)
        while True:
            name = self.random.choice(self.containers)
            if self.random.random() < 0.06:
                yield from self._start_again(name)
            else:
                self._write(name)
            yield self.random.choice([0, 0.001, 0.01, 0.1, 0.3])

    def finish(self) -> None:
        for name in self.containers:
            if self.random.random() < 0.5:
                self._end(name)
            else:
                self._end_line(name)

    def _write(self, name: str) -> None:
        at = max(time.time_ns(), self._last.get(name, 0))
        if self.random.random() < 0.1:  # around the border of a second: logs are asked for by the second
            at = max(at, (at // _SECOND + 1) * _SECOND - self.random.choice([1, 1_000]))
        lines, times = [], []
        for _ in range(self.random.choice([1, 2, 5, 30])):
            at += self.random.choice([0, 1, 1_000, 1_000_000])
            lines.append(self._line(name))
            times.append(at - (_DISORDER_NANOSECONDS if times and self.random.random() < 0.1 else 0))
        self._last[name] = at
        whole = not lines[-1] or self.random.random() > 0.1  # no runtime keeps a part of a line that is empty
        self.cluster.model.write(self.pod, name, *lines, at=times, ends=whole)
        (self._within_line.discard if whole else self._within_line.add)(name)

    def _line(self, name: str) -> bytes:
        self._written += 1
        number = b"%s %s %d" % (self.pod.encode(), name.encode(), self._written)
        return self.random.choices(
            [
                number + b" was written",
                b'{"level": "warn", "number": %d}' % self._written,
                b"",
                number + b"\r",
                number + " größer ✓".encode(),
                number + b" \xff\xfe\x00",
                number + b" " + b"x" * self.random.randint(LONGEST_ENTRY - 100, 3 * LONGEST_ENTRY),
            ],
            [60, 10, 5, 5, 5, 5, 2],
        )[0]

    def _start_again(self, name: str) -> Iterator[float]:
        runs = len(self.cluster.model.instances(self.pod, name))
        if self.is_collected(self.pod, name, runs - 1):
            self._end(name)
            yield self.random.choice([0, 0, 0.05])
            self.cluster.model.start(self.pod, name)
            self._last[name] = self._last.get(name, 0) + _START_NANOSECONDS

    def _end(self, name: str) -> None:
        """Sometimes within a line, which then has no end for ever."""
        if self.random.random() < 0.7:
            self._end_line(name)
        self._within_line.discard(name)
        self.cluster.model.terminate(self.pod, name, self.random.choice([0, 1, 137]))

    def _end_line(self, name: str) -> None:
        if name in self._within_line:
            self.cluster.model.write(self.pod, name, b" and its end", at=self._last[name])
        self._within_line.discard(name)


def live(lives: Iterable[Iterator[float]], seconds: float) -> None:
    """All of them side by side, for so long."""
    now = time.monotonic()
    end, due = now + seconds, [(now, nth, life) for nth, life in enumerate(lives)]
    heapq.heapify(due)
    while due[0][0] < end:
        at, nth, life = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        pause = next(life)
        heapq.heappush(due, (time.monotonic() + pause, nth, life))


class Mischief:
    """Something goes wrong every now and then, until it is ended."""

    def __init__(self, cluster: RunningCluster, pods: list[str], seed: int) -> None:
        self.done: list[str] = []
        self._cluster, self._faults, self._random = cluster, cluster.faults, Random(seed)
        self._pods = pods
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> "Mischief":
        self._faults.scatters = True
        self._faults.watch_repeats = 0.1
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._faults.clear()

    def _go_on(self) -> None:
        acts = {self._cut_log: 10, self._refuse: 3, self._cut_watch: 2, self._stall: 2, self._lag: 1, self._restart: 1}
        while not self._stop.wait(self._random.uniform(0.01, 0.2)):
            act = self._random.choices(list(acts), list(acts.values()))[0]
            self.done.append(act.__name__)
            act()

    def _cut_log(self) -> None:
        match = f"/{self._random.choice(self._pods)}/log"
        how, after = self._random.choice(LOG_ENDS), self._random.choice([0, self._random.randint(1, 3_000)])
        if self._random.random() < 0.5 or not self._faults.cut(match, how, after=after):
            self._faults.cut_next(match, how, after=after)

    def _cut_watch(self) -> None:
        if self._random.random() < 0.2:
            self._cluster.model.compact()
        self._faults.cut("watch=true", self._random.choice(WATCH_ENDS), after=self._random.choice([0, 200]))

    def _refuse(self) -> None:
        status = self._random.choice([429, 500, 503, 410])
        match = "watch=true" if status == 410 else self._random.choice(["", "/log", "watch=true", "/pods"])
        self._faults.answer(status, match, times=self._random.choice([1, 3]))

    def _stall(self) -> None:
        self._faults.stall(f"/{self._random.choice(self._pods)}/log")
        self._stop.wait(self._random.uniform(0.05, 0.3))
        self._faults.resume()

    def _lag(self) -> None:
        self._faults.watch_delay = self._random.choice([0, 0.2])
        self._faults.trickle_seconds = self._random.choice([0, 0, 0.002])

    def _restart(self) -> None:
        self._cluster.restart(self._random.choice([0, 0.3]))
