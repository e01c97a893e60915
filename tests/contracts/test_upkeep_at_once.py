"""Compaction, retention, deletion, appends and readers at once: each event is there once afterwards, or gone."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.conf import settings

from tailsvc.events import Event
from tailsvc.filters import Like, OneOf
from tailsvc.queries import Selection
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import compaction, deleting
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, contents, lines, query, settle
from tests.factories.events import NOW
from tests.runtime.instances import until

pytestmark = pytest.mark.contract
SECONDS = 3.0
# Who waits for a lock that this session holds.
WAITING = "SELECT pid FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"


def lost(store: EventStore, stream: StreamRef) -> int:
    """What the store says it discarded."""
    ((events,),) = query("SELECT discarded_events FROM log_upkeep WHERE stream_id = %s", stream.stream_id)
    return int(events)


def run_at_once(*works: Callable[[], None]) -> None:
    """Each again and again until the time is over; whatever one raises is raised."""
    stop = threading.Event()

    def again(work: Callable[[], None]) -> None:
        while not stop.is_set():
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(again, work) for work in works]
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and not any(future.done() for future in futures):
            time.sleep(0.02)
        stop.set()
        for future in futures:
            future.result()


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that all kinds of steps happen within seconds, and deletions take several."""
    monkeypatch.setattr(deleting, "_STEP_SECONDS", 0.0)
    for name, events in (("SEGMENT_EVENTS", 700), ("_SMALL_EVENTS", 300), ("_FEWEST_MERGED", 600), ("_MOST_SMALL", 5)):
        monkeypatch.setattr(compaction, name, events)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("seed", range(2))
def test_two_compactions_while_others_append(postgres_store: EventStore, seed: int) -> None:
    memory = MemoryEventStore()
    stream = open_stream(memory, postgres_store)
    chance = random.Random(seed)

    def add() -> None:
        events = lines(chance.choice([1, 5, 30, 60, 250]), start=NOW + chance.randrange(10**9))
        append(events, stream, memory, postgres_store)

    def compact() -> None:
        postgres_store.compact(stream, now=NOW, force=True)

    run_at_once(add, compact, compact)
    settle(postgres_store, stream)
    assert postgres_store.check(stream) == []
    assert contents(postgres_store, stream) == contents(memory, stream)
    assert lost(postgres_store, stream) == 0


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("seed", range(4))
def test_what_was_deleted_does_not_come_back(postgres_store: EventStore, seed: int) -> None:
    """Everything at once. What readers were told to be gone is gone for them from then on."""
    stream = open_stream(postgres_store)
    chance = random.Random(seed)
    gone: set[str] = set()
    edge, made, found = [NOW], [0], threading.Event()

    def add() -> None:
        count = chance.choice([1, 5, 30, 60, 250])
        made[0] += count
        words = [f"w{chance.randrange(40)}" for _ in range(count)]
        start = NOW + made[0] * 1_000
        append([Event(start + nth, b"%d" % nth, path=f"/{word}/") for nth, word in enumerate(words)], stream,
               postgres_store)  # fmt: skip

    def compact() -> None:
        postgres_store.compact(stream, now=NOW, force=True)

    def erase() -> None:
        postgres_store.erase(stream)

    def retain() -> None:
        edge[0] = NOW + max(0, made[0] - 3_000) * 1_000
        postgres_store.drop_before(stream, edge[0], limit=200)
        time.sleep(0.01)

    def delete() -> None:
        """The word's events up to now; those that come later are others."""
        word, last = f"/w{chance.randrange(40)}/", postgres_store.head(stream).last_id
        postgres_store.delete(stream, Selection(filter=Like("path", word), as_of=last), now=NOW)
        gone.add(f"{word} {last}")
        time.sleep(0.05)

    def read() -> None:
        told = sorted(gone)
        for each in told[-3:] + chance.sample(told, min(3, len(told))):
            assert_gone(each)

    def assert_gone(each: str) -> None:
        word, last = each.split()
        selection = Selection(filter=OneOf("path", (word,)), as_of=int(last))
        assert postgres_store.count(stream, selection) == 0
        found.set()

    run_at_once(add, compact, compact, erase, retain, delete, read)
    settle(postgres_store, stream)
    for each in gone:
        assert_gone(each)
    assert found.is_set()
    assert postgres_store.check(stream) == []
    left = contents(postgres_store, stream)
    assert len(left) + lost(postgres_store, stream) == postgres_store.head(stream).last_id
    assert all(stored.event.timestamp >= edge[0] for stored in left)


