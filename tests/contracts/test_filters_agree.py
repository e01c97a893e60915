"""The filter tree has one meaning: SQL, and whatever else evaluates it, must agree with `matches`."""

import string
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc.events import Event
from tailsvc.filters import And, Between, Contains, Filter, Like, Not, OneOf, Or, matches
from tailsvc.filters.nodes import TEXT_FIELDS
from tailsvc.queries import Direction, Position, Scan, Selection
from tailsvc.storage.base import Batch, EventStore
from tailsvc.storage.memory import MemoryEventStore
from tests.contracts.conftest import open_stream

pytestmark = pytest.mark.contract
NOW = 1_767_225_600_000_000

# Few letters, so that needles are found; those whose case is disputed, wildcards, and what regular expressions mind.
LETTERS = "abAB\x1f%_\\.*[]^$-(){}|+?'\"\n\tüÜßẞİıKkſsµ€\U0001f600\ufffd"
texts = st.text(st.sampled_from(LETTERS), max_size=6)
text_fields = st.sampled_from(sorted(TEXT_FIELDS))
names = st.sampled_from(["a", "b", "ä", "a.b", "it's"])
numbers = st.one_of(st.integers(-3, 600), st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from([1e300, 5e-324, 0.1]))
attribute_values = st.one_of(
    texts, st.integers(-3, 3), numbers, st.booleans(), st.none(), st.lists(st.integers(-(2**53), 2**53), max_size=2),
    st.sampled_from(["1", "1.0", "true", "-0"]),
)  # fmt: skip


def nearby(name: str) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), texts)


events = st.builds(
    Event,
    timestamp=st.integers(NOW, NOW + 3),
    raw=st.one_of(texts.map(str.encode), st.binary(max_size=6)),
    status=st.one_of(st.none(), st.integers(100, 103)),
    response_time_ms=st.one_of(st.none(), st.floats(0, 1e300), st.integers(0, 3).map(float)),
    is_bot=st.booleans(),
    attributes=st.one_of(st.none(), st.dictionaries(names, attribute_values, min_size=1, max_size=3)),
    **{name: nearby(name) for name in TEXT_FIELDS},
)

leaves = st.one_of(
    st.builds(OneOf, text_fields, st.lists(texts, min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, st.just("status"), st.lists(numbers.map(float), min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, st.just("is_bot"), st.lists(st.booleans(), min_size=1, max_size=2).map(tuple)),
    st.builds(Between, st.sampled_from(["status", "response_time_ms"]), st.none() | numbers.map(float),
              st.none() | numbers.map(float), st.booleans(), st.booleans()),
    st.builds(Like, text_fields, texts.map(lambda pattern: pattern.rstrip("\\"))),
    st.builds(Contains, texts.filter(bool)),
    st.builds(OneOf, names.map("attributes.{}".format),
              st.lists(st.one_of(texts, st.sampled_from(["1", "1.0", "1e0", "true", "false", "-0"])), min_size=1,
                       max_size=3).map(tuple)),
    st.builds(Between, names.map("attributes.{}".format), st.none() | numbers.map(float),
              st.none() | numbers.map(float), st.booleans(), st.booleans()),
    st.builds(Like, names.map("attributes.{}".format), texts.map(lambda pattern: pattern.rstrip("\\"))),
)  # fmt: skip
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=4,
)


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


def test_a_long_needle_is_no_trouble(postgres_store: EventStore) -> None:
    needle = (string.ascii_letters + string.punctuation) * 40
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [Batch([Event(NOW, needle[:4096].encode())])], now=NOW)
    assert postgres_store.count(stream, Selection(filter=Contains(needle[:4096].swapcase()))) == 1
