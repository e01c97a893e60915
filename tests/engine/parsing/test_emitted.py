"""Lines that come with their emitter and their time."""

from collections.abc import Iterator, Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailsvc.event_tables import EventTables
from tailsvc.events import Event
from tailsvc.parsing import EmittedLines, flat_objects, parse_emitted
from tailsvc.parsing import text as text_forms
from tailsvc.segments.learning import Book
from tailsvc.segments.reader import Segment
from tailsvc.storage.postgres.blocks import block_of

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z
LINES = [
    b'1.2.3.4 - - [01/Jan/2025:10:00:%02d +0000] "GET /a?b=%d HTTP/1.1" 200 12 "-" "curl/8.0"',
    b'ts=2025-01-01T10:00:%02dZ level=warn msg="a b" n=%d',
    b"ts=2025-01-01T10:00:%02dZ replica=mine container=other n=%d",
    b'{"time": "2025-01-01T10:00:%02dZ", "level": "info", "replica": "mine", "n": %d}',
    b'{"message": "\\u0000 %d %d"}',
    b'{"pod": %d, "n": %d}',
    b"plain %d %d",
    b"\xff\x00 %d %d",
    b"<34>Oct 11 22:14:15 host su: %d %d",
]


@pytest.fixture(autouse=True, scope="module")
def few_lines_are_read_by_their_shape() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_objects, "FEWEST_LINES", 2)
        patch.setattr(text_forms, "FEWEST_TEXTS", 1)
        yield


@st.composite
def emitted_lines(draw: st.DrawFn) -> EmittedLines:
    lines, times = [], []
    for number in range(draw(st.integers(1, 40))):
        some = st.sampled_from(LINES).map(lambda line: line % (number % 60, number))  # noqa: B023 (drawn at once)
        lines.append(draw(some | st.binary(max_size=8).filter(lambda line: b"\n" not in line)))
        times.append(NOW * 1000 + draw(st.integers(-5, 5)) * 10**9 + draw(st.sampled_from([0, 7, 1000])))
    pods = [draw(st.sampled_from(["web-1", "web-2"])) for _ in lines]
    return EmittedLines(lines, times, pods, ["app"] * len(lines))


def told(event: Event) -> object:
    return repr(event._replace(attributes=None)), orjson.dumps(event.attributes, option=orjson.OPT_SORT_KEYS)


@settings(max_examples=60, deadline=None)
@given(emitted_lines())
def test_each_line_is_read_as_it_is_by_itself_and_comes_back_from_a_block(emitted: EmittedLines) -> None:
    events = parse_emitted(emitted, NOW)
    alone = [
        event
        for row in range(len(emitted.lines))
        for event in parse_emitted(EmittedLines(*([column[row]] for column in emitted)), NOW)
    ]
    assert [*map(told, events)] == [*map(told, alone)]
    assert [event.raw for event in events] == list(emitted.lines)
    assert [event.replica for event in events] == list(emitted.replicas)
    assert [*map(told, read_back(events))] == [*map(told, events)]


def read_back(events: Sequence[Event]) -> list[Event]:
    encoded = block_of(EventTables.of(events), Book())
    stored = [one for frame in Segment(encoded.parts.__getitem__, parts=1, base=1).frames() for one in frame.events()]
    return [one.event for one in sorted(stored)]


def one(line: bytes, time: int = NOW * 1000) -> Event:
    (event,) = parse_emitted(EmittedLines([line], [time], ["web-1"], ["app"]), NOW)
    return event


def test_a_line_without_a_time_has_the_time_of_its_writing() -> None:
    assert one(b"hello", NOW * 1000 + 5_000).timestamp == NOW + 5
    assert one(b"hello", NOW * 1000 + 5_007).attributes == {"time_unix_nano": str(NOW * 1000 + 5_007)}


def test_a_time_of_its_own_wins_unless_the_other_says_more_of_it() -> None:
    line = b"ts=2025-01-01T12:00:00Z msg=x"
    assert one(line, NOW * 1000 + 250_000_000).timestamp == NOW + 250_000
    assert one(line, NOW * 1000 + 1_250_000_000).timestamp == NOW


def test_the_emitter_is_the_one_that_was_seen() -> None:
    event = one(b'{"replica": "another", "container": "another", "msg": "x"}')
    assert (event.replica, event.container, event.message) == ("web-1", "app", "x")


def test_what_is_named_like_an_emitter_and_names_none_is_an_attribute_and_keeps_lines_together() -> None:
    lines = [b'{"pod": %d, "container": true, "msg": "x"}' % number for number in range(40)]
    events = parse_emitted(EmittedLines(lines, [NOW * 1000] * 40, ["web-1"] * 40, ["app"] * 40), NOW)
    assert isinstance(events, EventTables)
    assert [len(table) for table in events.tables] == [40]
    assert [event.attributes for event in events] == [{"pod": number, "container": True} for number in range(40)]
    assert {(event.replica, event.container) for event in events} == {("web-1", "app")}


def test_empty_and_blank_lines_are_lines() -> None:
    assert [one(line).raw for line in (b"", b"  ", b"\r")] == [b"", b"  ", b"\r"]
