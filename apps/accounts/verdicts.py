"""What was found out about a token a moment ago, so that not every request asks the database.

A verdict is at most 5 s old, counted from before its look-up: that is how long a revocation, a change of role or an
expired membership may go unnoticed in another process. The process that did the change forgets at once.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from apps.accounts.callers import Caller

SECONDS = 5.0
SIZE = 10_000  # callers are about 1 KB each


class _Verdict(NamedTuple):
    caller: Caller | None
    until: float


class Verdicts:
    """Least recently used go first. Safe to share between threads."""

    def __init__(
        self, *, seconds: float = SECONDS, size: int = SIZE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, _Verdict] = OrderedDict()
        self._generation = 0

    def of(self, digest: bytes, look_up: Callable[[], Caller | None]) -> Caller | None:
        started = self._clock()
        with self._lock:
            verdict = self._kept.get(digest)
            if verdict is not None and started < verdict.until:
                self._kept.move_to_end(digest)
                return verdict.caller
            generation = self._generation
        caller = look_up()
        with self._lock:
            # What was looked up before a revocation and arrives after it must not be kept.
            if generation == self._generation:
                self._keep(digest, _Verdict(caller, started + self._seconds))
        return caller

    def forget(self, digest: bytes) -> None:
        with self._lock:
            self._generation += 1
            self._kept.pop(digest, None)

    def forget_all(self) -> None:
        with self._lock:
            self._generation += 1
            self._kept.clear()

    def _keep(self, digest: bytes, verdict: _Verdict) -> None:
        self._kept[digest] = verdict
        self._kept.move_to_end(digest)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


_verdicts = Verdicts()
verdict_of = _verdicts.of
forget = _verdicts.forget
forget_all = _verdicts.forget_all
