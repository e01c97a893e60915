"""Group commit: who shares a flush, and what becomes of each when something goes wrong."""

import threading
from collections.abc import Sequence
from concurrent.futures import wait

import pytest

from tailsvc import limits
from tailsvc.clock import FixedClock
from tailsvc.errors import InvalidInput, OutcomeUnknown, StorageUnavailable, UnknownStream
from tailsvc.events import Event
from tailsvc.intake import Intake, IntakeFull
from tailsvc.queries import Direction, Scan, Selection
from tailsvc.storage.base import Appended, Batch, Outcome, StreamRef
from tailsvc.storage.memory import MemoryEventStore

STREAM = StreamRef(1, 1)
CLOCK = FixedClock(1_800_000_000_000_000)


class GuardedStore(MemoryEventStore):
    """The reference store behind a gate, with faults to order."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.flushes: list[int] = []
        self.faults: list[Exception] = []

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        assert self.gate.wait(10)
        self.flushes.append(len(batches))
        if self.faults:
            raise self.faults.pop(0)
        if any(event.raw == b"poison" for batch in batches for event in batch.events):
            raise InvalidInput("cannot be stored")
        return super().append(stream, batches, now=now)


@pytest.fixture
def store() -> GuardedStore:
    store = GuardedStore()
    store.open(STREAM)
    return store


def batch(text: str = "x", size: int = 1) -> Batch:
    return Batch([Event(CLOCK(), text.encode())], size=size)


def lines(store: MemoryEventStore, stream: StreamRef = STREAM) -> list[bytes]:
    page = store.scan(stream, Scan(Selection(), 10_000, Direction.OLDEST_FIRST))
    return [stored.event.raw for stored in page.events]


def test_what_arrives_during_a_flush_shares_the_next(store: GuardedStore) -> None:
    intake = Intake(store, CLOCK)
    store.gate.clear()
    futures = [intake.submit(STREAM, batch(str(n))) for n in range(50)]
    store.gate.set()
    assert [future.result(10) for future in futures] == [Appended(n + 1) for n in range(50)]
    assert sum(store.flushes) == 50
    assert len(store.flushes) <= 3
    assert lines(store) == [str(n).encode() for n in range(50)]
    intake.close()
    assert intake.waiting_bytes == 0


def test_a_flush_has_its_limits(store: GuardedStore) -> None:
    intake = Intake(store, CLOCK, threads=1)
    store.gate.clear()
    large = [Event(CLOCK(), b"x")] * (limits.FLUSH_EVENTS // 2 + 1)
    futures = [intake.submit(STREAM, Batch(large)) for _ in range(3)]
    futures += [intake.submit(STREAM, batch(size=limits.FLUSH_BYTES)) for _ in range(2)]
    store.gate.set()
    wait(futures, 10)
    assert store.flushes == [1, 1, 2, 1]
    intake.close()


def test_one_request_s_data_does_not_fail_its_neighbours(store: GuardedStore) -> None:
    intake = Intake(store, CLOCK)
    store.gate.clear()
    futures = [intake.submit(STREAM, batch(text)) for text in ("first", "good", "poison", "fine")]
    store.gate.set()
    assert [type(future.exception(10)) for future in futures] == [type(None), type(None), InvalidInput, type(None)]
    assert lines(store) == [b"first", b"good", b"fine"]
    intake.close()


def test_an_outage_is_waited_for(store: GuardedStore) -> None:
    store.faults = [StorageUnavailable("away"), StorageUnavailable("away")]
    intake = Intake(store, CLOCK)
    assert intake.submit(STREAM, batch()).result(10) == Appended(1)
    assert len(store.flushes) == 3
    intake.close()


def test_an_outage_is_not_waited_for_for_ever(store: GuardedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAITING_SECONDS", 0.2)
    store.faults = [StorageUnavailable("away")] * 100
    intake = Intake(store, CLOCK)
    assert isinstance(intake.submit(STREAM, batch()).exception(10), StorageUnavailable)
    intake.close()


def test_what_may_have_been_stored_is_not_stored_again(store: GuardedStore) -> None:
    store.faults = [OutcomeUnknown("who knows")]
    intake = Intake(store, CLOCK)
    assert isinstance(intake.submit(STREAM, batch()).exception(10), OutcomeUnknown)
    assert len(store.flushes) == 1
    intake.close()


def test_whatever_goes_wrong_nobody_is_left_waiting(store: GuardedStore) -> None:
    store.faults = [RuntimeError("a bug")]
    intake = Intake(store, CLOCK)
    assert isinstance(intake.submit(STREAM, batch()).exception(10), RuntimeError)
    assert isinstance(intake.submit(StreamRef(2, 2), batch()).exception(10), UnknownStream)
    assert intake.submit(STREAM, batch()).result(10) == Appended(1)
    intake.close()


def test_what_waits_is_bounded(store: GuardedStore) -> None:
    intake = Intake(store, CLOCK)
    store.gate.clear()
    first = intake.submit(STREAM, batch(size=limits.WAITING_BYTES * 2))  # alone, anything may enter
    with pytest.raises(IntakeFull):
        intake.submit(STREAM, batch(size=1))
    store.gate.set()
    assert first.result(10) == Appended(1)
    intake.close()
    assert intake.waiting_bytes == 0


def test_many_streams_and_threads_each_keep_their_order(store: GuardedStore) -> None:
    streams = [StreamRef(number, 1) for number in range(10, 16)]
    for stream in streams:
        store.open(stream)
    intake = Intake(store, CLOCK, threads=3)

    def send(stream: StreamRef) -> None:
        for number in range(100):
            intake.submit(stream, batch(str(number)))

    threads = [threading.Thread(target=send, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    intake.close()
    for stream in streams:
        assert lines(store, stream) == [str(number).encode() for number in range(100)]
