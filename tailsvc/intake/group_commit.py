"""Group commit: while a stream's flush is on its way, what arrives for that stream waits and shares the next one."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue

from tailsvc import limits
from tailsvc.clock import Clock
from tailsvc.errors import InvalidInput, KeyReused, OutcomeUnknown, StorageUnavailable, TailsvcError
from tailsvc.storage.base import Appended, Batch, EventStore, Outcome, StreamRef

_RETRY_PAUSE_SECONDS = 0.1


Tell = Callable[["Outcome | Exception"], None]


class IntakeFull(StorageUnavailable):
    """Too much waits for its commit already."""


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    tell: Tell
    since: float


@dataclass(slots=True)
class _Lane:
    """What waits for one stream. A lane exists while it has something to do: one flush at a time."""

    stream: StreamRef
    waiting: "deque[_Waiting]" = field(default_factory=deque)


class Intake:
    """Takes batches from any thread. `observe(stream, seconds, batches)` is told of each commit."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        *,
        threads: int = 4,
        observe: Callable[[StreamRef, float, Sequence[Batch]], None] = lambda _stream, _seconds, _batches: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._observe = observe
        self._idle = threading.Condition()
        self._lanes: dict[StreamRef, _Lane] = {}
        self._ready: SimpleQueue[_Lane | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"intake-{number}", daemon=True) for number in range(threads)
        ]
        self.waiting_bytes = 0
        for thread in self._threads:
            thread.start()

    def submit(self, stream: StreamRef, batch: Batch) -> "Future[Outcome]":
        """The future's result is there after COMMIT; its exception is a TailsvcError. Raises IntakeFull."""
        future: Future[Outcome] = Future()

        def tell(outcome: Outcome | Exception) -> None:
            if isinstance(outcome, Exception) and not isinstance(outcome, KeyReused):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self.hand_in(stream, batch, tell)
        return future

    def hand_in(self, stream: StreamRef, batch: Batch, tell: Tell) -> None:
        """`tell` is called after COMMIT, or with the error, from a thread of ours. Raises IntakeFull."""
        waiting = _Waiting(batch, tell, time.monotonic())
        with self._idle:
            if self.waiting_bytes + batch.size > limits.WAITING_BYTES and self.waiting_bytes:
                raise IntakeFull("Too much waits to be stored; try again.")
            self.waiting_bytes += batch.size
            lane = self._lanes.get(stream)
            if lane is not None:
                lane.waiting.append(waiting)
                return
            lane = self._lanes[stream] = _Lane(stream)
            lane.waiting.append(waiting)
        self._ready.put(lane)

    def close(self) -> None:
        """Wait until everything handed in is answered, and end the threads."""
        with self._idle:
            self._idle.wait_for(lambda: not self._lanes)
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (lane := self._ready.get()) is not None:
            self._flush_lane(lane)

    def _flush_lane(self, lane: _Lane) -> None:
        with self._idle:
            taken = self._take(lane)
        self._flush(lane.stream, taken)
        with self._idle:
            self.waiting_bytes -= sum(waiting.batch.size for waiting in taken)
            if not lane.waiting:
                del self._lanes[lane.stream]
                self._idle.notify_all()
                return
        # To the end of the queue: a busy stream must not keep a thread from the others.
        self._ready.put(lane)

    def _take(self, lane: _Lane) -> list[_Waiting]:
        """What fits into one flush; at least one."""
        taken = [lane.waiting.popleft()]
        events, size = len(taken[0].batch.events), taken[0].batch.size
        while lane.waiting:
            batch = lane.waiting[0].batch
            events, size = events + len(batch.events), size + batch.size
            if events > limits.FLUSH_EVENTS or size > limits.FLUSH_BYTES:
                break
            taken.append(lane.waiting.popleft())
        return taken

    def _flush(self, stream: StreamRef, taken: Sequence[_Waiting]) -> None:
        try:
            outcomes = self._append(stream, taken)
        except InvalidInput as error:
            self._flush_apart(stream, taken, error)
        except Exception as error:  # noqa: BLE001 (whatever it is, nobody may be left waiting)
            for waiting in taken:
                waiting.tell(error)
        else:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                waiting.tell(outcome)

    def _flush_apart(self, stream: StreamRef, taken: Sequence[_Waiting], error: TailsvcError) -> None:
        """One request's data must not fail its neighbours'."""
        if len(taken) == 1:
            taken[0].tell(error)
            return
        for waiting in taken:
            self._flush(stream, [waiting])

    def _append(self, stream: StreamRef, taken: Sequence[_Waiting]) -> list[Outcome]:
        """Try until it works or the oldest has waited long enough: agents drop what is refused."""
        batches = [waiting.batch for waiting in taken]
        give_up = taken[0].since + limits.WAITING_SECONDS
        while True:
            started = time.monotonic()
            try:
                outcomes = self._store.append(stream, batches, now=self._clock())
            except OutcomeUnknown:
                raise  # a second try might store it twice
            except StorageUnavailable:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_RETRY_PAUSE_SECONDS)
            else:
                fresh = zip(batches, outcomes, strict=True)
                self._observe(
                    stream,
                    time.monotonic() - started,
                    [batch for batch, outcome in fresh if isinstance(outcome, Appended)],
                )
                return outcomes
