"""How long one read may take: Postgres stops its statements by itself, what is decoded and searched here must ask."""

import time

from tailsvc import limits
from tailsvc.errors import StorageUnavailable

TOO_LONG = "The query took too long; narrow its window or its filters."


class Deadline:
    """Begins when it is made."""

    def __init__(self) -> None:
        self._at = time.monotonic() + limits.READ_SECONDS

    def check(self) -> None:
        """Between two steps of a read, each of which takes milliseconds. Raises StorageUnavailable."""
        if time.monotonic() >= self._at:
            raise StorageUnavailable(TOO_LONG)
