"""Lines as other systems write them are told by their columns, come back byte for byte, and are found by any piece."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc.event_tables import EventTables
from tailsvc.events import searchable
from tailsvc.filters import Contains, matches
from tailsvc.folding import upper
from tailsvc.parsing import BodyKind, parse_body
from tailsvc.segments.encode import PARTS
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.gathering import frame_of_tables
from tailsvc.segments.making import make_segment, merge
from tailsvc.segments.probing import probe_of
from tailsvc.segments.reader import Segment
from tailsvc.segments.text_filter import bits_of

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z
COUNT = 96
LINES: dict[str, Callable[[int], str]] = {
    "python logging": lambda n: f"2025-01-01 10:00:{n % 60:02},{n * 7 % 1000:03} - app.db - ERROR - query {n} was slow",
    "log4j": lambda n: f"2025-01-01T10:00:{n % 60:02},{n:03} WARN [main] c.e.App - request {n} was slow",
    ".NET": lambda n: f'{{"@t":"2025-01-01T10:00:{n % 60:02}.{n * 7919 % 10**7:07}Z","@mt":"Handled {{Id}}","Id":{n}}}',
    "Go": lambda n: (
        f'{{"time":"2025-01-01T10:00:{n % 60:02}.{n * 7919 % 10**9:09}+01:00","level":"info","msg":"x {n}"}}'
    ),
    "PHP": lambda n: f'{{"message":"GET \\/api\\/orders\\/{n}","level":"info","at":"caf\\u00e9"}}',
    "Go's HTML": lambda n: (
        f'{{"time":"2025-01-01T10:00:{n % 60:02}Z","msg":"\\u003cb\\u003e {n} \\u0026 more","level":"info"}}'
    ),
    "ASCII": lambda n: f'{{"msg":"\\u6ce8\\u6587 {n}","level":"info","user":"\\ud83d\\ude00{n % 7}"}}',
    "nested": lambda n: (
        f'{{"ts":"2025-01-01T10:00:{n % 60:02}Z","user":{{"id":{n},"roles":["a","b{n % 3}"]}},"msg":"x"}}'
    ),
}
# Not told: what is left of an object that fields were taken out of is not in the line.
KEPT: dict[str, Callable[[int], str]] = {
    "ECS": lambda n: (
        f'{{"@timestamp":"2025-01-01T10:00:{n % 60:02}.{n:03}Z","log":{{"level":"info","logger":"a.b"}},'
        f'"http":{{"request":{{"method":"GET","id":"{n * 7919:x}"}},"response":{{"status_code":{200 + n % 9}}}}},'
        f'"event":{{"duration":{n}000000}}}}'
    ),
    "Go's maps": lambda n: "{{{}}}".format(",".join([f'"a":"x {n}"', '"status":200', f'"b":{n}'][:: 1 - n % 2 * 2])),
    "a clock that is ahead": lambda n: f'{{"ts":"2025-01-0{n % 4 + 1}T10:00:00.{n:03}Z","msg":"x","n":{n}}}',
}


@pytest.mark.parametrize("name", [*LINES, *KEPT])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_they_are_told_come_back_and_are_found(name: str, data: st.DataObject) -> None:
    lines = [(LINES | KEPT)[name](number).encode() for number in range(1, COUNT + 1)]
    kind = BodyKind.NDJSON if lines[0].startswith(b"{") else BodyKind.TEXT
    events = EventTables.of(parse_body(b"\n".join(lines), kind=kind, received_at=NOW).events)
    made = make_segment(merge([frame_of_tables(events, 1)]), base=1, raw_bytes=0)
    frame = Segment(made.encoded.parts.__getitem__, parts=PARTS, base=1).frame(0)
    kept = frame.text("raw")

    assert {one.id: one.event for one in frame.events()} == dict(enumerate(events, 1))
    assert name in KEPT or kept is None or not kept.present.any()

    line = searchable(data.draw(st.sampled_from(lines)))
    start = data.draw(st.integers(0, len(line) - 1))
    needle = Contains(line[start : data.draw(st.integers(start + 1, len(line)))])
    expected = [number for number, event in enumerate(events, 1) if matches(needle, event)]
    rows = matching_rows(frame, needle, np.arange(len(frame)), limit=None, newest_first=False)
    assert sorted(frame.ids[rows].tolist()) == expected
    probe = probe_of(needle)
    assert probe is None or probe(bits_of(made.filters[0])), upper(needle.text)
