"""A deletion may concern every piece of a stream: it is carried out step by step, and whatever happens in between."""

import random

import pytest

from tailsvc.filters import OneOf
from tailsvc.queries import Selection
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import PostgresEventStore, compaction, deleting
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, catalogue, contents, fresh_store, lines, query, settle
from tests.factories.events import NOW

pytestmark = pytest.mark.contract
SECOND = 1_000_000
PIECES = 5


@pytest.fixture(autouse=True)
def one_piece_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleting, "_STEP_SECONDS", 0.0)


@pytest.fixture
def memory() -> EventStore:
    return MemoryEventStore()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pieces that deletions read, in order."""
    found: list[int] = []
    reading = deleting.frames_of
    monkeypatch.setattr(deleting, "frames_of", lambda *of: found.append(of[2].segment_id) or reading(*of))
    return found


def segments(*stores: EventStore) -> StreamRef:
    stream = open_stream(*stores)
    for nth in range(PIECES):
        append(lines(200, start=NOW + nth * SECOND), stream, *stores)
        settle(stores[0], stream)
    assert len(catalogue(stream)) == PIECES
    return stream


def waiting(stream: StreamRef) -> int:
    return len(query("SELECT 1 FROM log_deletion WHERE stream_id = %s", stream.stream_id))


def test_each_piece_is_read_once_for_each_deletion(
    postgres_store: PostgresEventStore, memory: EventStore, read: list[int]
) -> None:
    stream = segments(postgres_store, memory)
    before = [piece[0] for piece in catalogue(stream)]
    for store in (postgres_store, memory):
        store.delete(stream, Selection(filter=OneOf("path", ("/line/1",))), now=NOW)
        store.delete(stream, Selection(filter=OneOf("path", ("/nowhere",))), now=NOW)
    for nth in range(1, PIECES):
        assert postgres_store.erase(stream)
        assert read == before[:nth]
        assert contents(postgres_store, stream) == contents(memory, stream)
    settle(postgres_store, stream)
    assert read == before
    assert waiting(stream) == 0
    for store in (postgres_store, memory):
        store.delete(stream, Selection(end=NOW + SECOND, filter=OneOf("path", ("/line/2",))), now=NOW)
    settle(postgres_store, stream)
    assert len(read) == PIECES + 2
    assert contents(postgres_store, stream) == contents(memory, stream)
    assert postgres_store.check(stream) == []


def test_another_process_goes_on(postgres_store: PostgresEventStore, memory: EventStore) -> None:
    stream = segments(postgres_store, memory)
    for store in (postgres_store, memory):
        store.delete(stream, Selection(filter=OneOf("path", ("/line/1",))), now=NOW)
    postgres_store.erase(stream)
    for _ in range(PIECES):
        with fresh_store() as other:
            other.erase(stream)
        postgres_store.erase(stream)
    settle(postgres_store, stream)
    assert waiting(stream) == 0
    assert contents(postgres_store, stream) == contents(memory, stream)


@pytest.mark.parametrize("seed", range(6))
def test_what_becomes_a_piece_between_two_steps_is_looked_at(
    postgres_store: PostgresEventStore, memory: EventStore, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, chance, at = segments(postgres_store, memory), random.Random(seed), NOW + PIECES * SECOND
    for name, events in (("SEGMENT_EVENTS", 500), ("_SMALL_EVENTS", 300), ("_FEWEST_MERGED", 400), ("_MOST_SMALL", 3)):
        monkeypatch.setattr(compaction, name, events)
    for _ in range(30):
        match chance.randrange(5):
            case 0:
                append(lines(chance.choice([3, 60, 500]), start=at), stream, postgres_store, memory)
                at += SECOND
            case 1:
                postgres_store.compact(stream, now=NOW, force=True)
            case 2:
                words = Selection(end=at, filter=OneOf("path", (f"/line/{chance.randrange(7)}",)))
                for store in (postgres_store, memory):
                    store.delete(stream, words, now=NOW)
            case _:
                postgres_store.erase(stream)
        assert contents(postgres_store, stream) == contents(memory, stream)
    settle(postgres_store, stream)
    assert waiting(stream) == 0
    assert contents(postgres_store, stream) == contents(memory, stream)
    assert postgres_store.check(stream) == []
