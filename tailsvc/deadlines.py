"""Until when one read may go on: whoever goes over much asks now and then, and need not be told by whom it is read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tailsvc import limits
from tailsvc.errors import TookTooLong

TOO_LONG = "The query took too long; narrow its window or its filters."

_current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


class Deadline:
    """Begins when it is made. By `clock`, in seconds: a read's is that on the wall, as its client counts."""

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + (limits.READ_SECONDS if seconds is None else seconds)

    def check(self) -> None:
        """Between two steps of a read. Raises TookTooLong."""
        if self._clock() >= self._at:
            raise TookTooLong(TOO_LONG)

    @contextmanager
    def holds(self) -> Iterator[None]:
        """For all that this thread does within."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def check() -> None:
    """Where a read goes over much: raises TookTooLong once its deadline has passed; else there may be none."""
    deadline = _current.get()
    if deadline is not None:
        deadline.check()
