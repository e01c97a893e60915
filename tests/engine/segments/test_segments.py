"""Segments give back what was put in, and find what the predicate finds."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc.errors import BodyTooLarge, BrokenSegment, UnknownFormat
from tailsvc.events import Event
from tailsvc.filters import Contains, Filter, Like, OneOf, matches
from tailsvc.segments import encode as encoding
from tailsvc.segments.encode import PARTS, encode
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.filter_texts import filter_texts
from tailsvc.segments.frame import Frame, frame_of, join_frames, sorted_by_time
from tailsvc.segments.learning import Book, with_templates
from tailsvc.segments.making import make_segment, merge
from tailsvc.segments.packing import FORMAT, Packer, Unpacker
from tailsvc.segments.probing import probe_of
from tailsvc.segments.reader import Key, Segment
from tailsvc.segments.text_filter import bits_of
from tailsvc.timestamps import iso_text
from tests.factories.events import NOW, any_events, filters, formed_events

batches_of_events = st.lists(st.lists(any_events, min_size=1, max_size=30), min_size=1, max_size=4)
needles = st.sampled_from(
    ["a", "ab", "/a", '"path":"/a', "200ms", "0ms", " 200", "warn msg=", "K", "ss", "X", "2026", ":00", "5", '"', "%"]
)
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


class Everything:
    """Forgets nothing."""

    def __init__(self) -> None:
        self.kept: dict[Key, Any] = {}

    def find(self, key: Key) -> Any:
        return self.kept.get(key)

    def keep(self, key: Key, make: Callable[[], Any]) -> Any:
        return self.kept.setdefault(key, make())


def frames_of(batches: list[list[Event]]) -> list[Frame]:
    book, first, frames = Book(), 1, []
    for events in batches:
        frames.append(with_templates(sorted_by_time(frame_of(events, first)), book))
        first += len(events)
    return frames


def written(frame: Frame, *, base: int = 1, thorough: bool) -> Segment:
    encoded = encode(frame, base=base, raw_bytes=0, thorough=thorough)
    return Segment(encoded.parts.__getitem__, parts=len(encoded.parts), base=base)


def read_back(segment: Segment) -> dict[int, Event]:
    return {stored.id: stored.event for frame in segment.frames() for stored in frame.events()}


def numbered(batches: list[list[Event]]) -> dict[int, Event]:
    return dict(enumerate((event for events in batches for event in events), 1))


@quick
@given(batches_of_events, st.booleans(), st.integers(1, 20))
def test_every_field_and_line_comes_back(batches: list[list[Event]], thorough: bool, group: int) -> None:
    frame = sorted_by_time(with_templates(join_frames(frames_of(batches)), Book()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "GROUP_EVENTS", group)
        segment = written(frame, base=-7, thorough=thorough)
    assert read_back(segment) == numbered(batches)
    order = [(one.event.timestamp, one.id) for frame in segment.frames() for one in frame.events()]
    assert order == sorted(order)
    assert exactly(read_back(segment)) == exactly(numbered(batches))


@quick
@given(batches_of_events, st.lists(filters | needles.map(Contains), min_size=1, max_size=6), st.booleans())
def test_rows_found_are_those_that_match(batches: list[list[Event]], conditions: list[Filter], thorough: bool) -> None:
    frame = sorted_by_time(join_frames(frames_of(batches)))
    segment = written(frame, thorough=thorough)
    for condition in conditions:
        expected = {number for number, event in numbered(batches).items() if matches(condition, event)}
        found: set[int] = set()
        for frame in segment.frames():
            rows = matching_rows(frame, condition, np.arange(len(frame)), limit=None, newest_first=False)
            found |= set(frame.ids[rows].tolist())
        assert found == expected, condition


@quick
@given(st.lists(formed_events, min_size=12, max_size=60), needles)
def test_needles_are_found_across_the_borders_of_slots(events: list[Event], needle: str) -> None:
    segment = written(frames_of([sorted(events)])[0], thorough=True)
    frame = segment.frame(0)
    rows = matching_rows(frame, Contains(needle), np.arange(len(frame)), limit=None, newest_first=True)
    assert rows.tolist() == [row for row in range(len(frame))[::-1] if matches(Contains(needle), sorted(events)[row])]


def exactly(events: dict[int, Event]) -> list[object]:
    """Equal only if -0.0 is -0.0, and 1 neither 1.0 nor True."""
    return [
        (number, repr(event._replace(attributes=None)), orjson.dumps(event.attributes, option=orjson.OPT_SORT_KEYS))
        for number, event in sorted(events.items())
    ]


def access(number: int) -> Event:
    at = NOW + number * 1000
    line = f'10.0.0.{number % 250} - - [01/Jan/2026:00:00:{number // 1000:02d} +0000] "GET /p/{number} HTTP/1.1" 200'
    return Event(at, line.encode(), path=f"/p/{number}", ip=f"10.0.0.{number % 250}", method="GET", status=200)


def test_lines_that_their_columns_tell_are_not_stored() -> None:
    events = [access(number) for number in range(2000)]
    frame = frames_of([events])[0]
    assert len(frame.text("raw").values) == 0  # type: ignore[union-attr]
    encoded = encode(frame, base=1, raw_bytes=0, thorough=True)
    assert sum(map(len, encoded.parts)) < sum(len(event.raw) for event in events) / 20


def test_a_message_that_is_escaped_in_its_line_and_made_of_other_fields_comes_back() -> None:
    events = [
        Event(NOW + n, orjson.dumps({"path": path, "message": f"{path}\n"}), path=path, message=f"{path}\n")
        for n, path in enumerate(["/first", "/second", 'say "x"'] * 4)
    ]
    (frame,) = frames_of([events])
    assert {"raw.template", "message.template"} <= frame.columns.keys()
    segment = written(frame, thorough=True)
    assert read_back(segment) == numbered([events])
    assert filter_texts(frame) >= {"/second\\n", 'say \\"x\\"\\n'}
    rows = matching_rows(segment.frame(0), Contains('d\\n"'), np.arange(12), limit=None, newest_first=False)
    assert rows.tolist() == [1, 4, 7, 10]


@pytest.mark.parametrize("zone", ["UTC", "é", "ɐ", "ab", "Z"])
def test_a_text_filter_knows_the_seconds_that_touch_what_follows_them(zone: str) -> None:
    times = [NOW + number * 7_000_000 for number in range(300)]
    events = [
        Event(at, f"{iso_text(at)[:19]}{zone} user {at % 13}".encode(), message=f"user {at % 13}") for at in times
    ]
    made = make_segment(merge([frame_of(events, 1)]), base=1, raw_bytes=0)
    frame = Segment(made.encoded.parts.__getitem__, parts=PARTS, base=1).frame(0)
    assert not frame.text("raw").present.any()  # type: ignore[union-attr]
    for event in events:
        needle = Contains(event.raw.decode()[17 : 19 + len(zone)])
        probe = probe_of(needle)
        assert matches(needle, event)
        assert probe is None or probe(bits_of(made.filters[0]))


def test_lines_that_no_column_tells_are_kept() -> None:
    events = [Event(NOW, f"something else entirely {number}".encode(), path="/x") for number in range(50)]
    frame = frames_of([events])[0]
    assert "raw.template" not in frame.columns
    assert read_back(written(frame, thorough=True)) == numbered([events])


def test_a_million_names_of_attributes_stay_few_columns() -> None:
    events = [Event(NOW, b"", attributes={f"n{row}-{place}": 1 for place in range(100)}) for row in range(2_000)]
    frame = with_templates(frame_of(events, 1), Book())
    assert len(frame.columns) < 200
    segment = written(frame, thorough=True)
    assert read_back(segment) == numbered([events])
    wanted = OneOf("attributes.n1999-99", ("1",))
    rows = matching_rows(segment.frame(0), wanted, np.arange(2_000), limit=5, newest_first=True)
    assert rows.tolist() == [1999]


def test_attributes_are_kept_that_are_called_as_columns_of_ours_are() -> None:
    names = ["mail.template", "raw.template", "template", "raw.bytes", "raw", "rest", "json.a", "attributes.a"]
    batches = [[Event(NOW, b"", attributes=dict.fromkeys(names, value))] * 20 for value in (1, "1.5")]
    frame = join_frames(frames_of(batches))
    assert read_back(written(frame, thorough=True)) == numbered(batches)


def test_an_event_of_five_megabytes() -> None:
    big = Event(NOW, b"x" * 5_000_000 + "ü".encode(), message="y" * 1000)
    segment = written(frames_of([[access(1), big, access(2)]])[0], thorough=True)
    assert sorted(read_back(segment).values()) == sorted([access(1), big, access(2)])


def test_what_could_not_be_read_back_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailsvc.segments.packing._LARGEST", 5_000)
    fits = written(frame_of([Event(NOW, b"x" * 5_000)], 1), thorough=True)
    assert [len(event.raw) for event in read_back(fits).values()] == [5_000]
    with pytest.raises(BodyTooLarge):
        written(frame_of([Event(NOW, b"x" * 5_001)], 1), thorough=True)


def test_only_the_parts_that_a_question_needs_are_fetched() -> None:
    encoded = encode(frames_of([[access(number) for number in range(100)]])[0], base=1, raw_bytes=0, thorough=True)
    fetched: list[int] = []

    def load(part: int) -> bytes:
        fetched.append(part)
        return encoded.parts[part]

    segment = Segment(load, parts=PARTS, base=1, memory=Everything())
    frame = segment.frame(0)
    matching_rows(frame, OneOf("status", (200.0,)), np.arange(100), limit=1, newest_first=True)
    assert fetched == [encoding.CORE]
    matching_rows(frame, Like("path", "/p/%"), np.arange(100), limit=1, newest_first=True)
    assert fetched == [encoding.CORE, encoding.TEXT]
    frame.events(slice(0, 1))
    assert sorted(fetched) == [0, 1, 2]


@pytest.mark.parametrize("thorough", [True, False])
def test_broken_bytes_are_an_error_of_ours_and_nothing_else(thorough: bool) -> None:
    encoded = encode(frames_of([[access(number) for number in range(40)]])[0], base=1, raw_bytes=0, thorough=thorough)
    random = np.random.default_rng(1)
    for _ in range(300):
        parts = [bytearray(part) for part in encoded.parts]
        part = parts[random.integers(len(parts))]
        place = int(random.integers(len(part)))
        if random.random() < 0.3:
            del part[place:]
        else:
            part[place] ^= int(random.integers(1, 256))
        with pytest.raises(BrokenSegment):
            read_back(Segment(lambda number: bytes(parts[number]), parts=len(parts), base=1))  # noqa: B023


def test_a_newer_format_is_told() -> None:
    part = bytearray(encode(frames_of([[access(1)]])[0], base=1, raw_bytes=0, thorough=False).parts[0])
    part[3] = FORMAT + 1
    with pytest.raises(UnknownFormat, match=f"format {FORMAT + 1}"):
        read_back(Segment(lambda _: bytes(part), parts=1, base=1))


def test_a_blob_that_is_kept_is_read_by_many_threads_at_once() -> None:
    packer = Packer(level=1)
    rng = np.random.default_rng(1)
    arrays = [rng.integers(0, 50, 200_000, dtype=np.int32) for _ in range(8)]
    described = [packer.put_array(array) for array in arrays]
    unpacker = Unpacker(packer.finish({}))

    def read(nth: int) -> bool:
        return bool((unpacker.get_array(described[nth % 8]) == arrays[nth % 8]).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(80)))
