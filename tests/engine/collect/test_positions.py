"""Whatever was stored of a log, reading it again from its position finds the rest, and nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from tailsvc.collect.positions import BEGINNING, Position, Sieve, read_position

SECOND = 1_000_000_000


@st.composite
def logs(draw: st.DrawFn) -> list[int]:
    """Times of lines: many are equal, some are a little out of order."""
    time, found = 5 * SECOND, []
    for step in draw(st.lists(st.sampled_from([0, 0, 1, 300, SECOND // 3]), max_size=150)):
        time += step
        found.append(time - draw(st.sampled_from([0, 0, 0, 200])))
    return found


@given(logs(), st.data())
def test_what_is_read_again_is_known(times: list[int], data: st.DataObject) -> None:
    position, stored = BEGINNING, 0
    while stored < len(times):
        until = data.draw(st.integers(stored + 1, len(times)))
        position = read_position(position.beyond(times[stored:until]).text)
        stored = until
        rotated = data.draw(st.integers(0, stored))
        if set(times[:rotated]) & set(times[stored:]):
            rotated = (
                0  # a file that ends between two lines of the same nanosecond cannot be told from one that does not
            )
        since = (position.second or 0) * SECOND
        sieve = Sieve(position)
        kept = [(nth, time) for nth, time in enumerate(times) if nth >= rotated and time >= since]
        assert [nth for nth, time in kept if sieve.is_new(time)] == [nth for nth, _ in kept if nth >= stored]


def test_a_line_may_lie_behind_the_very_first() -> None:
    """As anywhere: two outputs are written side by side from the beginning."""
    first = 5 * SECOND + 300
    sieve = Sieve(BEGINNING.beyond([first]))
    assert [sieve.is_new(time) for time in (first, first - 200, first, first - 200)] == [False, True, True, True]


@given(st.dictionaries(st.integers(0, 2**62), st.integers(1, 1_000_000), max_size=64))
def test_its_text_says_it_all(newest: dict[int, int]) -> None:
    assert read_position(Position(newest).text) == Position(newest)


def test_it_stays_small() -> None:
    position = BEGINNING
    for time in range(0, 5_000 * SECOND, SECOND):
        position = position.beyond([time])
    assert len(position.text) < 1_500
