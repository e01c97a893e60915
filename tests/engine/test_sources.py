"""Who emitted an event: said of one, filtered by, and listed, all three alike."""

from hypothesis import given
from hypothesis import strategies as st

from tailsvc.events import Event
from tailsvc.filters import matches
from tailsvc.sources import BY_FIELD, emitted_by, replica_of

names = st.sampled_from([None, "", "a", "b", "a%", "\ufffd"])
events = st.builds(Event, st.just(0), st.just(b""), replica=names, src=names, container=names, attributes=st.none())


@given(events, st.sampled_from(["a", "b", "a%", "\ufffd", "c"]))
def test_a_filter_finds_what_is_said_of_an_event(event: Event, name: str) -> None:
    assert matches(emitted_by(name), event) == (replica_of(event) == name)


@given(events)
def test_one_field_tells_the_emitter_and_it_tells_its_name(event: Event) -> None:
    told = [getattr(event, field) for field, condition in BY_FIELD if matches(condition, event)]
    assert told == ([replica_of(event)] if replica_of(event) else [])


def test_nul_is_looked_for_as_events_have_it() -> None:
    assert matches(emitted_by("a\0"), Event(0, b"", replica="a\ufffd"))
