"""Payloads that cannot be read: the rest is answered, what is missing is named, and nothing dies of it."""

import re
from collections.abc import Iterator
from zlib import crc32

import pytest

from tailsvc.errors import BrokenSegment
from tailsvc.events import Event, StoredEvent
from tailsvc.filters import Contains
from tailsvc.limits import BODY_BYTES
from tailsvc.queries import Direction, Page, Scan, Selection, Split
from tailsvc.segments import encode, making, packing
from tailsvc.segments.packing import FORMAT
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.postgres import PostgresEventStore
from tailsvc.storage.postgres.append import MOST_BUNDLED_BYTES
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import (
    Harm,
    append,
    catalogue,
    contents,
    flipped,
    fresh_store,
    harm,
    lines,
    pages,
    query,
    settle,
)
from tests.factories.events import NOW

pytestmark = pytest.mark.contract

BOTH_ENDS = [Direction.NEWEST_FIRST, Direction.OLDEST_FIRST]
WORDS = ("first_word", "second_word", "third_word")


def truncated(data: bytes) -> bytes:
    return data[:-20]


def newer(data: bytes) -> bytes:
    front = data[:3] + bytes([FORMAT + 1]) + data[4:8]
    return front + crc32(data[12:], crc32(front)).to_bytes(4, "little") + data[12:]


HARMS: dict[str, tuple[Harm | None, str]] = {
    "truncated": (truncated, "checksum"),
    "flipped": (flipped, "checksum"),
    "emptied": (lambda _: b"", "does not begin"),
    "zeroes": (lambda data: bytes(len(data)), "does not begin"),
    "newer": (newer, f"format {FORMAT + 1}; this version reads up to {FORMAT}"),
    "missing": (None, "payload is missing"),
}


@pytest.fixture
def store(database: None) -> Iterator[PostgresEventStore]:
    with fresh_store() as found:
        yield found


def three_pieces(store: EventStore, *, compact: bool) -> StreamRef:
    """Of 100 events each, one after the other in time; the second has another word."""
    stream = open_stream(store)
    for nth, word in enumerate(("first", "second", "third")):
        append(lines(100, start=NOW + nth * 10_000_000, word=word), stream, store)
        if compact:
            settle(store, stream)
    append(lines(5, start=NOW + 30_000_000, word="row"), stream, store)
    return stream


def ids(events: list[StoredEvent]) -> list[int]:
    return sorted(stored.id for stored in events)


