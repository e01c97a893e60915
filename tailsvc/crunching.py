"""One thread of a process for work that never waits: parsing bodies, packing blocks.

Such work holds the interpreter's lock all the time, so a second thread for it makes nothing faster; it only makes the
two take the lock and the processor's caches from each other (32 µs of CPU an event in one thread, 50 in two or four).
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_thread = ThreadPoolExecutor(1, thread_name_prefix="crunch")


def crunch(work: Callable[[], T]) -> T:
    """Do it there, and wait for it."""
    return submit(work).result()


def submit(work: Callable[[], T]) -> "Future[T]":
    return _thread.submit(work)
