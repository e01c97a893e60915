"""Where "now" comes from: handed in by whoever composes the engine, never read inside it."""

import time
from typing import Protocol


class Clock(Protocol):
    def __call__(self) -> int:
        """Microseconds since 1970-01-01 UTC."""


def system_clock() -> int:
    return time.time_ns() // 1000


class FixedClock:
    """A clock that stands still until told to move; for tests."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, *, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)
