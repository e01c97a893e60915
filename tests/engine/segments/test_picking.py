"""Rows of many frames, read together, are the events that each frame has."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailsvc.events import Event
from tailsvc.segments.frame import Frame
from tailsvc.segments.picking import events_of
from tests.engine.segments.test_segments import frames_of, written
from tests.factories.events import NOW, any_events

batches = st.lists(st.lists(any_events, min_size=1, max_size=12), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches, st.data())
def test_rows_of_many_frames_are_the_events_of_each(found: list[list[Event]], data: st.DataObject) -> None:
    frames = [
        data.draw(st.sampled_from([frame, *written(frame, thorough=False).frames()])) for frame in frames_of(found)
    ]
    parts = [(frame, rows_of(frame, data)) for frame in frames]
    assert events_of(parts) == [event for frame, rows in parts for event in frame.events(rows)]


def test_an_attribute_may_be_a_text_here_and_a_number_there() -> None:
    batches = [[Event(NOW, b"a", attributes={"n": value})] for value in (1, "one", 1.5, 2, [1], True)]
    parts = [(frame, np.arange(1)) for frame in frames_of(batches)]
    assert [one.event.attributes for one in events_of(parts)] == [batch[0].attributes for batch in batches]


def rows_of(frame: Frame, data: st.DataObject) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.array(data.draw(st.lists(st.integers(0, len(frame) - 1), unique=True)), np.intp)
