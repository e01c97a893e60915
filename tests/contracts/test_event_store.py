"""What `tailsvc.storage.base` promises, for every store."""

import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from tailsvc import limits
from tailsvc.errors import KeyReused, UnknownStream
from tailsvc.events import Event, Rejection, by_name
from tailsvc.filters import Contains, OneOf
from tailsvc.parsing import BodyKind, parse_body
from tailsvc.queries import Direction, Position, Scan, Selection
from tailsvc.storage.base import Appended, Batch, EventStore, Replayed, RetryKey, StreamRef

pytestmark = pytest.mark.contract
NOW = 1_767_225_600_000_000
EVERYTHING = Selection()


def line(text: str, at: int = NOW, **fields: object) -> Event:
    return Event(at, text.encode(), **fields)  # type: ignore[arg-type]


def key(text: str, body: bytes = b"body", answer: bytes = b"answer") -> RetryKey:
    return RetryKey(text, body, answer)


def append(store: EventStore, stream: StreamRef, *events: Event, **extra: object) -> int:
    outcome = store.append(stream, [Batch(events, **extra)], now=NOW)[0]  # type: ignore[arg-type]
    assert isinstance(outcome, Appended)
    return outcome.first_id


def everything(store: EventStore, stream: StreamRef, limit: int = 1000) -> list[tuple[int, bytes]]:
    page = store.scan(stream, Scan(EVERYTHING, limit, Direction.OLDEST_FIRST))
    return [(stored.id, stored.event.raw) for stored in page.events]


def test_an_appended_event_is_found_as_it_was(store: EventStore, stream: StreamRef) -> None:
    full = Event(
        NOW + 1, b'{"x":1}', "ERROR", "GET", "/a", "h", 500, 12.5, "10.0.0.1", "curl/8", "http://r", "svc", "src",
        "msg", "/f", True, "r1", "c1", "stderr", "trace", "span", {"n": 1, "deep": {"list": [1, None, "x"]}},
    )  # fmt: skip
    store.append(stream, [Batch([full, line("plain")])], now=NOW)
    page = store.scan(stream, Scan(EVERYTHING, 10))
    assert [stored.event for stored in page.events] == [full, line("plain")]
    assert store.get(stream, 1) == page.events[0]


@pytest.mark.parametrize("times", [1, 12])  # one by one, and as a block
def test_attributes_come_back_as_they_were_written(store: EventStore, stream: StreamRef, times: int) -> None:
    """To the order of keys within them and to a number's text; their own names in their order."""
    values = [{"b": 1, "a": 2}, {"zz": 1, "y": [1.0, 1e16, {"d": 0, "c": -0.0}]}, 1e16, 1e22, -0.0, 0.0, 1, 1.0, 5e-324]
    events = [line("x", attributes={"v": value, f"k{nth}": value, "a": None}) for nth, value in enumerate(values)]
    for some in [events * times] if times > 1 else [[event] for event in events]:
        append(store, stream, *some)
    found = store.scan(stream, Scan(EVERYTHING, 500, Direction.OLDEST_FIRST)).events
    expected = [orjson.dumps({"a": None, f"k{nth}": value, "v": value}) for nth, value in enumerate(values)]
    assert [orjson.dumps(stored.event.attributes) for stored in found] == expected * times
    counted = dict(store.facets(stream, EVERYTHING, ["attributes.v"], limit=100).values["attributes.v"])
    assert counted == {
        '{"b":1,"a":2}': times, '{"zz":1,"y":[1.0,1e+16,{"d":0,"c":-0.0}]}': times, "1e+16": times, "1e+22": times,
        "0": 2 * times, "1": 2 * times, "5e-324": times,
    }  # fmt: skip


@pytest.mark.parametrize("times", [1, 12])
def test_lines_as_programs_write_them_come_back_as_they_were_read(
    store: EventStore, stream: StreamRef, times: int
) -> None:
    """Lines that are alike become columns without ever being objects."""
    values = [
        b"1e16",
        b"1e22",
        b"-0.0",
        b"-0",
        b"1.0",
        b"1",
        b"9007199254740993",
        b"1e400",
        b'{"b":1,"a":-0.0}',
        b"[{}]",
    ]
    lines = [b'{"z":"%d","v":%s,"a":{"y":1e16,"b":%s}}' % (nth, value, value) for nth, value in enumerate(values)]
    events = parse_body(b"\n".join(lines * times), kind=BodyKind.NDJSON, received_at=NOW).events
    for some in [events] if times > 1 else [[event] for event in events]:
        store.append(stream, [Batch(some)], now=NOW)
    page = store.scan(stream, Scan(EVERYTHING, 500, Direction.OLDEST_FIRST))
    assert [repr(stored.event) for stored in page.events] == [
        repr(event._replace(attributes=by_name(event.attributes or {}))) for event in events
    ]


