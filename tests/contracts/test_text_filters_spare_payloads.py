"""Searches read nearly none of the segments that cannot hold the text, and all of those that do."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import vocabulary
from benchmarks.draws import Options, draw
from benchmarks.lines import Chunk
from tailsvc.events import Event, searchable
from tailsvc.filters import Contains, Filter, Like
from tailsvc.filters.nodes import SEARCHED_FIELDS
from tailsvc.parsing.body import parse_body
from tailsvc.parsing.kinds import BodyKind
from tailsvc.queries import Scan, Selection
from tailsvc.segments import encode as encoding
from tailsvc.segments import making
from tailsvc.segments.frame import frame_of, sorted_by_time
from tailsvc.segments.learning import Book, with_templates
from tailsvc.segments.text_filter import Needle, bits_of, may_contain
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres import compaction
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, catalogue, fresh_store, settle
from tests.factories.events import NOW, any_events

pytestmark = pytest.mark.contract
SEGMENTS, SEGMENT_EVENTS, GROUP_EVENTS = 100, 256, 64


@dataclass(frozen=True)
class Searched:
    stream: StreamRef
    events: Sequence[Event]


@pytest.fixture(scope="module")
def searched(database: None) -> Iterator[Searched]:
    """As many small segments as a large stream has large ones, each of four row groups; with the benchmark's lines."""
    options = Options(SEGMENTS * SEGMENT_EVENTS, streams=1, start_ms=NOW // 1_000 - 3_600_000)
    words = vocabulary.build(options.seed)
    chunk = Chunk(draw(options, words, 0, options.events), words)
    chunk.render()
    body = "\n".join(chunk.lines[0]).encode()
    events = parse_body(body, kind=BodyKind.NDJSON, received_at=NOW).events
    with pytest.MonkeyPatch.context() as patch, fresh_store() as store:
        patch.setattr(compaction, "SEGMENT_EVENTS", SEGMENT_EVENTS)
        patch.setattr(compaction, "_SMALL_EVENTS", 0)
        for module in (encoding, making):
            patch.setattr(module, "GROUP_EVENTS", GROUP_EVENTS)
        stream = open_stream(store)
        for start in range(0, len(events), SEGMENT_EVENTS):
            append(events[start : start + SEGMENT_EVENTS], stream, store)
        settle(store, stream)
        assert len(catalogue(stream)) == SEGMENTS
        yield Searched(stream, events)


def random_uuid(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


def random_hex(chance: random.Random) -> str:
    return f"{chance.getrandbits(64):016x}"


@pytest.mark.parametrize("as_like", [False, True], ids=["q", "like"])
@pytest.mark.parametrize(("made", "most"), [(random_uuid, 0.01), (random_hex, 0.02)], ids=["uuid", "hex"])
def test_an_absent_id_reads_nearly_nothing(
    searched: Searched, made: Callable[[random.Random], str], most: float, *, as_like: bool
) -> None:
    chance = random.Random(7)
    needles = [made(chance) for _ in range(20)]
    with fresh_store() as store:
        for needle in needles:
            condition: Filter = Like("message", f"%{needle}%") if as_like else Contains(needle)
            assert list(store.scan(searched.stream, Scan(Selection(filter=condition), 100)).events) == []
            assert store.count(searched.stream, Selection(filter=condition)) == 0
        read = store.payloads.fetched / len(needles) / SEGMENTS
    assert read < most


def test_a_stored_id_reads_little_more_than_its_segment(searched: Searched) -> None:
    told = [(nth, event) for nth, event in enumerate(searched.events, 1) if b"request_id=" in event.raw]
    for nth, event in random.Random(7).sample(told, 5):
        needle = event.raw.partition(b"request_id=")[2][:36].decode()
        with fresh_store() as store:
            page = store.scan(searched.stream, Scan(Selection(filter=Contains(needle.upper())), 100))
            assert [stored.id for stored in page.events] == [nth]
            assert store.payloads.fetched <= 3 + 0.01 * SEGMENTS


def test_whatever_is_cut_from_a_line_is_found(searched: Searched) -> None:
    chance = random.Random(7)
    with fresh_store() as store:
        for nth in chance.sample(range(len(searched.events)), 400):
            event = searched.events[nth]
            needle = cut(chance, chance.choice([event.raw.decode(), *texts_of(event)]))
            selection = Selection(event.timestamp, event.timestamp, Contains(needle))
            found = [stored.id for stored in store.scan(searched.stream, Scan(selection, 1_000)).events]
            assert nth + 1 in found, needle


def texts_of(event: Event) -> list[str]:
    return [text for name in SEARCHED_FIELDS if (text := getattr(event, name))]


def cut(chance: random.Random, text: str) -> str:
    start = chance.randrange(len(text))
    return chance.choice([str.upper, str.lower, str])(text[start : start + chance.randint(1, 60)])


words = st.text(st.sampled_from("abcKXYZ0123_äßſİ€\U0001f600."), max_size=24)


def _joined(at: int, first: str, second: str, third: str, number: int, shape: int) -> Event:
    """Fields that touch each other in the line, within words."""
    line = (f"{first}{second}", f"x{number}{first} {second}ms", f"{third}-{first}{number}y{second}", first)[shape % 4]
    return Event(NOW + at, line.encode(), path=first or None, message=second or None, host=third or None,
                 service=second or None, attributes={"n": number, "w": third})  # fmt: skip


joined_events = st.builds(
    _joined, st.integers(0, 10**9), words, words, words, st.integers(0, 10**12), st.integers(0, 3)
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(any_events | joined_events, min_size=1, max_size=25), min_size=1, max_size=3),
       st.sampled_from([5, 20, 8192]))  # fmt: skip
def test_a_filter_lets_through_every_text_of_its_rows(batches: list[list[Event]], group: int) -> None:
    book, frames, first = Book(), [], 1
    for events in batches:
        frames.append(with_templates(sorted_by_time(frame_of(events, first)), book))
        first += len(events)
    frame = making.merge(frames)
    with pytest.MonkeyPatch.context() as patch:
        for module in (encoding, making):
            patch.setattr(module, "GROUP_EVENTS", group)
        filters = making.make_segment(frame, base=1, raw_bytes=0).filters
    stored = iter(frame.events())
    for filter_ in filters:
        for one in islice(stored, group):
            for text in (searchable(one.event.raw), *texts_of(one.event)):
                assert may_contain(bits_of(filter_), Needle(text)), text
    assert next(stored, None) is None
