"""From the intake's threads back to the event loop: one wake-up for a whole flush instead of one for each request."""

import asyncio
from collections import deque

from tailsvc.intake import Intake
from tailsvc.storage.base import Batch, Outcome, StreamRef


class Bridge:
    """Of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[tuple[asyncio.Future[Outcome | Exception], Outcome | Exception]] = deque()
        self._awake = False

    async def append(self, intake: Intake, stream: StreamRef, batch: Batch) -> Outcome | Exception:
        """What became of the batch; errors are returned, as the intake tells them. Raises IntakeFull."""
        waiting: asyncio.Future[Outcome | Exception] = self._loop.create_future()
        intake.hand_in(stream, batch, lambda outcome: self._arrive(waiting, outcome))
        return await waiting

    def _arrive(self, waiting: "asyncio.Future[Outcome | Exception]", outcome: Outcome | Exception) -> None:
        """In a thread. Appended before `_awake` is looked at, and that is cleared before the queue is emptied: so
        nothing that arrives is left lying."""
        self._arrived.append((waiting, outcome))
        if not self._awake:
            self._awake = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._awake = False
        while self._arrived:
            waiting, outcome = self._arrived.popleft()
            if not waiting.done():  # the client may have hung up
                waiting.set_result(outcome)


_bridges: dict[asyncio.AbstractEventLoop, Bridge] = {}


def bridge() -> Bridge:
    """The running loop's. A process has one loop for as long as it lives; tests have many."""
    loop = asyncio.get_running_loop()
    found = _bridges.get(loop)
    if found is None:
        for ended in [one for one in _bridges if one.is_closed()]:
            del _bridges[ended]
        found = _bridges[loop] = Bridge(loop)
    return found
