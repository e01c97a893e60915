"""The ranges of pieces are equal or disjoint, whatever sizes, times and faults compaction meets."""

import pytest

from tailsvc.events import Event
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import compaction, replacing
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, catalogue, contents, lines, query, settle
from tests.factories.events import NOW

pytestmark = pytest.mark.contract
HOUR = 3_600_000_000


@pytest.fixture
def memory() -> EventStore:
    return MemoryEventStore()


def assert_whole(postgres: EventStore, memory: EventStore, stream: StreamRef) -> None:
    assert postgres.check(stream) == []
    assert contents(postgres, stream) == contents(memory, stream)


def test_late_events_do_not_widen_the_others_piece(postgres_store: EventStore, memory: EventStore) -> None:
    stream = open_stream(memory, postgres_store)
    events = lines(5_000)
    events[2_000] = Event(NOW - 7 * HOUR, b"late")
    events[4_000] = Event(NOW - 9 * HOUR, b"later")
    append(events, stream, memory, postgres_store)
    settle(postgres_store, stream)
    late, main = catalogue(stream)
    assert late[1:6] == (1, 5_000, 2, NOW - 9 * HOUR, NOW - 7 * HOUR)
    assert main[1:6] == (1, 5_000, 4_998, NOW, NOW + 4_999_000)
    assert_whole(postgres_store, memory, stream)


@pytest.mark.parametrize("size", [1, 3_000])
def test_bundles_that_are_joined_by_and_by_are_one_segment(
    postgres_store: EventStore, memory: EventStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(replacing, "_BUNDLED_BYTES", size)
    stream = open_stream(memory, postgres_store)
    for number in range(12):
        word = "late" if number % 3 else "line"
        append(lines(60, start=NOW - number * 7_000, word=word), stream, memory, postgres_store)
    settle(postgres_store, stream)
    assert [piece[1:4] for piece in catalogue(stream)] == [(1, 720, 720)]
    assert_whole(postgres_store, memory, stream)


def test_small_pieces_are_not_merged_past_half_of_a_range(
    postgres_store: EventStore, memory: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The late events of a large piece are few, but they have its range, and the piece stays."""
    monkeypatch.setattr(compaction, "_SMALL_EVENTS", 100)
    monkeypatch.setattr(compaction, "_MOST_SMALL", 4)
    stream = open_stream(memory, postgres_store)
    for count in (60, 60, 60, 200, 60, 60, 60, 60, 60):
        events = lines(count)
        if count > 100:
            events[150] = Event(NOW - 7 * HOUR, b"late")
        append(events, stream, memory, postgres_store)
        settle(postgres_store, stream)
        assert_whole(postgres_store, memory, stream)


def test_a_rewritten_main_piece_lies_in_front_of_its_late_one(
    postgres_store: EventStore, memory: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers grow with every rewriting; the order within a range means nothing."""
    monkeypatch.setattr(compaction, "_SMALL_EVENTS", 100)
    monkeypatch.setattr(compaction, "_MOST_SMALL", 4)
    stream = open_stream(memory, postgres_store)
    events = [*lines(200), Event(NOW - 7 * HOUR, b"late", path="/x")]
    append(events, stream, memory, postgres_store)
    settle(postgres_store, stream)
    query("UPDATE log_segment SET segment_id = -segment_id WHERE stream_id = %s", stream.stream_id)
    for table in ("log_segment_part", "log_segment_index"):
        query(f"UPDATE {table} SET segment_id = -segment_id WHERE stream_id = %s", stream.stream_id)
    for _ in range(5):
        append(lines(60), stream, memory, postgres_store)
        settle(postgres_store, stream)
        assert_whole(postgres_store, memory, stream)


def test_small_pieces_are_not_merged_across_a_broken_block(
    postgres_store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "_MOST_SMALL", 4)
    stream = open_stream(postgres_store)
    for number in range(6):
        append(lines(60), stream, postgres_store)
        if number == 2:
            query("UPDATE log_recent SET data = 'x' WHERE stream_id = %s", stream.stream_id)
        settle(postgres_store, stream)
    (told,) = postgres_store.check(stream)
    assert "recent block" in told
    assert len(contents(postgres_store, stream)) == 300


@pytest.mark.parametrize("counts", [(40, 40, 60), (40, 60, 40), (60, 40, 40), (40, 40, 40, 60, 60, 40)])
def test_a_step_that_is_cut_short_by_its_bytes_leaves_what_lies_behind(
    postgres_store: EventStore, memory: EventStore, monkeypatch: pytest.MonkeyPatch, counts: tuple[int, ...]
) -> None:
    """Of many large rows and a block behind them, only the first rows fit into memory."""
    monkeypatch.setattr(compaction, "_STEP_BYTES", 1_000)
    stream = open_stream(memory, postgres_store)
    for count in counts:
        append(lines(count), stream, memory, postgres_store)
    while postgres_store.compact(stream, now=NOW, force=True):
        assert_whole(postgres_store, memory, stream)
    assert_whole(postgres_store, memory, stream)


def test_merging_holds_no_more_in_memory_than_any_step(
    postgres_store: EventStore, memory: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few events may be large."""
    monkeypatch.setattr(compaction, "_STEP_BYTES", 10_000)
    monkeypatch.setattr(compaction, "_MOST_SMALL", 8)
    stream = open_stream(memory, postgres_store)
    for _ in range(12):
        append(lines(50, word="x" * 80), stream, memory, postgres_store)
        settle(postgres_store, stream)
    sizes = query("SELECT raw_bytes FROM log_segment WHERE stream_id = %s", stream.stream_id)
    assert max(size for (size,) in sizes) <= 2 * 10_000
    assert_whole(postgres_store, memory, stream)