@pytest.mark.parametrize(
    "raw", [b"", b"\x00", b"nul \x00 inside", b"\xff\xfe broken", "ü\u2028\ufffd".encode(), b"tab\tand \\ and\nline"]
)
@pytest.mark.parametrize("count", [1, 100])  # as rows, and as a block
def test_raw_bytes_come_back_byte_for_byte(store: EventStore, stream: StreamRef, raw: bytes, count: int) -> None:
    append(store, stream, *[Event(NOW, raw)] * count)
    assert everything(store, stream) == [(n, raw) for n in range(1, count + 1)]


def test_ids_are_dense_over_batches_and_calls(store: EventStore, stream: StreamRef) -> None:
    outcomes = store.append(stream, [Batch([line("a"), line("b")]), Batch([line("c")])], now=NOW)
    assert outcomes == [Appended(1), Appended(3)]
    assert append(store, stream, *[line(str(n)) for n in range(500)]) == 4
    assert append(store, stream, line("last")) == 504
    assert [found for found, _ in everything(store, stream)] == list(range(1, 505))


def test_the_head_counts_what_was_appended(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, line("12345"), line("678"))
    head = store.head(stream)
    assert (head.last_id, head.bytes, head.appended_at) == (2, 8, NOW)
    assert store.heads([stream]) == {stream.stream_id: head}


def test_opening_twice_keeps_the_head(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, line("a"))
    before = store.head(stream)
    store.open(stream)
    assert store.head(stream) == before


def test_a_stream_that_was_never_opened_takes_nothing(store: EventStore) -> None:
    nowhere = StreamRef(999_999_999, 1)
    with pytest.raises(UnknownStream):
        store.append(nowhere, [Batch([line("a")])], now=NOW)
    with pytest.raises(UnknownStream):
        store.append(nowhere, [Batch([line("a")] * 200)], now=NOW)
    with pytest.raises(UnknownStream):
        store.head(nowhere)


def test_a_repeated_key_appends_once_and_gives_the_first_answer(store: EventStore, stream: StreamRef) -> None:
    batch = Batch([line("a")], key=key("k", answer=b"first"))
    assert store.append(stream, [batch], now=NOW) == [Appended(1)]
    again = Batch([line("a")], key=key("k", answer=b"second"))
    assert store.append(stream, [again], now=NOW) == [Replayed(b"first")]
    assert store.replay(stream, key("k")) == Replayed(b"first")
    assert store.replay(stream, key("other")) is None
    assert everything(store, stream) == [(1, b"a")]


def test_a_key_repeated_within_one_flush_appends_once(store: EventStore, stream: StreamRef) -> None:
    batch = Batch([line("a")], key=key("k"))
    outcomes = store.append(stream, [batch, Batch([line("b")]), batch], now=NOW)
    assert outcomes == [Appended(1), Appended(2), Replayed(b"answer")]
    assert everything(store, stream) == [(1, b"a"), (2, b"b")]


def test_a_key_with_another_body_is_refused_and_its_neighbours_are_not(store: EventStore, stream: StreamRef) -> None:
    store.append(stream, [Batch([line("a")], key=key("k"))], now=NOW)
    outcomes = store.append(stream, [Batch([line("x")], key=key("k", body=b"another")), Batch([line("b")])], now=NOW)
    assert isinstance(outcomes[0], KeyReused)
    assert outcomes[1] == Appended(2)
    assert everything(store, stream) == [(1, b"a"), (2, b"b")]


def test_one_key_in_many_threads_appends_once(store: EventStore, stream: StreamRef) -> None:
    start = threading.Barrier(8)

    def send() -> object:
        start.wait()
        return store.append(stream, [Batch([line("a")] * 3, key=key("k"))], now=NOW)[0]

    with ThreadPoolExecutor(8) as pool:
        outcomes = [future.result() for future in [pool.submit(send) for _ in range(8)]]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Appended", *["Replayed"] * 7]
    assert len(everything(store, stream)) == 3


