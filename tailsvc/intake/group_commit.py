"""Group commit: while a stream's flush is on its way, what arrives for that stream waits and shares the next one."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tailsvc import limits
from tailsvc.clock import Clock
from tailsvc.errors import InvalidInput, OutcomeUnknown, StorageUnavailable, TailsvcError
from tailsvc.storage.base import Batch, EventStore, Outcome, StreamRef

_RETRY_PAUSE_SECONDS = 0.1


class IntakeFull(StorageUnavailable):
    """Too much waits for its commit already."""


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    future: "Future[Outcome]"
    since: float


@dataclass(slots=True)
class _Lane:
    """What waits for one stream. A lane exists while it has something to do: one flush at a time."""

    stream: StreamRef
    waiting: "deque[_Waiting]" = field(default_factory=deque)


class Intake:
    """Takes batches from any thread. `observe(seconds, events)` is told of every commit."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        *,
        threads: int = 4,
        observe: Callable[[float, int], None] = lambda _seconds, _events: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._observe = observe
        self._lock = threading.Lock()
        self._lanes: dict[StreamRef, _Lane] = {}
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="intake")
        self.waiting_bytes = 0

    def submit(self, stream: StreamRef, batch: Batch) -> "Future[Outcome]":
        """The future's result is there after COMMIT; its exception is a TailsvcError. Raises IntakeFull."""
        waiting = _Waiting(batch, Future(), time.monotonic())
        with self._lock:
            if self.waiting_bytes + batch.size > limits.WAITING_BYTES and self.waiting_bytes:
                raise IntakeFull("Too much waits to be stored; try again.")
            self.waiting_bytes += batch.size
            lane = self._lanes.get(stream)
            if lane is not None:
                lane.waiting.append(waiting)
                return waiting.future
            lane = self._lanes[stream] = _Lane(stream)
            lane.waiting.append(waiting)
        self._workers.submit(self._flush_lane, lane)
        return waiting.future

    def close(self) -> None:
        """Wait until everything submitted is answered."""
        self._workers.shutdown(wait=True)

    def _flush_lane(self, lane: _Lane) -> None:
        with self._lock:
            taken = self._take(lane)
        try:
            self._flush(lane.stream, taken)
        finally:
            with self._lock:
                self.waiting_bytes -= sum(waiting.batch.size for waiting in taken)
                finished = not lane.waiting
                if finished:
                    del self._lanes[lane.stream]
            if not finished:
                # To the end of the queue: a busy stream must not keep a worker from the others.
                self._workers.submit(self._flush_lane, lane)

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
                waiting.future.set_exception(error)
        else:
            for waiting, outcome in zip(taken, outcomes, strict=True):
                waiting.future.set_result(outcome)

    def _flush_apart(self, stream: StreamRef, taken: Sequence[_Waiting], error: TailsvcError) -> None:
        """One request's data must not fail its neighbours'."""
        if len(taken) == 1:
            taken[0].future.set_exception(error)
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
                self._observe(time.monotonic() - started, sum(len(batch.events) for batch in batches))
                return outcomes
