"""The filter tree has one meaning: SQL, and whatever else evaluates it, must agree with `matches`."""

import string
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc.events import Event
from tailsvc.filters import Contains, Filter, Like, matches
from tailsvc.limits import LINE_BYTES, READ_SECONDS
from tailsvc.queries import Direction, Position, Scan, Selection
from tailsvc.storage.base import Batch, EventStore
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import where
from tests.contracts.conftest import open_stream
from tests.factories.events import NOW, events, filters

pytestmark = pytest.mark.contract


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=1, max_size=8), st.lists(filters, min_size=1, max_size=8))
def test_sql_agrees_with_the_predicate(
    postgres_store: EventStore, found: list[Event], conditions: list[Filter]
) -> None:
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [Batch(found)], now=NOW)
    for condition in conditions:
        page = postgres_store.scan(stream, Scan(Selection(filter=condition), 100, Direction.OLDEST_FIRST))
        expected = {number for number, event in enumerate(found, 1) if matches(condition, event)}
        assert {stored.id for stored in page.events} == expected, condition
        assert postgres_store.count(stream, Selection(filter=condition)) == len(expected)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batches=st.lists(st.lists(events, min_size=1, max_size=40), min_size=1, max_size=4),
    condition=filters,
    direction=st.sampled_from(Direction),
    limit=st.integers(1, 9),
    window=st.tuples(st.none() | st.integers(NOW, NOW + 3), st.none() | st.integers(NOW, NOW + 3)),
)
def test_stores_agree_page_by_page(
    postgres_store: EventStore,
    batches: list[list[Event]],
    condition: Filter,
    direction: Direction,
    limit: int,
    window: tuple[int | None, int | None],
) -> None:
    memory = MemoryEventStore()
    stream = open_stream(memory, postgres_store)
    for events_of_batch in batches:
        for store in (memory, postgres_store):
            store.append(stream, [Batch(events_of_batch)], now=NOW)
    selection = Selection(*window, condition, as_of=memory.head(stream).last_id)
    walk: Callable[[EventStore], list[object]] = lambda store: _walk(store, stream, selection, limit, direction)  # noqa: E731
    assert walk(postgres_store) == walk(memory)


def _walk(store: EventStore, stream, selection: Selection, limit: int, direction: Direction) -> list[object]:  # type: ignore[no-untyped-def]
    pages: list[object] = []
    after: Position | None = None
    while True:
        page = store.scan(stream, Scan(selection, limit, direction, after))
        pages.append(list(page.events))
        if not page.has_more:
            return pages
        last = page.events[-1]
        after = Position(last.event.timestamp, last.id)


@pytest.mark.parametrize(
    ("haystack", "needle", "found"),
    [
        ("ÜBER", "über", True),
        ("straße", "STRAẞE", True),
        ("strasse", "straße", False),  # one letter is not two
        ("İstanbul", "istanbul", False),  # the dotted capital has no equal but itself
        ("Kelvin K", "kelvin k", True),
        ("ſharp", "SHARP", True),
        ("100%_\\", "%_\\", True),  # no wildcards in a search
    ],
)
def test_case_is_folded_the_same_everywhere(
    postgres_store: EventStore, haystack: str, needle: str, found: bool
) -> None:
    event = Event(NOW, haystack.encode())
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [Batch([event])], now=NOW)
    assert matches(Contains(needle), event) is found
    assert bool(postgres_store.count(stream, Selection(filter=Contains(needle)))) is found


near_texts = st.text(st.sampled_from("aabü%_\\"), max_size=12)
near_patterns = st.lists(st.sampled_from(["a", "a", "b", "ü", "_", "%", r"\%", r"\_", r"\\"]), max_size=8).map("".join)


@pytest.mark.parametrize("steps", [0, 1 << 28])
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(near_texts, min_size=1, max_size=20), st.lists(near_patterns, min_size=1, max_size=12))
def test_patterns_that_nearly_fit_mean_the_same(
    postgres_store: EventStore, steps: int, found: list[str], patterns: list[str]
) -> None:
    """Of which `filters` has few; as LIKE, and as the expression that is used where LIKE would take too long."""
    stream = open_stream(postgres_store)
    postgres_store.append(
        stream, [Batch([Event(NOW, b"x", path=text, attributes={"a": text}) for text in found])], now=NOW
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, "_LIKE_STEPS", steps)
        for pattern in patterns:
            expected = sum(matches(Like("path", pattern), Event(NOW, b"x", path=text)) for text in found)
            for field in ("path", "attributes.a"):
                assert postgres_store.count(stream, Selection(filter=Like(field, pattern))) == expected, pattern


@pytest.mark.parametrize("pattern", ["%" + "a_" * 2000 + "b%", "%" + "a" * 4000 + "b%"])
def test_postgres_is_not_kept_busy_by_a_pattern(postgres_store: EventStore, pattern: str) -> None:
    text = "a" * LINE_BYTES
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [Batch([Event(NOW, b"x", path=text)])], now=NOW)
    started = time.monotonic()
    assert postgres_store.count(stream, Selection(filter=Like("path", pattern))) == 0
    assert time.monotonic() - started < 2 * READ_SECONDS  # LIKE minds no time-out: it took minutes


def test_a_long_needle_is_no_trouble(postgres_store: EventStore) -> None:
    needle = (string.ascii_letters + string.punctuation) * 40
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [Batch([Event(NOW, needle[:4096].encode())])], now=NOW)
    assert postgres_store.count(stream, Selection(filter=Contains(needle[:4096].swapcase()))) == 1