def test_readers_never_see_a_hole_while_others_append(store: EventStore, stream: StreamRef) -> None:
    done = threading.Event()

    def write(size: int) -> None:
        for _ in range(25):
            store.append(stream, [Batch([line("x")] * size)], now=NOW)

    def watch() -> int:
        looks = 0
        while not done.is_set():
            ids = [found for found, _ in everything(store, stream, limit=5000)]
            assert ids == list(range(1, len(ids) + 1))
            looks += 1
        return looks

    with ThreadPoolExecutor(10) as pool:
        watcher = pool.submit(watch)
        writers = [pool.submit(write, size) for size in (1, 2, 3, 5, 1, 40, 2, 1)]
        for writer in writers:
            writer.result()
        done.set()
        assert watcher.result() > 0
    assert store.head(stream).last_id == 25 * 55


@pytest.mark.parametrize("direction", list(Direction))
def test_a_walk_over_equal_times_finds_each_event_once_while_others_append(
    store: EventStore, stream: StreamRef, direction: Direction
) -> None:
    for _ in range(5):
        append(store, stream, *[line("same", NOW)] * 100)
    first = store.scan(stream, Scan(EVERYTHING, 7, direction))
    assert first.head is not None
    bounded = Selection(as_of=first.head.last_id)
    found, page = [stored.id for stored in first.events], first
    while page.has_more:
        append(store, stream, line("late", NOW), line("earlier", NOW - 1))
        last = page.events[-1]
        page = store.scan(stream, Scan(bounded, 61, direction, Position(last.event.timestamp, last.id)))
        found += [stored.id for stored in page.events]
    assert sorted(found) == list(range(1, 501))
    assert found == sorted(found, reverse=direction is Direction.NEWEST_FIRST)


def test_a_window_includes_both_its_ends(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, *[line(str(at), NOW + at) for at in range(5)])
    window = Selection(start=NOW + 1, end=NOW + 3)
    page = store.scan(stream, Scan(window, 10, Direction.OLDEST_FIRST))
    assert [stored.event.raw for stored in page.events] == [b"1", b"2", b"3"]
    assert store.count(stream, window) == 3


def test_has_more_says_whether_a_next_page_would_have_events(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, line("a"), line("b"))
    assert store.scan(stream, Scan(EVERYTHING, 1)).has_more
    assert not store.scan(stream, Scan(EVERYTHING, 2)).has_more
    nothing = store.scan(stream, Scan(Selection(start=NOW + 1), 2))
    assert (list(nothing.events), nothing.has_more, nothing.head) == ([], False, None)


