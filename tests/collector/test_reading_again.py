"""A log that breaks off anywhere and is asked for again, as often as you like, gives each line once.

Everything but the network: the kubelet's side is the cluster's of the tests, ours is the engine's.
"""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tailsvc.collect.log_lines import LogLines
from tailsvc.collect.positions import BEGINNING, Position, Sieve, read_position
from tests.cluster.containers import LONGEST_ENTRY, Instance, Line
from tests.cluster.logs import LogOptions, Reader

SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
# So far back a line's time may lie behind the one before it.
DISORDER = 200

# From one line's time to the next: equal, within the second, over its border.
steps = st.sampled_from([0, 0, 1, 1_000, 40_000_000, 400_000_000, SECOND])
contents = st.one_of(
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" ")),
    st.sampled_from([b"", b"\r", b"\xff\xfe", b"2026-11-22T10:00:00.000000000Z not its time", b"  indented"]),
    st.integers(LONGEST_ENTRY - 1, 2 * LONGEST_ENTRY + 1).map(lambda size: b"x" * size),
)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    instance, at = Instance(START), START
    for content, step, back in draw(st.lists(st.tuples(contents, steps, st.booleans()), max_size=40)):
        at += step
        # Two outputs are written side by side: a line may lie a little behind its neighbour.
        instance.write(content, at - DISORDER if back and step >= 1_000 else at)
    if instance.entries and draw(st.booleans()):
        instance.entries[-1] = instance.entries[-1]._replace(ends=False)
    return instance


class Collecting:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.position: Position = BEGINNING
        self.stored: list[Line] = []

    def read(self, upto: int | None, seed: int) -> None:
        """From the position on; broken off after so many bytes, or to the end."""
        since = (self.position.second or 0) * SECOND
        options = LogOptions("main", follow=False, previous=False, timestamps=True, since=since, tail=None, limit=upto)
        reader, pieces = Reader(self._instance, options), random.Random(seed)
        lines, sieve = LogLines(since=bool(since)), Sieve(self.position)
        while data := reader.more():
            while data:
                size = pieces.randint(1, 5_000)
                self._take(lines.feed(data[:size]), sieve)
                data = data[size:]
        if upto is None:
            self._take(lines.finish(), sieve)

    def _take(self, found: list[tuple[int, bytes]], sieve: Sieve) -> None:
        fresh = [Line(time, line) for time, line in found if sieve.is_new(time)]
        self.stored += fresh
        self.position = read_position(self.position.beyond(one.at for one in fresh).text)


@given(instances(), st.lists(st.integers(1, 100_000), max_size=6), st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_each_line_once_however_often_it_breaks(instance: Instance, breaks: list[int], seed: int) -> None:
    collecting = Collecting(instance)
    for upto in breaks:
        collecting.read(upto, seed)
    collecting.read(None, seed)
    assert collecting.stored == instance.lines()


def test_a_line_that_began_before_the_second_that_is_asked_for() -> None:
    """It is stored; its rest comes first, and without a time."""
    instance = Instance(START)
    instance.write(b"x" * (LONGEST_ENTRY + 10), START + SECOND - 1)
    for nth in range(100):
        instance.write(b"%d" % nth, START + SECOND + nth)
    collecting = Collecting(instance)
    collecting.read(LONGEST_ENTRY + 5_000, seed=1)
    assert collecting.position.second == START // SECOND + 1
    collecting.read(None, seed=2)
    assert collecting.stored == instance.lines()


def test_what_was_rotated_away_is_not_missed() -> None:
    instance = Instance(START)
    for nth in range(200):
        instance.write(b"%d" % nth, START + nth // 3)
    collecting = Collecting(instance)
    collecting.read(4_000, seed=1)
    instance.first = len(collecting.stored) - 7
    collecting.read(None, seed=1)
    assert collecting.stored == instance.lines()
