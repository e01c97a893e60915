"""Whoever names another team's stream under a team of their own finds nothing, in whatever form its events lie."""

from collections.abc import Callable

import psycopg
import pytest
from django.conf import settings
from psycopg import errors

from tailsvc.errors import TailsvcError, UnknownStream
from tailsvc.queries import Scan, Selection
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.postgres import PostgresEventStore
from tailsvc.storage.postgres.pieces import Piece, PieceGone
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, fresh_store, lines, query, settle
from tests.factories.events import NOW

pytestmark = pytest.mark.contract

READS: dict[str, Callable[[EventStore, StreamRef], object]] = {
    "scan": lambda store, stream: store.scan(stream, Scan(Selection(), 10)),
    "count": lambda store, stream: store.count(stream, Selection()),
    "histogram": lambda store, stream: store.histogram(stream, Selection(), interval=60_000_000, split=None),
    "facets": lambda store, stream: store.facets(stream, Selection(), ["path"], limit=5),
    "get": lambda store, stream: store.get(stream, 1),
    "head": lambda store, stream: store.head(stream),
}


@pytest.fixture
def theirs(postgres_store: EventStore) -> StreamRef:
    """A segment, a recent block, a row, a deletion."""
    stream = open_stream(postgres_store)
    append(lines(60), stream, postgres_store)
    settle(postgres_store, stream)
    append(lines(60), stream, postgres_store)
    append(lines(1), stream, postgres_store)
    postgres_store.delete(stream, Selection(end=NOW), now=NOW)
    return stream


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_nothing_of_it_is_answered(
    postgres_store: EventStore, theirs: StreamRef, read: Callable[[EventStore, StreamRef], object]
) -> None:
    read(postgres_store, theirs)  # what the process has in its cache must not help either
    mine = StreamRef(theirs.stream_id, theirs.team_id + 1)
    with pytest.raises(UnknownStream):
        read(postgres_store, mine)


def test_its_payloads_are_not_there(postgres_store: PostgresEventStore, theirs: StreamRef) -> None:
    mine = StreamRef(theirs.stream_id, theirs.team_id + 1)
    found = query(
        "SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken"
        " FROM log_segment WHERE stream_id = %s",
        theirs.stream_id,
    )
    assert len(found) == 2
    with fresh_store() as store:
        for piece in map(Piece._make, found):
            assert store.payloads.segment(theirs, piece).groups == [60]
        assert [index for index in store.payloads.indexes(theirs, [*map(Piece._make, found)]) if index.cells]
    with fresh_store() as store:
        for piece in map(Piece._make, found):
            with pytest.raises(PieceGone):
                store.payloads.segment(mine, piece).frames()
            assert not any(any(index) for index in store.payloads.indexes(mine, [piece]))


def test_nor_can_a_deletion_of_it_be_asked_for(postgres_store: EventStore, theirs: StreamRef) -> None:
    before = postgres_store.count(theirs, Selection())
    with pytest.raises(TailsvcError):
        postgres_store.delete(StreamRef(theirs.stream_id, theirs.team_id + 1), Selection(), now=NOW)
    assert postgres_store.count(theirs, Selection()) == before > 0


def test_what_was_never_opened_is_unknown_to_deletions_too(store: EventStore) -> None:
    with pytest.raises(UnknownStream):
        store.delete(StreamRef(999_999_999_999, 5), Selection(), now=NOW)


def test_another_team_s_stream_is_unknown_to_deletions(store: EventStore, stream: StreamRef) -> None:
    with pytest.raises(UnknownStream):
        store.delete(stream._replace(team_id=stream.team_id + 1), Selection(), now=NOW)


@pytest.mark.parametrize("table", ["log_segment", "log_recent", "log_segment_part", "log_segment_index"])
def test_who_appends_cannot_read_pieces(database: None, table: str) -> None:
    with psycopg.connect(settings.ROLE_URLS["appender"]) as appender, pytest.raises(errors.InsufficientPrivilege):
        appender.execute(f"SELECT stream_id FROM {table} LIMIT 1".encode())