@pytest.mark.parametrize("direction", Direction)
def test_a_page_of_large_events_ends_early_and_the_walk_loses_none(
    store: EventStore, stream: StreamRef, direction: Direction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_BYTES", 1_000)
    sizes = [3_000, 10, 400, 400, 400, 1, 1] * 9
    append(store, stream, *[line("x" * size, NOW + at // 2) for at, size in enumerate(sizes)])
    append(store, stream, *[line("y" * size, NOW + at) for at, size in enumerate(sizes[:9])])
    append(store, stream, *[Event(NOW + 100 + at, b"\xff" * 300) for at in range(9)])  # longer where they are texts
    found, page, after = [], None, None
    while page is None or page.has_more:
        page = store.scan(stream, Scan(EVERYTHING, 4, direction, after))
        lengths = [len(one.event.raw) for one in page.events]
        assert sum(lengths[:-1]) < 1_000
        assert len(lengths) == 4 or sum(lengths) >= 1_000 or not page.has_more
        found += [(one.event.timestamp, one.id) for one in page.events]
        after = Position(*found[-1])
    assert found == sorted(found, reverse=direction is Direction.NEWEST_FIRST)
    assert len(found) == len({*found}) == len(sizes) + 18


def test_filters_select_for_pages_and_counts_alike(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, line("Timeout", level="ERROR"), line("ok", level="INFO"), line("time", level="ERROR"))
    for condition, expected in [(OneOf("level", ("ERROR",)), 2), (Contains("TIME"), 2), (Contains("meo"), 1)]:
        selection = Selection(filter=condition)
        assert len(store.scan(stream, Scan(selection, 10)).events) == expected
        assert store.count(stream, selection) == expected


def test_streams_do_not_see_each_other(store: EventStore, stream: StreamRef, new_stream) -> None:  # type: ignore[no-untyped-def]
    other = new_stream(store)
    append(store, stream, line("mine"))
    append(store, other, line("theirs"))
    assert everything(store, stream) == [(1, b"mine")]
    assert everything(store, other) == [(1, b"theirs")]


def test_rejections_are_kept_newest_first(store: EventStore, stream: StreamRef) -> None:
    refused = [Rejection(1, "bad", b"\xff"), Rejection(7, "worse", b"x")]
    append(store, stream, line("a"), rejections=refused)
    append(store, stream, rejections=[Rejection(2, "only this", b"y")])
    kept = store.rejections(stream, limit=10)
    assert [(one.line, one.reason, one.sample) for one in kept] == [
        (2, "only this", b"y"),
        (7, "worse", b"x"),
        (1, "bad", b"\xff"),
    ]
    assert store.rejections(stream, limit=10, before=kept[1].id) == kept[2:]


def test_retention_takes_the_oldest_up_to_the_edge_and_no_further(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, *[line(str(at), NOW + at) for at in range(10)])
    store.drop_before(stream, NOW + 5, limit=3)
    assert [raw for _, raw in everything(store, stream)] == [b"5", b"6", b"7", b"8", b"9"]  # all hidden at once
    assert store.count(stream, EVERYTHING) == 5
    assert store.get(stream, 1) is None
    while store.drop_before(stream, NOW + 5, limit=3):
        pass
    assert [raw for _, raw in everything(store, stream)] == [b"5", b"6", b"7", b"8", b"9"]
    assert store.check(stream) == []


def test_retention_may_run_twice_at_once(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, *[line("x", NOW + at) for at in range(400)])
    with ThreadPoolExecutor(4) as pool:
        gone = [
            future.result()
            for future in [pool.submit(store.drop_before, stream, NOW + 300, limit=50) for _ in range(40)]
        ]
    while last := store.drop_before(stream, NOW + 300, limit=50):
        gone.append(last)
    assert sum(gone) <= 300  # pieces that also hold younger events go later
    assert len(everything(store, stream)) == 100
    assert store.check(stream) == []


def test_a_purge_leaves_nothing(store: EventStore, stream: StreamRef) -> None:
    append(store, stream, *[line("x")] * 25, rejections=[Rejection(1, "bad", b"")], key=key("k"))
    rounds = 1
    while not store.purge(stream, limit=10):
        rounds += 1
    assert rounds < 10
    with pytest.raises(UnknownStream):
        store.head(stream)
    assert store.purge(stream, limit=10)


def test_old_keys_and_rejections_are_forgotten(store: EventStore, stream: StreamRef) -> None:
    store.append(stream, [Batch([line("a")], [Rejection(1, "bad", b"")], key("old"))], now=NOW)
    store.append(stream, [Batch([line("b")], [Rejection(1, "bad", b"")], key("new"))], now=NOW + 10)
    assert store.forget_before(stream, keys=NOW + 5, rejections=NOW + 5) == 2
    assert store.replay(stream, key("old")) is None
    assert store.replay(stream, key("new")) is not None
    assert len(store.rejections(stream, limit=10)) == 1


def test_a_head_counts_lines_too(store: EventStore, stream: StreamRef) -> None:
    for raws in ([b"one"], [b"two\nlines", b"", b"three\n\nlines"] * 30, [b"x\n"] * 3):
        store.append(stream, [Batch([Event(NOW, raw) for raw in raws])], now=NOW)
    assert store.head(stream).lines == 1 + (2 + 1 + 3) * 30 + 2 * 3
    assert store.tips([stream]) == {stream.stream_id: (store.head(stream).epoch, 94)}


def test_the_first_id_that_is_as_late_as_a_time(store: EventStore, stream: StreamRef) -> None:
    assert store.first_since(stream, 0) is None
    store.append(stream, [Batch([Event(NOW + number, b"x") for number in range(100)])], now=NOW)
    store.append(stream, [Batch([Event(NOW + number, b"x") for number in (7, 200, 300)])], now=NOW)
    assert store.first_since(stream, NOW + 301) is None
    first = store.first_since(stream, NOW + 150)
    assert first is not None
    assert first <= 102  # of a piece its first id
    last = store.head(stream).last_id
    found = store.stretch(stream, first - 1, most=1000, start=NOW + 150)
    assert [stored.id for stored in found.matching(EVERYTHING.filter)] == [102, 103]
    assert (found.upto, found.missing) == (last, last - first + 1 - 2)
