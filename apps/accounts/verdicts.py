"""What was found out a moment ago, about a token or an address, so that not every request asks the database.

A verdict is at most 5 s old, counted from before its look-up: that is how long a revocation, a change of role or an
expired membership may go unnoticed in another process. The process that did the change forgets at once.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from apps.accounts.callers import Caller

SECONDS = 5.0
SIZE = 10_000  # callers and streams are about 1 KB each

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class _Verdict(NamedTuple, Generic[Found]):
    found: Found
    until: float


class Verdicts(Generic[Key, Found]):
    """Least recently used go first. Safe to share between threads. A look-up that raises leaves no verdict."""

    def __init__(
        self, *, seconds: float = SECONDS, size: int = SIZE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Verdict[Found]] = OrderedDict()
        self._generation = 0

    def of(self, key: Key, look_up: Callable[[], Found]) -> Found:
        started = self._clock()
        with self._lock:
            verdict = self._kept.get(key)
            if verdict is not None and started < verdict.until:
                self._kept.move_to_end(key)
                return verdict.found
            generation = self._generation
        found = look_up()
        with self._lock:
            # What was looked up before a revocation and arrives after it must not be kept.
            if generation == self._generation:
                self._keep(key, _Verdict(found, started + self._seconds))
        return found

    def forget(self, key: Key) -> None:
        with self._lock:
            self._generation += 1
            self._kept.pop(key, None)

    def forget_all(self) -> None:
        with self._lock:
            self._generation += 1
            self._kept.clear()

    def _keep(self, key: Key, verdict: _Verdict[Found]) -> None:
        self._kept[key] = verdict
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


_verdicts: Verdicts[bytes, Caller | None] = Verdicts()
verdict_of = _verdicts.of
forget = _verdicts.forget
forget_all = _verdicts.forget_all
