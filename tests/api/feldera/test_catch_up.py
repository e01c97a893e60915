"""Which lines are shown first: as Feldera's buffer would have kept them, whatever was appended and in which pieces."""

from collections import deque
from dataclasses import dataclass, field
from unittest.mock import patch
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from apps.feldera import catch_up
from apps.feldera.catch_up import CatchUp, LogsCursor
from tailsvc.events import Event
from tailsvc.storage.base import Batch, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tests.factories.events import NOW

STREAM = StreamRef(1, 1)
MOST_LINES, MOST_BYTES = 7, 40


@dataclass(slots=True)
class Buffer:
    """Feldera's: the oldest lines go until the new one fits; one that never fits takes all of them along."""

    lines: deque[bytes] = field(default_factory=deque)
    discarded: int = 0

    def append(self, line: bytes) -> None:
        self.lines.append(line)
        while sum(map(len, self.lines)) > MOST_BYTES or len(self.lines) > MOST_LINES:
            self.lines.popleft()
            self.discarded += 1


def shown(store: MemoryEventStore, cursor: LogsCursor | None = None, tail: int | None = None) -> CatchUp:
    with patch.multiple(catch_up, MOST_LINES=MOST_LINES, MOST_BYTES=MOST_BYTES):
        return catch_up.catch_up(store, STREAM, edge=0, cursor=cursor, tail=tail)


def store_of(lines: list[bytes]) -> MemoryEventStore:
    store = MemoryEventStore()
    store.open(STREAM)
    store.append(STREAM, [Batch([Event(NOW, line) for line in lines])], now=NOW)
    return store


LINES = st.lists(st.integers(0, 45).map(lambda size: b"x" * size) | st.just(b""), max_size=30)
MESSAGES = st.lists(st.lists(st.sampled_from([b"", b"a", b"bcd"]), min_size=1, max_size=4), max_size=8)


@given(LINES)
def test_the_same_lines_are_kept_as_in_feldera_s_buffer(lines: list[bytes]) -> None:
    buffer = Buffer()
    for line in lines:
        buffer.append(line)
    found = shown(store_of(lines))
    assert found.text == b"".join(line + b"\n" for line in buffer.lines)
    assert found.seq == buffer.discarded


@given(MESSAGES, st.integers(0, 40), st.none() | st.integers(0, 10))
def test_a_cursor_or_a_tail_shows_the_end_of_what_is_shown_without(
    messages: list[list[bytes]], seq: int, tail: int | None
) -> None:
    store = store_of([b"\n".join(lines) for lines in messages])
    whole = shown(store)
    ends = [0, *(at + 1 for at, byte in enumerate(whole.text) if byte == 10)]
    total = whole.seq + len(ends) - 1
    assert total == sum(map(len, messages))
    found = shown(store, LogsCursor(whole.epoch, seq), tail)
    assert whole.text.endswith(found.text)
    count = found.text.count(b"\n")
    assert count == min(max(0, total - seq), len(ends) - 1 if tail is None else min(tail, len(ends) - 1))
    assert (found.seq, found.gap) == (total - count, max(0, total - count - seq))
    assert shown(store, LogsCursor(uuid4(), seq)) == CatchUp(
        whole.epoch, whole.last_id, whole.seq, whole.seq, whole.text
    )
