"""Readers whose pieces are compacted, merged, rewritten and dropped between their pages, and within one."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tailsvc.events import Event
from tailsvc.filters import EVERYTHING, Filter, Like, OneOf
from tailsvc.queries import Direction, Position, Scan, Selection
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import PostgresEventStore, compaction, pieces
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, contents, fresh_store, lines, settle
from tests.factories.events import NOW

pytestmark = pytest.mark.contract
HOUR = 3_600_000_000
FILTERS: list[Filter] = [EVERYTHING, OneOf("level", ("INFO",)), Like("path", "%/3")]


@pytest.fixture
def store(database: None) -> Iterator[PostgresEventStore]:
    with fresh_store() as found:
        yield found


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, events in (("SEGMENT_EVENTS", 150), ("_SMALL_EVENTS", 200), ("_FEWEST_MERGED", 400), ("_MOST_SMALL", 4)):
        monkeypatch.setattr(compaction, name, events)


def overlapping(count: int, chance: random.Random) -> list[Event]:
    """Pieces whose times overlap, with equal times and late events."""
    events = lines(count, start=NOW + chance.randrange(20) * 1_000, step=chance.choice([0, 500, 1_000]))
    if chance.random() < 0.3:
        events[count // 2] = events[count // 2]._replace(timestamp=NOW - 3 * HOUR)
    return events


@pytest.mark.parametrize("condition", FILTERS, ids=["all", "level", "path"])
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("seed", range(3))
def test_each_event_of_the_snapshot_is_seen_once(
    store: PostgresEventStore, direction: Direction, condition: Filter, seed: int
) -> None:
    chance = random.Random(seed)
    memory = MemoryEventStore()
    stream = open_stream(memory, store)
    for _ in range(8):
        append(overlapping(chance.choice([10, 60, 120]), chance), stream, memory, store)
    as_of = store.head(stream).last_id
    selection = Selection(filter=condition, as_of=as_of)
    expected = {stored.id for stored in contents(memory, stream) if stored.id <= as_of and is_told(condition, stored)}
    seen: list[int] = []
    gone: set[int] = set()
    after = None
    while True:
        page = store.scan(stream, Scan(selection, 23, direction, after))
        seen += [stored.id for stored in page.events]
        assert page.incomplete == ()
        if not page.has_more:
            break
        last = page.events[-1]
        after = Position(last.event.timestamp, last.id)
        gone |= change(memory, store, stream, chance)
    assert len(seen) == len(set(seen))
    assert expected - gone <= set(seen) <= expected
    assert store.check(stream) == []


def is_told(condition: Filter, stored: Any) -> bool:
    match condition:
        case OneOf():
            return bool(stored.event.level == "INFO")
        case Like():
            return bool(stored.event.path.endswith("/3"))
    return True


def change(memory: EventStore, store: EventStore, stream: StreamRef, chance: random.Random) -> set[int]:
    """One thing that upkeep or others do meanwhile; which events it took away."""
    before = {stored.id for stored in contents(memory, stream)}
    match chance.randrange(5):
        case 0:
            append(overlapping(60, chance), stream, memory, store)
        case 1 | 2:
            store.compact(stream, now=NOW, force=True)
        case 3:
            deleted = Selection(filter=Like("path", f"%/{chance.randrange(7)}"), start=NOW + chance.randrange(100_000))
            for each in (memory, store):
                each.delete(stream, deleted, now=NOW)
            while chance.random() < 0.8 and store.erase(stream):
                pass
        case 4:
            edge = NOW - 2 * HOUR if chance.random() < 0.3 else NOW + chance.randrange(10_000)
            for each in (memory, store):
                while each.drop_before(stream, edge, limit=20):
                    pass
    return before - {stored.id for stored in contents(memory, stream)}


def before_each_fetch(patch: pytest.MonkeyPatch, work: Callable[[], object], *, times: int) -> list[int]:
    """Does the work between the catalogue and a payload; what is answered counts how often."""
    inner, done = pieces.fetch_part, [0]

    def fetch(*args: Any, **kwargs: Any) -> bytes:
        if kwargs.get("counter") or len(args) == 5:  # a reader's
            done[0] += 1
            if done[0] <= times:
                work()
        return inner(*args, **kwargs)

    together = pieces.Payloads.bring

    def bring(*args: Any) -> None:
        done[0] += 1
        if done[0] <= times:
            work()
        together(*args)

    patch.setattr(pieces, "fetch_part", fetch)
    patch.setattr(pieces.Payloads, "bring", bring)
    return done


READS: dict[str, Callable[[EventStore, StreamRef], Any]] = {
    "scan": contents,
    "filtered": lambda store, stream: list(
        store.scan(stream, Scan(Selection(filter=Like("path", "%/3")), 1_000)).events
    ),
    "count": lambda store, stream: store.count(stream, Selection(filter=Like("path", "%/3"))),
    "histogram": lambda store, stream: store.histogram(stream, Selection(), interval=7, split=None),
    "facets": lambda store, stream: store.facets(stream, Selection(), ["path", "level"], limit=9),
    "get": lambda store, stream: [store.get(stream, number) for number in (1, 130, 260)],
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_payloads_that_go_between_the_catalogue_and_their_fetch(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch, read: Callable[[EventStore, StreamRef], Any]
) -> None:
    memory = MemoryEventStore()
    stream = open_stream(memory, store)
    for nth in range(5):
        append(lines(60, start=NOW + nth * 30_000), stream, memory, store)

    def change_form() -> None:
        """Each time into another: compacted, compacted further, rewritten."""
        if not store.compact(stream, now=NOW, force=True):
            store.delete(stream, Selection(filter=OneOf("level", ("none",))), now=NOW)
            store.erase(stream)

    with fresh_store() as reader:
        done = before_each_fetch(monkeypatch, change_form, times=6)
        assert read(reader, stream) == read(memory, stream)
    assert done[0] > 1
    monkeypatch.undo()
    settle(store, stream)
    assert store.check(stream) == []


def test_a_deletion_that_is_carried_out_within_a_page(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page begins again, and shows the stream as it is then."""
    memory = MemoryEventStore()
    stream = open_stream(memory, store)
    for nth in range(4):
        append(lines(60, start=NOW + nth * 30_000), stream, memory, store)

    def delete() -> None:
        for each in (memory, store):
            each.delete(stream, Selection(filter=Like("path", "%/3")), now=NOW)
        settle(store, stream)

    with fresh_store() as reader:
        before_each_fetch(monkeypatch, delete, times=1)
        assert contents(reader, stream) == contents(memory, stream)
