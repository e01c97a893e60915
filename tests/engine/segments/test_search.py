"""Needles that reach over several parts of a line, in rows that are read a group at a time or several together."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc.events import Event, searchable
from tailsvc.filters import Contains, Filter
from tailsvc.filters.matching import matches
from tailsvc.folding import upper
from tailsvc.segments import encode as encoding
from tailsvc.segments import search
from tailsvc.segments.columns import distinct_numbers
from tailsvc.segments.encode import encode
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.frame import frame_of, sorted_by_time
from tailsvc.segments.learning import Book, with_templates
from tailsvc.segments.reader import Segment
from tailsvc.segments.search import rows_containing
from tests.factories.events import NOW, any_events, filters, formed_events

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def segment_of(events: list[Event], group: int = encoding.GROUP_EVENTS) -> Segment:
    frame = with_templates(sorted_by_time(frame_of(events, 1)), Book())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "GROUP_EVENTS", group)
        encoded = encode(frame, base=1, raw_bytes=0, thorough=True)
    return Segment(encoded.parts.__getitem__, parts=len(encoded.parts), base=1)


def found_in(segment: Segment, groups: range, condition: Filter) -> list[int]:
    frame = segment.frame(*groups)
    rows = matching_rows(frame, condition, np.arange(len(frame)), limit=None, newest_first=False)
    found: list[int] = sorted(frame.ids[rows].tolist())
    return found


def requests(count: int) -> list[Event]:
    """Lines as servers write them: everything but blanks and quotes is a field."""
    return [
        Event(
            NOW + number,
            f'10.0.0.{number % 9} - - "GET /p/{number % 7} HTTP/1.1" {200 + number % 3} {number}'.encode(),
            ip=f"10.0.0.{number % 9}",
            method="GET",
            path=f"/p/{number % 7}",
            status=200 + number % 3,
            attributes={"bytes": number, "protocol": "HTTP/1.1"},
        )
        for number in range(count)
    ]


@quick
@given(st.lists(formed_events, min_size=12, max_size=60), st.integers(1, 30), st.data())
def test_a_piece_of_a_line_is_found_in_whatever_case(events: list[Event], group: int, data: st.DataObject) -> None:
    line = searchable(data.draw(st.sampled_from(events)).raw)
    start = data.draw(st.integers(0, len(line) - 1))
    piece = line[start : data.draw(st.integers(start + 1, len(line)))]
    needle = Contains(data.draw(st.sampled_from([piece, piece.swapcase(), upper(piece)])))
    segment = segment_of(events, group)

    expected = [number for number, event in enumerate(events, 1) if matches(needle, event)]
    assert found_in(segment, range(len(segment.groups)), needle) == expected


@quick
@given(st.lists(any_events, min_size=1, max_size=60), st.lists(filters, min_size=1, max_size=6), st.integers(1, 20))
def test_groups_read_together_answer_as_each_does(events: list[Event], conditions: list[Filter], group: int) -> None:
    segment = segment_of(events, group)
    groups = range(len(segment.groups))
    for condition in conditions:
        apart = [number for one in groups for number in found_in(segment, range(one, one + 1), condition)]
        assert found_in(segment, groups, condition) == sorted(apart)
    together, apart_events = segment.frame(*groups), [one for frame in segment.frames() for one in frame.events()]
    assert together.events() == apart_events


@pytest.mark.parametrize(
    "needle", ['"get /p/3 http', "10.0.0.4 - -", 'http/1.1" 201 ', '/1.1" 200 2', "ET /p/1 H", "- - ", ".8 -", "/p/55 "]
)
def test_a_needle_over_fields_needs_no_line_put_together(needle: str) -> None:
    events = requests(2_000)
    found = rows_containing(segment_of(events).frame(0), upper(needle))
    assert found.possible.tolist() == [matches(Contains(needle), event) for event in events]
    assert found.sure.tolist() == found.possible.tolist()


def test_a_needle_that_may_lie_in_too_many_ways_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    line = 'a  "  "'.ljust(400)
    events = [Event(NOW, f'{"x" * number} - "{line}" {number}'.encode(), path="x" * number, message=line)
              for number in range(1, 40)]  # fmt: skip
    for most in (search._MOST_WAYS, 1):
        monkeypatch.setattr(search, "_MOST_WAYS", most)
        for needle in (" " * 300, f'x - "{line}" 3', "  " * 200, f'{line}" 1'):
            expected = [number for number, event in enumerate(events, 1) if matches(Contains(needle), event)]
            assert found_in(segment_of(events), range(1), Contains(needle)) == expected


def test_a_value_that_is_absent_or_empty_prints_as_nothing() -> None:
    events = [
        Event(NOW + number, f"level={level} path={path} end".encode(), level=level or None, path=path)
        for number, (level, path) in enumerate([("info", "/a"), ("", "/a"), ("info", ""), ("", "")] * 20)
    ]
    for needle in ("level= path", "path= end", "= path= e", "level=info path=/a", "level= path= end"):
        expected = [number for number, event in enumerate(events, 1) if matches(Contains(needle), event)]
        assert found_in(segment_of(events), range(1), Contains(needle)) == expected
        assert expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 300), max_size=30))
def test_numbers_are_told_apart_as_by_sorting(numbers: list[int]) -> None:
    distinct, codes = distinct_numbers(np.array(numbers, np.int64))
    assert distinct.tolist() == sorted(set(numbers))
    assert distinct[codes].tolist() == numbers
