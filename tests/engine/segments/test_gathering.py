"""Blocks made of tables, without an event for each line, hold the very events and lines."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc import timestamps
from tailsvc.event_tables import EventTables
from tailsvc.events import Event
from tailsvc.filters import Exists, Filter, Not, OneOf, matches
from tailsvc.parsing import BodyKind, flat_objects, object_groups, parse_body
from tailsvc.parsing import text as text_forms
from tailsvc.parsing.emitted import EmittedLines, parse_emitted
from tailsvc.segments.bundle import bundle_of
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.frame import Frame
from tailsvc.segments.gathering import frame_of_tables
from tailsvc.segments.learning import Book
from tailsvc.segments.reader import Segment
from tailsvc.storage.postgres.blocks import block_of
from tests.factories.bodies import bodies, nested_bodies
from tests.factories.events import any_events, filters

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z
WRAPPED = [
    '1.2.3.4 - - [01/Jan/2025:10:00:%02d +0000] "GET /a?b=%d HTTP/1.1" 200 12 "-" "curl/8.0"',
    '1.2.3.4 - bob [01/Jan/2025:10:00:%02d +0000] "GET /a%d HTTP/1.1" 304 - "http://r" "x\\"y" 0.123',
    'ts=2025-01-01T10:00:%02dZ level=warn msg="a b" n=%d',
    "ts=2025-01-01T10:00:%02dZ level=warn msg=ab n=%d",
    "[2025-01-01 10:00:%02d] production.ERROR: boom %d",
    "2025-01-01 10:00:%02d,123 - app - ERROR - boom %d",
    "plain %d %d\n",
]


@pytest.fixture(autouse=True, scope="module")
def few_lines_are_read_by_their_shape() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_objects, "FEWEST_LINES", 2)
        patch.setattr(object_groups, "FEWEST_ALIKE", 4)
        patch.setattr(text_forms, "FEWEST_TEXTS", 1)
        patch.setattr(timestamps, "FEWEST_ALIKE", 1)
        yield


@st.composite
def wrapped_bodies(draw: st.DrawFn) -> list[bytes]:
    lines = []
    for number in range(draw(st.integers(1, 60))):
        text = draw(st.sampled_from(WRAPPED)) % (number % 61, draw(st.integers(0, 3)))
        lines.append(
            orjson.dumps({"log": text, "filename": "x", **draw(st.sampled_from([{}, {"bytes": 1}, {"n": "a"}]))})
        )
    return lines


def read_back(events: EventTables, book: Book) -> list[Event]:
    encoded = block_of(events, book)
    assert encoded.raw_bytes == sum(len(event.raw) for event in events)
    stored = [one for frame in Segment(encoded.parts.__getitem__, parts=1, base=1).frames() for one in frame.events()]
    return [one.event for one in sorted(stored)]


def exactly(events: Sequence[Event]) -> list[object]:
    """Equal only if -0.0 is -0.0, and 1 neither 1.0 nor True."""
    return [
        (repr(event._replace(attributes=None)), orjson.dumps(event.attributes, option=orjson.OPT_SORT_KEYS))
        for event in events
    ]


def parsed(lines: list[bytes]) -> EventTables:
    return EventTables.of(parse_body(b"\n".join(lines), kind=BodyKind.NDJSON, received_at=NOW).events)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies() | wrapped_bodies() | nested_bodies())
def test_a_block_of_tables_gives_every_field_and_line_back(lines: list[bytes]) -> None:
    book = Book()
    for _ in range(2):  # with the shapes and templates that the first learned
        events = parsed(lines)
        if events:
            assert exactly(read_back(events, book)) == exactly(events)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(any_events, min_size=1, max_size=20), st.integers(-5, 5))
def test_a_bundle_gives_every_field_and_line_back(events: list[Event], base: int) -> None:
    encoded = bundle_of(EventTables.of(events))
    (frame,) = Segment(encoded.parts.__getitem__, parts=1, base=base).frames()
    stored = frame.events()
    assert exactly([one.event for one in sorted(stored)]) == exactly(events)
    assert sorted(one.id for one in stored) == [*range(base, base + len(events))]
    assert [(one.event.timestamp, one.id) for one in stored] == sorted((one.event.timestamp, one.id) for one in stored)
    assert (encoded.min_time, encoded.max_time) == (frame.times[0], frame.times[-1])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(bodies() | wrapped_bodies() | nested_bodies(), min_size=1, max_size=3), st.lists(any_events, max_size=5)
)
def test_tables_of_several_bodies_are_joined_in_order(several: list[list[bytes]], others: list[Event]) -> None:
    parts: list[Sequence[Event]] = [*map(parsed, several), others]
    expected = [event for part in parts for event in part]
    joined = EventTables.joined(parts)
    assert [*joined] == expected
    if expected:
        assert joined.oldest == min(event.timestamp for event in expected)
        assert exactly(read_back(joined, Book())) == exactly(expected)


def of_a_body(lines: list[bytes]) -> Sequence[Event]:
    return parse_body(b"\n".join(lines), kind=BodyKind.TEXT, received_at=NOW).events


def of_a_container(lines: list[bytes]) -> Sequence[Event]:
    count = len(lines)
    return parse_emitted(EmittedLines(lines, [NOW * 1000] * count, ["pod"] * count, ["c"] * count), NOW)


FORMS = [
    b'10.0.0.1 - - [01/Jan/2025:10:00:%02d +0000] "GET /a%s HTTP/1.1" 200 1 "-" "curl/8"',
    b"[2025-01-01 10:00:%02d] production.ERROR: boom %s",
    b"ts=2025-01-01T10:00:%02dZ level=info msg=%s",
    b"2025-01-01 10:00:%02d,123 - app - ERROR - boom %s",
    b"plain %02d %s",
]
UNREADABLE = [b"\xe9", b"\x00", b"\xed\xa0\x80", b"\xff\xfe"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", [of_a_body, of_a_container])
def test_lines_that_are_no_text_keep_their_bytes(form: bytes, read: Callable[[list[bytes]], Sequence[Event]]) -> None:
    usual = [form % (number % 60, b"%d" % number) for number in range(80)]
    lines = [*usual, *(form % (1, odd) for odd in UNREADABLE), *usual]
    for _ in range(2):
        assert [event.raw for event in read_back(EventTables.of(read(lines)), Book())] == lines


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies() | wrapped_bodies() | nested_bodies(), filters)
def test_a_filter_finds_in_tables_what_it_finds_in_their_events(lines: list[bytes], condition: Filter) -> None:
    events = [*parsed(lines)]
    if events:
        assert found_in(frame_of_tables(parsed(lines), 1), condition) == numbers_of(events, condition)


@pytest.mark.parametrize("condition", [OneOf("is_bot", (False,)), Exists("is_bot"), Not(OneOf("is_bot", (False,)))])
def test_an_event_without_an_agent_is_no_bots(condition: Filter) -> None:
    lines = [b'{"message":"plain"}', b'{"ua":"Googlebot/2.1"}', b'{"ua":"Mozilla/5.0 Firefox"}'] * 100
    events = [*parsed(lines)]
    assert found_in(frame_of_tables(parsed(lines), 1), condition) == numbers_of(events, condition)


def found_in(frame: Frame, condition: Filter) -> list[int]:
    rows = matching_rows(frame, condition, np.arange(len(frame)), limit=None, newest_first=False)
    return sorted(frame.ids[rows].tolist())


def numbers_of(events: Sequence[Event], condition: Filter) -> list[int]:
    return [number for number, event in enumerate(events, 1) if matches(condition, event)]


def frame_of_lines(lines: list[str]) -> Frame:
    body = [line.encode() for line in lines]
    parsed(body)
    return frame_of_tables(parsed(body), 1)


@pytest.mark.parametrize(
    "line",
    [
        '{"ts":"2025-01-01T10:00:00.%03dZ","level":"warning","status":%d,"took":1.5,"msg":"x"}',
        '{"time": "2025-01-01 10:00:00.%03d+00:00", "severity": "INFO", "n": %d, "ok": true, "x": null}',
        '{"ts":1735725600.%03d,"method":"get","duration_ms":"%d","request_time":0.012}',
    ],
)
def test_lines_of_a_known_shape_are_told_by_their_columns(line: str) -> None:
    frame = frame_of_lines([line % (number, number + 200) for number in range(100, 160)])
    raw = frame.text("raw")
    assert raw is not None
    assert not raw.present.any()
