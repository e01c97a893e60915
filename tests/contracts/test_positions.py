"""How far a source was read is kept with its lines, or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tailsvc.errors import InvalidInput, PositionMoved
from tailsvc.events import Event, Rejection
from tailsvc.queries import Scan, Selection
from tailsvc.storage.base import Advance, Appended, Batch, EventStore, StreamRef

pytestmark = pytest.mark.contract
NOW = 1_767_225_600_000_000


def read(source: str, before: str, after: str, lines: int = 1) -> Batch:
    events = [Event(NOW, f"{source} {after} {number}".encode()) for number in range(lines)]
    return Batch(events, advances=[Advance(source, before, after)])


def count(store: EventStore, stream: StreamRef) -> int:
    return len(store.scan(stream, Scan(Selection(), 10_000)).events)


@pytest.mark.parametrize("lines", [1, 60, 500])  # rows, a bundle, a block
def test_a_position_is_kept_with_its_lines(store: EventStore, stream: StreamRef, lines: int) -> None:
    assert store.positions(stream) == {}
    assert store.append(stream, [read("a", "", "1", lines)], now=NOW) == [Appended(1)]
    assert store.positions(stream) == {"a": "1"}
    store.append(stream, [read("a", "1", "2", lines), read("b", "", "1", lines), read("a", "2", "3", lines)], now=NOW)
    assert store.positions(stream) == {"a": "3", "b": "1"}
    assert count(store, stream) == 4 * lines


@pytest.mark.parametrize("lines", [1, 60, 500])
@pytest.mark.parametrize("before", ["", "0", "2"])
def test_who_comes_late_stores_nothing(store: EventStore, stream: StreamRef, before: str, lines: int) -> None:
    store.append(stream, [read("a", "", "1")], now=NOW)
    with pytest.raises(PositionMoved):
        store.append(stream, [read("b", "", "1", lines), read("a", before, "9", lines)], now=NOW)
    assert store.positions(stream) == {"a": "1"}
    assert count(store, stream) == 1


def test_a_source_that_was_never_read_has_no_position_to_go_on_from(store: EventStore, stream: StreamRef) -> None:
    with pytest.raises(PositionMoved):
        store.append(stream, [read("a", "1", "2")], now=NOW)
    assert count(store, stream) == 0


def test_batches_must_follow_on_each_other(store: EventStore, stream: StreamRef) -> None:
    with pytest.raises(PositionMoved):
        store.append(stream, [read("a", "", "1"), read("a", "", "1")], now=NOW)
    assert (store.positions(stream), count(store, stream)) == ({}, 0)


def test_it_is_the_fault_of_one_batch_alone() -> None:
    assert issubclass(PositionMoved, InvalidInput)  # which is what has the intake append the others by themselves


def test_a_batch_may_have_rejections_only(store: EventStore, stream: StreamRef) -> None:
    refused = Batch([], [Rejection(1, "too long", b"x")], advances=[Advance("a", "", "1")])
    store.append(stream, [refused], now=NOW)
    assert store.positions(stream) == {"a": "1"}


def test_of_two_readers_one_stores(store: EventStore, stream: StreamRef) -> None:
    def race(_reader: int) -> int:
        position, stored = "", 0
        for number in range(30):
            try:
                store.append(stream, [read("a", position, f"{position}x")], now=NOW + number)
            except PositionMoved:
                position = store.positions(stream).get("a", "")
            else:
                position, stored = f"{position}x", stored + 1
        return stored

    with ThreadPoolExecutor(4) as threads:
        stored = sum(threads.map(race, range(4)))
    assert stored == count(store, stream) == len(store.positions(stream)["a"])


def test_streams_have_their_own_and_forget(store: EventStore, stream: StreamRef) -> None:
    store.append(stream, [read("a", "", "1"), read("b", "", "1")], now=NOW)
    store.forget_positions(stream, ["a", "unknown"])
    assert store.positions(stream) == {"b": "1"}


def test_a_team_s_sources_are_those_of_its_streams(store: EventStore, stream: StreamRef) -> None:
    stranger = StreamRef(10**9 + stream.stream_id, 10**9 + stream.team_id)
    store.open(stranger)
    for each in (stream, stranger):
        store.append(each, [read("a", "", "1")], now=NOW)
    assert [found for found in store.sources(stream.team_id) if found[0] == stream] == [(stream, "a")]
    assert store.sources(stranger.team_id) == [(stranger, "a")]


def test_a_purge_takes_them_along(store: EventStore, stream: StreamRef) -> None:
    store.append(stream, [read(f"s{number}", "", "1") for number in range(5)], now=NOW)
    while not store.purge(stream, limit=2):
        pass
    store.open(stream)
    assert store.positions(stream) == {}
