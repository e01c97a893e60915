"""Ctrl-C, twice: the first asks to finish what is under way, the second ends it."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """While it is entered. Only for the main thread, which alone receives signals."""

    def __init__(self, on_first: Callable[[], None] = lambda: None) -> None:
        self.asked = False
        # By a thread of its own: this one may be in the middle of a print, and a second within it is an error.
        self._teller = threading.Thread(target=on_first)

    def __enter__(self) -> Self:
        # What waits for input waits for this too: a signal alone would not wake it.
        self._reader, self._writer = os.pipe()
        self._before: list[Any] = [signal.signal(number, self._take) for number in _SIGNALS]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)
        if self.asked:
            self._teller.join()
        os.close(self._reader)
        os.close(self._writer)

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (the signature of handlers)
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        os.write(self._writer, b"!")
        self._teller.start()

    def wait_for(self, descriptor: int, seconds: float | None) -> bool:
        """Whether the descriptor can be read; False when the time is over or the interrupt came."""
        readable, _, _ = select.select([descriptor, self._reader], [], [], seconds)
        return not self.asked and descriptor in readable

    def sleep(self, seconds: float) -> None:
        """Goes on after the first interrupt: what is under way waits for its next attempt."""
        time.sleep(seconds)
