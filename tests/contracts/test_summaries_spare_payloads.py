"""Totals and histograms over whole minutes read no payload; where a minute is cut, the pieces at the window's ends."""

from collections.abc import Iterator

import pytest

from tailsvc.events import Event
from tailsvc.filters import EVERYTHING, And, Between, Contains, Filter, OneOf
from tailsvc.queries import Histogram, Selection, Split
from tailsvc.segments.summary import MINUTE
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import PostgresEventStore
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, catalogue, fresh_store, settle
from tests.factories.events import NOW

pytestmark = pytest.mark.contract
BEGIN = NOW // MINUTE * MINUTE
SEGMENTS, MINUTES, EVENTS = 5, 4, 60  # each of so many minutes and events
SECOND = 1_000_000
ERRORS: Filter = And((OneOf("level", ("ERROR",)), Between("status", 500, 599)))


@pytest.fixture(scope="module")
def memory() -> EventStore:
    return MemoryEventStore()


@pytest.fixture(scope="module")
def stream(database: None, memory: EventStore) -> StreamRef:
    """Segments that follow each other without a gap."""
    with fresh_store() as store:
        stream = open_stream(store, memory)
        for nth in range(SEGMENTS):
            append(events_of(nth), stream, store, memory)
            settle(store, stream)
    assert [(piece[3], piece[6]) for piece in catalogue(stream)] == [(EVENTS, 3)] * SEGMENTS
    return stream


@pytest.fixture
def cold(stream: StreamRef) -> Iterator[PostgresEventStore]:
    with fresh_store() as store:
        yield store


def events_of(segment: int) -> list[Event]:
    start, step = at(segment * MINUTES), MINUTES * MINUTE // EVENTS
    return [
        Event(start + nth * step, b"line", "ERROR" if nth % 3 else "INFO", path="/line", status=500 if nth % 2 else 200)
        for nth in range(EVENTS)
    ]


def at(minute: int, second: int = 0) -> int:
    return BEGIN + minute * MINUTE + second * SECOND


def flat(histogram: Histogram) -> dict[int, dict[str, int]]:
    assert histogram.incomplete == ()
    return {start: dict(counts) for start, counts in histogram.buckets.items()}


def assert_alike(cold: PostgresEventStore, memory: EventStore, stream: StreamRef, selection: Selection) -> None:
    assert cold.count(stream, selection) == memory.count(stream, selection) > 0
    for interval, split in ((MINUTE, None), (5 * MINUTE, Split.LEVEL)):
        found = cold.histogram(stream, selection, interval=interval, split=split)
        assert flat(found) == flat(memory.histogram(stream, selection, interval=interval, split=split))


@pytest.mark.parametrize("condition", [EVERYTHING, ERRORS], ids=["everything", "errors"])
@pytest.mark.parametrize(
    "window",
    [(None, None), (at(0), at(20) - 1), (at(3), at(11) - 1), (at(5), at(6) - 1), (at(-60, 7), at(60, 7))],
    ids=["all", "its own", "from segment to segment", "one minute", "beyond both ends"],
)
def test_whole_minutes_read_no_payload(
    cold: PostgresEventStore,
    memory: EventStore,
    stream: StreamRef,
    window: tuple[int | None, int | None],
    condition: Filter,
) -> None:
    assert_alike(cold, memory, stream, Selection(*window, condition))
    cold.facets(stream, Selection(*window, condition), ["level", "status_class"], limit=10)
    assert cold.payloads.fetched == 0


@pytest.mark.parametrize(
    ("window", "pieces"),
    [
        ((at(5, 20), at(14, 20)), 2),
        ((at(5, 20), at(15) - 1), 1),
        ((at(5), at(14, 20)), 1),
        ((at(5, 20), None), 1),
        ((at(5, 20), at(5, 50)), 1),
        ((at(3, 20), at(4, 50)), 2),
    ],
    ids=["both ends", "its start", "its end", "no end", "within a minute", "over a border"],
)
@pytest.mark.parametrize("condition", [EVERYTHING, ERRORS], ids=["everything", "errors"])
def test_cut_minutes_read_the_columns_of_the_pieces_at_the_ends(
    cold: PostgresEventStore,
    memory: EventStore,
    stream: StreamRef,
    window: tuple[int, int | None],
    pieces: int,
    condition: Filter,
) -> None:
    assert_alike(cold, memory, stream, Selection(*window, condition))
    assert cold.payloads.fetched == pieces  # one part of each: times, levels and status lie together


def test_what_had_not_arrived_yet_is_told_by_its_piece_alone(
    cold: PostgresEventStore, memory: EventStore, stream: StreamRef
) -> None:
    assert_alike(cold, memory, stream, Selection(as_of=3 * EVENTS - 10))
    assert cold.payloads.fetched == 1


@pytest.mark.parametrize(
    ("condition", "interval"), [(Contains("line"), MINUTE), (EVERYTHING, 7 * SECOND)], ids=["a text", "seconds"]
)
def test_what_summaries_cannot_tell_is_read(
    cold: PostgresEventStore, memory: EventStore, stream: StreamRef, condition: Filter, interval: int
) -> None:
    found = cold.histogram(stream, Selection(filter=condition), interval=interval, split=None)
    assert flat(found) == flat(memory.histogram(stream, Selection(filter=condition), interval=interval, split=None))
    assert cold.payloads.fetched >= SEGMENTS


@pytest.mark.parametrize("condition", [Contains("line"), Contains("wher"), OneOf("path", ("/line", "/other"))])
def test_what_was_found_in_a_whole_piece_is_not_looked_for_again(
    cold: PostgresEventStore,
    memory: EventStore,
    stream: StreamRef,
    condition: Filter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[int] = []
    opening = cold.payloads.segment
    monkeypatch.setattr(cold.payloads, "segment", lambda *of: opened.append(of[1].segment_id) or opening(*of))
    for selection, pieces in (
        (Selection(filter=condition), SEGMENTS),
        (Selection(end=at(60), filter=condition), 0),
        (Selection(start=at(0), end=at(20) - 1, filter=condition), 0),
        (Selection(start=at(5, 20), filter=condition), 1),
        (Selection(as_of=3 * EVENTS - 10, filter=condition), 1),
        (Selection(filter=OneOf("path", ("/line",))), SEGMENTS),
    ):
        opened.clear()
        assert cold.count(stream, selection) == memory.count(stream, selection)
        assert len(opened) == pieces
        for interval, split in ((MINUTE, Split.LEVEL), (7 * SECOND, None)):
            for _ in range(2):
                found = cold.histogram(stream, selection, interval=interval, split=split)
                assert flat(found) == flat(memory.histogram(stream, selection, interval=interval, split=split))


def test_a_deletion_that_waits_is_told_by_the_pieces_that_it_touches(
    cold: PostgresEventStore, memory: EventStore, stream: StreamRef
) -> None:
    """The last of the file, since what it deletes is gone."""
    hidden = Selection(at(5), at(5, 30), ERRORS)
    for store in (cold, memory):
        store.delete(stream, hidden, now=NOW)
    assert_alike(cold, memory, stream, Selection())
    assert cold.payloads.fetched == 1
