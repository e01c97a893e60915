"""Upkeep loses its session at each of its statements: a step is done or not, and what is left can be done later."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tailsvc.errors import StorageUnavailable
from tailsvc.events import Event
from tailsvc.filters import Like
from tailsvc.queries import Selection
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres import compaction
from tailsvc.storage.postgres import pools as pools_module
from tailsvc.storage.postgres.pools import Connection
from tests.contracts.conftest import open_stream
from tests.contracts.pieces import append, contents, fresh_store, lines, query
from tests.factories.events import NOW

pytestmark = pytest.mark.contract
HOUR = 3_600_000_000
IDLE, INTRANS = TransactionStatus.IDLE, TransactionStatus.INTRANS
_MORE_THAN_ANY = 300
TABLES = ("log_event", "log_segment", "log_recent", "log_segment_part", "log_segment_index", "log_deletion",
          "log_upkeep", "log_stream_head")  # fmt: skip


def compact(store: EventStore, stream: StreamRef) -> None:
    while store.compact(stream, now=NOW, force=True):
        pass


def erase(store: EventStore, stream: StreamRef) -> None:
    while store.erase(stream):
        pass


def retain(store: EventStore, stream: StreamRef) -> None:
    while store.drop_before(stream, NOW + 40_000, limit=20):
        pass


def purge(store: EventStore, stream: StreamRef) -> None:
    while not store.purge(stream, limit=20):
        pass


class Killer:
    """Ends the session before its `nth` statement reaches the server, or before the answer to its `nth` COMMIT comes.

    (For any other statement it is all the same whether it was carried out.)
    """

    def __init__(self, nth: int, *, commits: bool) -> None:
        self._left = nth
        self._commits = commits
        self.has_killed = False

    def watch(self, connection: Connection) -> None:
        wait = connection.wait

        def counted(work: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._commits:
                self._count(connection)
            before = connection.info.transaction_status
            answer = wait(work, *args, **kwargs)
            if self._commits and before == INTRANS and connection.info.transaction_status == IDLE:
                self._count(connection)
            return answer

        connection.wait = counted  # type: ignore[method-assign]

    def _count(self, connection: Connection) -> None:
        self._left -= 1
        if self._left == 0:
            self.has_killed = True
            query("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
            if self._commits:
                connection.pgconn.finish()
                raise psycopg.OperationalError("the answer was lost")


@contextmanager
def killing(patch: pytest.MonkeyPatch, nth: int, *, commits: bool) -> Iterator[tuple[EventStore, Killer]]:
    """A store whose sessions are so killed."""
    killer = Killer(nth, commits=commits)
    configure = pools_module._configure

    def configured(connection: Connection) -> None:
        configure(connection)
        killer.watch(connection)

    with patch.context() as inner:
        inner.setattr(pools_module, "_configure", configured)
        with fresh_store() as store:
            yield store, killer


def something_of_each_kind(memory: EventStore, postgres: EventStore) -> StreamRef:
    """Small segments to merge, late events, recent blocks, rows, and a deletion."""
    stream = open_stream(memory, postgres)
    for nth in range(2):
        append(lines(50, start=NOW + nth * 10_000), stream, memory, postgres)
        compact(postgres, stream)
    append([*lines(50, start=NOW + 60_000), Event(NOW - 5 * HOUR, b"late")], stream, memory, postgres)
    append(lines(7, start=NOW + 38_000), stream, memory, postgres)
    append(lines(50, start=NOW + 130_000), stream, memory, postgres)
    for store in (memory, postgres):
        store.delete(stream, Selection(NOW + 10_000, NOW + 45_000, Like("path", "/line/3")), now=NOW)
    return stream


@pytest.mark.parametrize("commits", [False, True], ids=["statement", "commit"])
@pytest.mark.parametrize("work", [compact, erase, retain, purge])
def test_killed_at_each_statement(
    postgres_store: EventStore,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[EventStore, StreamRef], None],
    *,
    commits: bool,
) -> None:
    monkeypatch.setattr(compaction, "_MOST_SMALL", 3)
    memory = MemoryEventStore()
    for nth in range(1, _MORE_THAN_ANY):
        stream = something_of_each_kind(memory, postgres_store)
        before = contents(memory, stream)
        work(memory, stream)
        with killing(monkeypatch, nth, commits=commits) as (store, killer):
            try:
                work(store, stream)
            except StorageUnavailable:
                assert killer.has_killed
        if work is purge:
            purge(postgres_store, stream)
            assert left_of(stream) == []
        else:
            assert contents(postgres_store, stream) in (before, contents(memory, stream))
            assert postgres_store.check(stream) == []
            work(postgres_store, stream)
            assert contents(postgres_store, stream) == contents(memory, stream)
            assert postgres_store.check(stream) == []
        if not killer.has_killed:
            assert nth > (1 if commits else 10)
            return
    pytest.fail("it does not end")


def left_of(stream: StreamRef) -> Sequence[str]:
    return [table for table in TABLES if query(f"SELECT 1 FROM {table} WHERE stream_id = %s", stream.stream_id)]
