"""Whatever is appended, deleted, compacted and asked, in whatever order: every form answers as the memory store."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc import limits
from tailsvc.errors import TooManyDeletions
from tailsvc.events import Event, StoredEvent
from tailsvc.filters import EVERYTHING, Contains, Filter, OneOf, Or
from tailsvc.filters.nodes import TEXT_FIELDS
from tailsvc.limits import DELETIONS_WAITING
from tailsvc.queries import Direction, Position, Scan, Selection, Split
from tailsvc.segments import encode as encoding
from tailsvc.storage.base import Batch, EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tests.contracts.conftest import open_stream
from tests.factories.events import NOW, any_events, filters

pytestmark = pytest.mark.contract

times = st.none() | st.integers(NOW, NOW + 5_000_000)
windows = st.tuples(times, times)
needles = st.sampled_from(["a", "/a", "200", '"path":"/', "K", "warn", "5x"])
conditions = filters | needles.map(Contains)
fields = st.lists(
    st.sampled_from([*sorted(TEXT_FIELDS), "status", "is_bot", "status_class", "attributes.a", "attributes.bytes"]),
    min_size=1, max_size=4, unique=True,
)  # fmt: skip

steps = st.one_of(
    st.tuples(st.just("append"), st.lists(any_events, min_size=1, max_size=12)),
    st.tuples(st.just("append"), st.lists(any_events, min_size=50, max_size=70)),  # a bundle or columns
    st.tuples(st.just("compact"), st.none()),
    st.tuples(st.just("erase"), st.none()),
    st.tuples(st.just("delete"), st.tuples(windows, conditions)),
    st.tuples(st.just("drop"), st.integers(NOW - 5, NOW + 1_000_000)),
    st.tuples(st.just("walk"), st.tuples(windows, conditions, st.sampled_from(Direction), st.integers(1, 30))),
    st.tuples(st.just("follow"), st.tuples(st.integers(0, 100), times, conditions, st.integers(1, 40))),
    st.tuples(st.just("histogram"), st.tuples(windows, conditions, st.sampled_from([1, 1000, 60_000_000]))),
    st.tuples(st.just("facets"), st.tuples(windows, conditions, fields)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(steps, min_size=3, max_size=14), st.sampled_from([3, 64, 8192]), st.sampled_from([60, limits.READ_BYTES])
)
def test_every_form_answers_alike(
    postgres_store: EventStore, history: Sequence[tuple[str, Any]], group: int, room: int
) -> None:
    memory = MemoryEventStore()
    stream = open_stream(memory, postgres_store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "GROUP_EVENTS", group)
        patch.setattr(limits, "READ_BYTES", room)
        patch.setattr(limits, "SPLIT_VALUES", 1_000)  # which come first depends on the form
        patch.setattr("tailsvc.storage.postgres.append.MOST_BUNDLED", 60)
        patch.setattr("tailsvc.segments.making.GROUP_EVENTS", group)
        for name, what in history:
            _step(name, what, memory, postgres_store, stream)
        _step("walk", ((None, None), OneOf("is_bot", (True, False)), Direction.NEWEST_FIRST, 7), memory,
              postgres_store, stream)  # fmt: skip
        _step("follow", (0, None, EVERYTHING, 13), memory, postgres_store, stream)
    assert postgres_store.check(stream) == []


def _step(name: str, what: Any, memory: EventStore, postgres: EventStore, stream: StreamRef) -> None:
    if name == "follow":
        assert repr(follow(postgres, stream, *what)) == repr(follow(memory, stream, *what))
    elif name == "walk":  # to the order of keys, and to whether a number is whole, which `==` does not ask
        assert repr(_answer(name, what, postgres, stream)) == repr(_answer(name, what, memory, stream))
    elif name in ("histogram", "facets"):
        assert _answer(name, what, postgres, stream) == _answer(name, what, memory, stream)
    else:
        _change(name, what, memory, stream)
        _change(name, what, postgres, stream)


def _change(name: str, what: Any, store: EventStore, stream: StreamRef) -> None:
    match name:
        case "append":
            store.append(stream, [Batch(what)], now=NOW)
        case "delete":
            store.delete(stream, Selection(*what[0], what[1]), now=NOW)
        case "compact":
            while store.compact(stream, now=NOW, force=True):
                pass
        case "erase":
            while store.erase(stream):
                pass
        case "drop":
            while store.drop_before(stream, what, limit=20):
                pass


def _answer(name: str, what: Any, store: EventStore, stream: StreamRef) -> object:
    window, condition, *rest = what
    selection = Selection(*window, condition)
    if name == "walk":
        return [_walk(store, stream, selection, *rest), store.count(stream, selection)]
    if name == "facets":
        return store.facets(stream, selection, rest[0], limit=5)
    return [store.histogram(stream, selection, interval=rest[0], split=split) for split in (None, *Split)]


def _walk(
    store: EventStore, stream: StreamRef, selection: Selection, direction: Direction, limit: int
) -> list[Sequence[StoredEvent]]:
    pages, after = [], None
    while True:
        page = store.scan(stream, Scan(selection, limit, direction, after))
        pages.append(list(page.events))
        if not page.has_more:
            return pages
        last = page.events[-1]
        after = Position(last.event.timestamp, last.id)


def follow(
    store: EventStore, stream: StreamRef, after: int, start: int | None, condition: Filter, most: int
) -> tuple[list[StoredEvent], int]:
    """What a follower is told up to the head, and how much it is told to be missing."""
    found: list[StoredEvent] = []
    missing, last = 0, store.head(stream).last_id
    while after < last:
        stretch = store.stretch(stream, after, most=most, start=start)
        assert stretch.after == after < stretch.upto <= last
        found += stretch.matching(condition)
        missing += stretch.missing
        after = stretch.upto
    assert len(store.stretch(stream, after, most=most)) == 0
    return found, missing


def test_deletions_hide_at_once_and_never_what_comes_later(store: EventStore, stream: StreamRef) -> None:
    def lines(*levels: str) -> list[Event]:
        return [Event(NOW + number, b"x", level=level) for number, level in enumerate(levels)]

    store.append(stream, [Batch(lines("ERROR", "INFO", "ERROR"))], now=NOW)
    store.delete(stream, Selection(filter=OneOf("level", ("ERROR",))), now=NOW)
    assert _ids(store, stream) == [2]
    assert store.get(stream, 1) is None
    store.append(stream, [Batch(lines("ERROR"))], now=NOW)
    assert _ids(store, stream) == [2, 4]
    while store.erase(stream):
        pass
    assert _ids(store, stream) == [2, 4]
    assert store.check(stream) == []


def test_a_follower_gets_over_what_is_hidden(store: EventStore, stream: StreamRef) -> None:
    """Whether it is erased by then or not."""
    events = [Event(NOW, b"x", level=level) for level in ("ERROR", "ERROR", "INFO")]
    store.append(stream, [Batch(events)], now=NOW)
    store.delete(stream, Selection(filter=OneOf("level", ("ERROR",))), now=NOW)
    assert follow(store, stream, 0, None, EVERYTHING, 1) == ([StoredEvent(3, events[2])], 2)
    while store.erase(stream):
        pass
    assert follow(store, stream, 0, None, EVERYTHING, 1) == ([StoredEvent(3, events[2])], 2)


def test_a_late_event_is_found_beside_those_of_its_block(store: EventStore, stream: StreamRef) -> None:
    events = [Event(NOW + number, b"x") for number in range(100)]
    events[50] = Event(NOW - 7 * 3600 * 1_000_000, b"late")
    store.append(stream, [Batch(events)], now=NOW)
    page = store.scan(stream, Scan(Selection(), 200, Direction.OLDEST_FIRST))
    assert [stored.id for stored in page.events] == [51, *range(1, 51), *range(52, 101)]
    assert store.check(stream) == []


def test_only_so_many_deletions_wait(postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    nothing: Filter = Or(())
    for _ in range(DELETIONS_WAITING):
        postgres_store.delete(stream, Selection(filter=nothing), now=NOW)
    with pytest.raises(TooManyDeletions, match="try again later"):
        postgres_store.delete(stream, Selection(filter=nothing), now=NOW)
    assert postgres_store.erase(stream)
    postgres_store.delete(stream, Selection(filter=nothing), now=NOW)


def test_a_hundred_thousand_equal_times_in_every_form(postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    for size, compact in ((30_000, True), (35_000, True), (30_000, False), (4_960, False), (40, False)):
        for start in range(0, size, 5_000):
            events = [Event(NOW, b"same")] * min(5_000, size - start)
            postgres_store.append(stream, [Batch(events)], now=NOW)
        while compact and postgres_store.compact(stream, now=NOW, force=True):
            pass
    for direction in Direction:
        pages = _walk(postgres_store, stream, Selection(), direction, 9_973)
        found = [stored.id for page in pages for stored in page]
        expected = range(1, 100_001)
        assert found == list(expected if direction is Direction.OLDEST_FIRST else reversed(expected))


def _ids(store: EventStore, stream: StreamRef) -> list[int]:
    page = store.scan(stream, Scan(Selection(), 1000, Direction.OLDEST_FIRST))
    assert store.count(stream, Selection()) == len(page.events)
    return sorted(stored.id for stored in page.events)