@pytest.mark.parametrize(("change", "told"), HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("part", [None, 0, 1, 2], ids=["recent", "core", "text", "rest"])
def test_what_can_be_read_is_answered_and_the_rest_named(
    store: PostgresEventStore, part: int | None, change: Harm | None, told: str
) -> None:
    stream = three_pieces(store, compact=part is not None)
    broken = catalogue(stream)[1][0]
    harm("log_recent" if part is None else "log_segment_part", broken, part, change)
    with fresh_store() as cold:
        for _ in range(2):
            assert_all_but_the_second(cold, stream, told)
        assert_not_fetched_again(cold, stream)
    assert_checked_and_quarantined(store, stream, broken, told)


def assert_all_but_the_second(store: EventStore, stream: StreamRef, told: str) -> None:
    readable = [*range(1, 101), *range(201, 306)]
    for direction in BOTH_ENDS:
        answered = [*pages(store, stream, Selection(), 60, direction)]
        assert ids([stored for page in answered for stored in page.events]) == readable
        assert any(names(page, told) for page in answered)
    assert store.count(stream, Selection(filter=Contains("R"))) == 205
    histogram = store.histogram(stream, Selection(filter=Contains("R")), interval=1_000, split=Split.LEVEL)
    assert sum(sum(counts.values()) for counts in histogram.buckets.values()) == 205
    assert told in histogram.incomplete[0]
    facets = store.facets(stream, Selection(), ["path", "message"], limit=50)
    assert sum(total for _, total in facets.values["path"]) == 205
    assert told in facets.incomplete[0]
    assert_told_by_get(store, stream, told)
    assert [store.get(stream, number) is not None for number in (1, 201, 305)] == [True] * 3


def names(page: Page, told: str) -> bool:
    return any("ids 101 to 200" in each and told in each for each in page.incomplete)


def assert_not_fetched_again(store: PostgresEventStore, stream: StreamRef) -> None:
    before = store.payloads.fetched
    assert len(contents(store, stream)) == 205
    assert_told_by_get(store, stream, "")
    assert store.payloads.fetched == before


def assert_told_by_get(store: EventStore, stream: StreamRef, told: str) -> None:
    with pytest.raises(BrokenSegment, match="ids 101 to 200") as raised:
        store.get(stream, 150)
    assert told in str(raised.value)
    assert store.get(stream, 306) is None


def assert_checked_and_quarantined(store: PostgresEventStore, stream: StreamRef, broken: int, told: str) -> None:
    (found,) = store.check(stream)
    assert told in found
    assert "ids 101 to 200" in found
    assert [piece[0] for piece in catalogue(stream) if piece[-1] is not None] == [broken]
    with fresh_store() as cold:
        page = cold.scan(stream, Scan(Selection(NOW + 10_000_000, NOW + 11_000_000), 10))
        assert list(page.events) == []
        assert names(page, told)
        assert cold.payloads.fetched == 0
    assert store.check(stream) == [found]


def test_a_window_beside_the_broken_piece_is_complete(store: PostgresEventStore) -> None:
    stream = three_pieces(store, compact=True)
    harm("log_segment_part", catalogue(stream)[1][0], 0, truncated)
    assert store.check(stream) != []
    page = store.scan(stream, Scan(Selection(NOW + 20_000_000), 10))
    assert (len(page.events), page.incomplete) == (10, ())


@pytest.mark.parametrize("change", [truncated, newer, None], ids=["truncated", "newer", "missing"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_compaction_leaves_a_broken_block_alone_and_goes_on(
    store: PostgresEventStore, place: int, change: Harm | None
) -> None:
    stream = three_pieces(store, compact=False)
    harm("log_recent", catalogue(stream)[place][0], None, change)
    settle(store, stream)
    segments = catalogue(stream)
    assert [piece[-1] is not None for piece in segments if piece[6] == 1] == [True]
    assert sum(piece[3] for piece in segments if piece[6] > 1) == 205
    assert len(store.check(stream)) == 1
    assert len(contents(store, stream)) == 205
    append(lines(70), stream, store)
    settle(store, stream)
    assert len(contents(store, stream)) == 275
    assert len(store.check(stream)) == 1


@pytest.mark.parametrize("change", [flipped, None], ids=["flipped", "missing"])
@pytest.mark.parametrize("part", [None, 0, 1, 2])
def test_erasing_leaves_a_broken_piece_alone_and_goes_on(
    store: PostgresEventStore, part: int | None, change: Harm | None
) -> None:
    stream = three_pieces(store, compact=part is not None)
    harm("log_recent" if part is None else "log_segment_part", catalogue(stream)[1][0], part, change)
    store.delete(stream, Selection(filter=Contains(" 7 of")), now=NOW)
    steps = 0
    while store.erase(stream):
        steps += 1
        assert steps < 10
    assert store.count(stream, Selection(filter=Contains(" 7 of"))) == 0
    assert query("SELECT held FROM log_deletion WHERE stream_id = %s", stream.stream_id) == [(True,)]
    assert stream not in store.waiting(now=NOW)
    assert sorted(piece[3] for piece in catalogue(stream)) == [99, 99, 100]
    assert len(store.check(stream)) == 1


def test_retention_takes_broken_pieces_as_any_other(store: PostgresEventStore) -> None:
    stream = three_pieces(store, compact=True)
    harm("log_segment_part", catalogue(stream)[1][0], 1, None)
    while store.drop_before(stream, NOW + 20_000_000, limit=100):
        pass
    assert ids(contents(store, stream)) == [*range(201, 306)]
    assert store.check(stream) == []


def test_many_broken_pieces_are_one_answer(store: PostgresEventStore) -> None:
    stream = open_stream(store)
    for _ in range(50):
        append(lines(60), stream, store)
    recent = [piece[0] for piece in catalogue(stream)]
    for segment in recent[:25]:
        harm("log_recent", segment, None, flipped)
    for segment in recent[25:45]:
        harm("log_recent", segment, None, None)
    page = store.scan(stream, Scan(Selection(), 1_000))
    assert (len(page.events), len(page.incomplete)) == (300, 45)


@pytest.mark.parametrize("change", [flipped, truncated, lambda _: b"", None])
@pytest.mark.parametrize("column", ["summary", "text_filter"])
def test_a_broken_index_costs_time_and_no_answer(store: PostgresEventStore, column: str, change: Harm | None) -> None:
    stream = three_pieces(store, compact=True)
    for (segment, data) in query(f"SELECT segment_id, {column} FROM log_segment_index WHERE stream_id = %s",
                                 stream.stream_id):  # fmt: skip
        changed = None if change is None else change(bytes(data))
        query(f"UPDATE log_segment_index SET {column} = %s WHERE segment_id = {segment}", changed)
    with fresh_store() as cold:
        assert cold.count(stream, Selection()) == 305
        assert cold.count(stream, Selection(filter=Contains("SECOND 1"))) == 11
        found = cold.histogram(stream, Selection(), interval=60_000_000, split=Split.LEVEL)
        assert sum(sum(counts.values()) for counts in found.buckets.values()) == 305
        assert found.incomplete == ()


def stream_of_groups(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> StreamRef:
    """One segment of three row groups, each with another word."""
    for module in (encode, making):
        monkeypatch.setattr(module, "GROUP_EVENTS", 100)
    stream = open_stream(store)
    for nth, word in enumerate(WORDS):
        append(lines(100, start=NOW + nth * 1_000_000, word=word), stream, store)
    settle(store, stream)
    return stream


def without_filters(joined: bytes, kept: int) -> bytes:
    """The first so many of the filters, whole."""
    end = 0
    for _ in range(kept):
        end += 4 + int.from_bytes(joined[end : end + 4], "little")
    return joined[:end]


def one_for_two(joined: bytes) -> bytes:
    """The first length reaches over the second filter, so that the third stands in its place."""
    second = 4 + int.from_bytes(joined[:4], "little")
    length = second + int.from_bytes(joined[second : second + 4], "little")
    return length.to_bytes(4, "little") + joined[4:]


INDEX_HARMS: dict[str, Harm] = {
    "the last is lost": lambda joined: without_filters(joined, 2),
    "two are lost": lambda joined: without_filters(joined, 1),
    "cut in a length": lambda joined: without_filters(joined, 2) + joined[:2],
    "cut in the last": lambda joined: joined[:-3],
    "one too many": lambda joined: joined + without_filters(joined, 1),
    "shifted": one_for_two,
}


@pytest.mark.parametrize("change", INDEX_HARMS.values(), ids=INDEX_HARMS)
def test_filters_that_are_not_one_for_each_group_hide_nothing(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch, change: Harm
) -> None:
    stream = stream_of_groups(store, monkeypatch)
    ((whole,),) = query("SELECT text_filter FROM log_segment_index WHERE stream_id = %s", stream.stream_id)
    query("UPDATE log_segment_index SET text_filter = %s WHERE stream_id = %s", change(bytes(whole)), stream.stream_id)
    for word in WORDS:
        selection = Selection(filter=Contains(f"{word} 7 of"))
        with fresh_store() as cold:
            for direction in BOTH_ENDS:
                assert len(cold.scan(stream, Scan(selection, 10, direction)).events) == 1, word
            assert cold.count(stream, selection) == 1
            assert sum(cold.histogram(stream, selection, interval=1_000, split=None).buckets.popitem()[1].values()) == 1


def test_whole_filters_spare_the_payload(store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of_groups(store, monkeypatch)
    with fresh_store() as cold:
        selection = Selection(filter=Contains("nowhere_to_be_found"))
        assert list(cold.scan(stream, Scan(selection, 10)).events) == []
        assert cold.count(stream, selection) == 0
        assert cold.payloads.fetched == 0


def test_a_piece_that_was_brought_back_is_taken_back(store: PostgresEventStore) -> None:
    stream = three_pieces(store, compact=True)
    broken = catalogue(stream)[1][0]
    where = f"segment_id = {broken} AND part = 1"
    ((data,),) = query(f"SELECT data FROM log_segment_part WHERE {where}")
    harm("log_segment_part", broken, 1, truncated)
    assert len(store.check(stream)) == 1
    query(f"UPDATE log_segment_part SET data = %s WHERE {where}", bytes(data))
    assert store.check(stream) == []
    with fresh_store() as another:
        page = another.scan(stream, Scan(Selection(), 1000))
    assert (len(page.events), page.incomplete) == (305, ())


@pytest.mark.parametrize("part", [None, 0, 1], ids=["recent", "core", "text"])
def test_what_was_deleted_does_not_come_back_with_its_piece(store: PostgresEventStore, part: int | None) -> None:
    stream = three_pieces(store, compact=part is not None)
    broken = catalogue(stream)[1][0]
    table = "log_recent" if part is None else "log_segment_part"
    where = f"segment_id = {broken}" + ("" if part is None else f" AND part = {part}")
    ((data,),) = query(f"SELECT data FROM {table} WHERE {where}")
    harm(table, broken, part, truncated)
    assert len(store.check(stream)) == 1
    store.delete(stream, Selection(filter=Contains(" 7 of")), now=NOW)
    settle(store, stream)
    query(f"UPDATE {table} SET data = %s WHERE {where}", bytes(data))
    assert store.check(stream) == []
    for settled in (False, True):
        if settled:
            assert stream in store.waiting(now=NOW)
            settle(store, stream)
        with fresh_store() as another:
            assert len(contents(another, stream)) == 302
            assert another.count(stream, Selection(filter=Contains(" 7 of"))) == 0
        assert store.check(stream) == []
    assert query("SELECT 1 FROM log_deletion WHERE stream_id = %s", stream.stream_id) == []
    assert [piece[3] for piece in catalogue(stream) if piece[6] == 1] == []  # all are segments


def test_a_deletion_is_forgotten_with_the_broken_piece_that_held_it(store: PostgresEventStore) -> None:
    stream = three_pieces(store, compact=True)
    harm("log_segment_part", catalogue(stream)[1][0], 1, truncated)
    for _ in range(2):  # the second comes while the first is held
        store.delete(stream, Selection(filter=Contains(" 7 of")), now=NOW)
        settle(store, stream)
    assert query("SELECT held FROM log_deletion WHERE stream_id = %s", stream.stream_id) == [(True,)] * 2
    while store.drop_before(stream, NOW + 20_000_000, limit=100):
        pass
    settle(store, stream)
    assert query("SELECT 1 FROM log_deletion WHERE stream_id = %s", stream.stream_id) == []
    assert store.check(stream) == []


def test_parts_that_lie_in_each_other_s_place_are_told(store: PostgresEventStore) -> None:
    stream = three_pieces(store, compact=True)
    broken = catalogue(stream)[1][0]
    query(f"UPDATE log_segment_part SET part = 3 - part + 10 WHERE segment_id = {broken} AND part > 0")
    query(f"UPDATE log_segment_part SET part = part - 10 WHERE segment_id = {broken} AND part > 2")
    (problem,) = store.check(stream)
    assert "in the place of another" in problem


@pytest.mark.parametrize("compact", [False, True], ids=["recent", "segment"])
def test_a_piece_that_does_not_have_all_bytes_that_came_is_told(store: PostgresEventStore, compact: bool) -> None:
    stream = three_pieces(store, compact=compact)
    second = catalogue(stream)[1][0]
    query(f"UPDATE log_segment SET raw_bytes = raw_bytes + 1 WHERE segment_id = {second}")
    (problem,) = store.check(stream)
    assert re.fullmatch(
        rf"Lines have changed: .+ {second} \(ids 101 to 200\): its lines have 1590 bytes; 1591 came\.", problem
    )


def test_events_that_do_not_lie_in_the_order_of_reading_are_told(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailsvc.storage.postgres.append.MOST_BUNDLED", 400)
    monkeypatch.setattr("tailsvc.segments.bundle.sorted", list, raising=False)
    stream = open_stream(store)
    append([*lines(100), *lines(100)], stream, store)
    (problem,) = store.check(stream)
    assert problem.startswith("Events do not lie in the order of time: recent block")


def test_how_much_is_read_is_told(store: PostgresEventStore) -> None:
    stream = three_pieces(store, compact=True)
    told: list[tuple[int, int]] = []
    assert store.check(stream, progress=lambda done, of: told.append((done, of))) == []
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_few_events_of_a_large_body_can_be_read_back(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body of an eighth of the largest buffer, in which each byte takes six and stands twice; all by a thousandth."""
    monkeypatch.setattr(packing, "_LARGEST", packing._LARGEST >> 10)
    monkeypatch.setattr("tailsvc.storage.postgres.append.MOST_BUNDLED", 400)
    monkeypatch.setattr("tailsvc.storage.postgres.append.MOST_BUNDLED_BYTES", MOST_BUNDLED_BYTES >> 10)
    stream = open_stream(store)
    dump = "\x01" * (BODY_BYTES // 1024 // 60)
    events = [Event(NOW + nth, f"{nth} {dump}".encode(), message=dump) for nth in range(60)]
    append(events, stream, store)
    for settled in (False, True):
        if settled:
            settle(store, stream)
        assert [stored.event for stored in contents(store, stream)] == events
        assert store.check(stream) == []