@pytest.mark.parametrize("size", [10, 100], ids=["rows", "block"])
def test_a_deletion_that_comes_while_others_are_carried_out_is_not_forgotten(
    postgres_store: EventStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    stream = open_stream(postgres_store)
    append(lines(size), stream, postgres_store)
    postgres_store.delete(stream, Selection(filter=Like("path", "/line/1")), now=NOW)
    left = postgres_store.count(stream, Selection(filter=Like("path", "/line/2")))
    assert left > 0
    between(monkeypatch, deleting, "snapshot", lambda: postgres_store.delete(
        stream, Selection(filter=Like("path", "/line/2")), now=NOW))  # fmt: skip
    settle(postgres_store, stream)
    assert postgres_store.count(stream, Selection(filter=Like("path", "/line/2"))) == 0
    assert query("SELECT 1 FROM log_deletion WHERE stream_id = %s", stream.stream_id) == []
    assert postgres_store.check(stream) == []


def between(patch: pytest.MonkeyPatch, module: Any, name: str, work: Callable[[], object]) -> None:
    """Once, behind the function's first call."""
    inner, todo = getattr(module, name), [work]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        if todo:
            todo.pop()()
        return result

    patch.setattr(module, name, wrapped)


STEPS: Sequence[Callable[[EventStore, StreamRef], object]] = [
    lambda store, stream: store.drop_before(stream, NOW + 50_000, limit=1_000),
    lambda store, stream: store.drop_before(stream, NOW + 1_000_000, limit=1_000),
]


@pytest.mark.parametrize("step", STEPS, ids=["rows and part of a piece", "all"])
@pytest.mark.parametrize("size", [40, 100], ids=["rows", "block"])
def test_retention_between_reading_and_replacing(
    postgres_store: EventStore, monkeypatch: pytest.MonkeyPatch, step: Callable[..., object], size: int
) -> None:
    """Compaction has read what retention takes then."""
    memory = MemoryEventStore()
    stream = open_stream(memory, postgres_store)
    append(lines(size, start=NOW + 20_000), stream, memory, postgres_store)
    between(monkeypatch, compaction, "_segments", lambda: step(postgres_store, stream))
    step(memory, stream)
    settle(postgres_store, stream)
    assert contents(postgres_store, stream) == contents(memory, stream)
    assert postgres_store.check(stream) == []


@pytest.mark.parametrize("name", ["_pieces", "frames_of_all"])
def test_retention_before_compaction_reads(
    postgres_store: EventStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stream = open_stream(postgres_store)
    for nth in range(3):
        append(lines(100, start=NOW + nth * 1_000_000), stream, postgres_store)
    between(monkeypatch, compaction, name, lambda: postgres_store.drop_before(stream, NOW + 2_000_000, limit=10))
    settle(postgres_store, stream)
    assert [stored.id for stored in contents(postgres_store, stream)] == [*range(201, 301)]
    assert postgres_store.check(stream) == []


def test_retention_waits_for_a_step_that_ends(postgres_store: EventStore) -> None:
    """It must not say that there is nothing to do: what it was asked to hide would be read still."""
    stream = open_stream(postgres_store)
    append(lines(100), stream, postgres_store)
    with psycopg.connect(settings.ROLE_URLS["maintenance"]) as step, ThreadPoolExecutor(1) as pool:
        step.execute("SELECT 1 FROM log_upkeep WHERE stream_id = %s FOR UPDATE", [stream.stream_id])
        dropped = pool.submit(postgres_store.drop_before, stream, NOW + 50_000, limit=10)
        until(lambda: query(WAITING, step.info.backend_pid) != [], "it to wait for the step")
        step.commit()
        dropped.result()
    assert [stored.id for stored in contents(postgres_store, stream)] == [*range(51, 101)]


@pytest.mark.parametrize("size", [40, 100], ids=["rows", "block"])
def test_a_stream_that_is_purged_during_a_step_leaves_nothing(
    postgres_store: EventStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The step's segment is put in place while the purge looks for pieces."""
    stream = open_stream(postgres_store)
    append(lines(size), stream, postgres_store)
    purged: list[Any] = []

    def purge() -> None:
        while not postgres_store.purge(stream, limit=1_000):
            pass

    with ThreadPoolExecutor(1) as pool:

        def in_between() -> None:
            purged.append(pool.submit(purge))
            time.sleep(0.3)

        between(monkeypatch, compaction, "insert", in_between)
        postgres_store.compact(stream, now=NOW, force=True)
        for each in purged:
            each.result()
    for table in ("log_event", "log_segment", "log_recent", "log_segment_part", "log_segment_index", "log_upkeep"):
        assert query(f"SELECT 1 FROM {table} WHERE stream_id = %s", stream.stream_id) == [], table


def test_a_step_during_a_purge_gives_up(postgres_store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = open_stream(postgres_store)
    append(lines(100), stream, postgres_store)

    def purge() -> None:
        while not postgres_store.purge(stream, limit=1_000):
            pass

    between(monkeypatch, compaction, "_segments", purge)
    settle(postgres_store, stream)
    assert query("SELECT 1 FROM log_segment WHERE stream_id = %s", stream.stream_id) == []
