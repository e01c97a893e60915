"""Until when one read may go on: whoever goes over much asks now and then, and need not be told by whom it is read."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tailsvc import limits
from tailsvc.errors import StorageUnavailable

TOO_LONG = "The query took too long; narrow its window or its filters."

_current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


class Deadline:
    """Begins when it is made."""

    def __init__(self) -> None:
        self._at = time.monotonic() + limits.READ_SECONDS

    def check(self) -> None:
        """Between two steps of a read. Raises StorageUnavailable."""
        if time.monotonic() >= self._at:
            raise StorageUnavailable(TOO_LONG)

    @contextmanager
    def holds(self) -> Iterator[None]:
        """For all that this thread does within."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def check() -> None:
    """Where a read goes over much: raises StorageUnavailable once its deadline has passed; else there may be none."""
    deadline = _current.get()
    if deadline is not None:
        deadline.check()
