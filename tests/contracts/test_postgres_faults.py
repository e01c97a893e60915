"""Postgres goes away: what the store says, and that it says nothing untrue."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings

from tailsvc.errors import InvalidInput, OutcomeUnknown, StorageUnavailable, StorageUnreachable
from tailsvc.events import Event, Rejection
from tailsvc.queries import Direction, Scan, Selection
from tailsvc.retention import Policy, sweep
from tailsvc.storage.base import Appended, Batch, EventStore, Replayed, RetryKey, StreamRef
from tailsvc.storage.postgres import Pools, PostgresEventStore
from tailsvc.storage.postgres import pools as pools_module
from tailsvc.storage.postgres.lost_commits import CommitLost, committed
from tests.contracts.conftest import open_stream
from tests.servers import RunningServer, reachable_folder, start_postgres

pytestmark = pytest.mark.contract
NOW = 1_767_225_600_000_000
STREAM = StreamRef(1, 1)
KEY = RetryKey("k", b"hash", b"answer")
BATCH = Batch([Event(NOW, b"x")])

# Every method of the protocol: a new one must be added here.
CALLS: dict[str, Callable[[EventStore], object]] = {
    "open": lambda store: store.open(STREAM),
    "append": lambda store: store.append(STREAM, [BATCH], now=NOW),
    "replay": lambda store: store.replay(STREAM, KEY),
    "head": lambda store: store.head(STREAM),
    "heads": lambda store: store.heads([STREAM]),
    "scan": lambda store: store.scan(STREAM, Scan(Selection(), 1)),
    "count": lambda store: store.count(STREAM, Selection()),
    "get": lambda store: store.get(STREAM, 1),
    "stretch": lambda store: store.stretch(STREAM, 0, most=1),
    "first_since": lambda store: store.first_since(STREAM, NOW),
    "tips": lambda store: store.tips([STREAM]),
    "rejections": lambda store: store.rejections(STREAM, limit=1),
    "drop_before": lambda store: store.drop_before(STREAM, NOW, limit=1),
    "histogram": lambda store: store.histogram(STREAM, Selection(), interval=1, split=None),
    "facets": lambda store: store.facets(STREAM, Selection(), ["path"], limit=1),
    "delete": lambda store: store.delete(STREAM, Selection(), now=NOW),
    "compact": lambda store: store.compact(STREAM, now=NOW),
    "erase": lambda store: store.erase(STREAM),
    "waiting": lambda store: store.waiting(now=NOW),
    "check": lambda store: store.check(STREAM),
    "sizes": lambda store: store.sizes([STREAM]),
    "tidy": lambda store: store.tidy(),
    "bytes_on_disk": lambda store: store.bytes_on_disk(),
    "positions": lambda store: store.positions(STREAM),
    "sources": lambda store: store.sources(STREAM.team_id),
    "forget_positions": lambda store: store.forget_positions(STREAM, ["a source"]),
    "purge": lambda store: store.purge(STREAM, limit=1),
    "forget_before": lambda store: store.forget_before(STREAM, keys=0, rejections=0),
}


def test_the_list_of_calls_is_complete() -> None:
    assert set(CALLS) == {name for name in vars(EventStore) if not name.startswith("_")}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_without_a_database_every_method_says_so(
    call: Callable[[EventStore], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools_module, "_CHECKOUT_SECONDS", 0.1)
    nowhere = "postgresql://x:x@127.0.0.1:1/x"
    store = PostgresEventStore(Pools(reader=nowhere, appender=nowhere, maintenance=nowhere, size=1), cache_bytes=0)
    with pytest.raises(StorageUnreachable):
        call(store)
    store.close()


def test_retention_asks_a_database_that_is_away_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of streams each would wait for its connection."""
    monkeypatch.setattr(pools_module, "_CHECKOUT_SECONDS", 0.1)
    nowhere = "postgresql://x:x@127.0.0.1:1/x"
    store = PostgresEventStore(Pools(reader=nowhere, appender=nowhere, maintenance=nowhere, size=1), cache_bytes=0)
    policies = iter([Policy(StreamRef(nth, 1), timedelta(hours=1)) for nth in range(3)])
    with pytest.raises(StorageUnreachable):
        sweep(store, policies, now=NOW)
    assert len(list(policies)) == 2
    store.close()


class Proxy:
    """Stands between the store and Postgres, and hangs up at a word."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.hang_up_at: bytes | None = None
        self.pass_it_on = True
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def close(self) -> None:
        for one in self._sockets:
            _hang_up(one)
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def _run(self, work: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._address)
            self._sockets += [client, server]
            self._run(self._to_server, client, server)
            self._run(self._to_client, server, client)

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        while chunk := _receive(client):
            if self.hang_up_at is not None and self.hang_up_at in chunk:
                self.hang_up_at = None
                _hang_up(client)  # the answer will reach nobody
                if not self.pass_it_on:
                    break
            if not _send(server, chunk):
                break
        _hang_up(server)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        while chunk := _receive(server):
            if not _send(client, chunk):
                break
        _hang_up(client)


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):  # it may have gone first
        one.shutdown(socket.SHUT_RDWR)


def _send(target: socket.socket, chunk: bytes) -> bool:
    try:
        target.sendall(chunk)
    except OSError:
        return False
    return True


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""


@contextmanager
def through_proxy() -> Iterator[tuple[Proxy, EventStore]]:
    parts = urlsplit(settings.ROLE_URLS["appender"])
    assert parts.hostname is not None
    proxy = Proxy((parts.hostname, parts.port or 5432))
    place = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}"
    urls = settings.ROLE_URLS | {"appender": urlunsplit(parts._replace(netloc=place))}
    store = PostgresEventStore(Pools(**urls, size=2), cache_bytes=0)
    try:
        yield proxy, store
    finally:
        store.close()
        proxy.close()


def lines(store: EventStore, stream: StreamRef) -> list[bytes]:
    page = store.scan(stream, Scan(Selection(), 1000, Direction.OLDEST_FIRST))
    return [stored.event.raw for stored in page.events]


# A keyed batch, one with rejections, one that is a block: all of them are transactions with a COMMIT of their own.
TRANSACTIONS = [
    Batch([Event(NOW, b"x")], key=KEY),
    Batch([Event(NOW, b"x")], [Rejection(1, "bad", b"")]),
    Batch([Event(NOW, b"x")] * 100),
]


@pytest.mark.parametrize("batch", TRANSACTIONS)
def test_a_commit_whose_answer_was_lost_is_asked_for_and_acknowledged(postgres_store: EventStore, batch: Batch) -> None:
    stream = open_stream(postgres_store)
    with through_proxy() as (proxy, store):
        proxy.hang_up_at = b"COMMIT"
        assert store.append(stream, [batch], now=NOW) == [Appended(1)]
    assert lines(postgres_store, stream) == [b"x"] * len(batch.events)


@pytest.mark.parametrize("batch", TRANSACTIONS)
def test_a_commit_that_never_arrived_is_not_acknowledged(postgres_store: EventStore, batch: Batch) -> None:
    stream = open_stream(postgres_store)
    with through_proxy() as (proxy, store):
        proxy.hang_up_at, proxy.pass_it_on = b"COMMIT", False
        with pytest.raises(StorageUnavailable) as caught:
            store.append(stream, [batch], now=NOW)
        assert not isinstance(caught.value, OutcomeUnknown)
        assert lines(postgres_store, stream) == []
        # And nothing stands in the way of another try.
        assert store.append(stream, [batch], now=NOW) == [Appended(1)]


def test_a_single_statement_whose_answer_was_lost_is_not_acknowledged(postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    with through_proxy() as (proxy, store):
        store.append(stream, [BATCH], now=NOW)
        proxy.hang_up_at = b"append_1_rows"
        with pytest.raises(OutcomeUnknown):
            store.append(stream, [BATCH], now=NOW)
    assert lines(postgres_store, stream) in ([b"x", b"x"], [b"x"])


def test_a_text_that_postgres_has_no_place_for_is_refused_and_never_cut(postgres_store: EventStore) -> None:
    """No parser makes one; sent as a text it would end at its NUL."""
    stream = open_stream(postgres_store)
    with pytest.raises(InvalidInput):
        postgres_store.append(stream, [Batch([Event(NOW, b"x", path="/a\x00b")])], now=NOW)
    assert lines(postgres_store, stream) == []


def test_a_replay_in_a_flush_whose_commit_was_lost_keeps_its_answer(postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [Batch([Event(NOW, b"a")], key=KEY)], now=NOW)
    with through_proxy() as (proxy, store):
        proxy.hang_up_at = b"COMMIT"
        again = Batch([Event(NOW, b"a")], key=RetryKey("k", b"hash", b"a later answer"))
        fresh = Batch([Event(NOW, b"b")], key=RetryKey("other", b"hash", b"other"))
        assert store.append(stream, [again, fresh], now=NOW) == [Replayed(b"answer"), Appended(2)]
    assert lines(postgres_store, stream) == [b"a", b"b"]


# After a crash the server gives the numbers of transactions that it lost to others.


@pytest.fixture
def pools(database: None) -> Iterator[Pools]:
    found = Pools(**settings.ROLE_URLS, size=2)
    yield found
    found.close()


def number_of_another(pools: Pools) -> str:
    """Of a transaction that committed, and has nothing to do with ours."""
    with pools.appender() as connection, connection.transaction():
        row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
        assert row is not None
        return str(row[0])


def test_another_s_commit_under_a_lost_number_is_not_ours(pools: Pools, postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [BATCH], now=NOW)
    lost = CommitLost(number_of_another(pools), flush=1, before=1, outcomes=[Appended(2)])
    assert committed(pools, stream, lost) is False


def test_where_others_took_ids_since_it_cannot_be_told(pools: Pools, postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    postgres_store.append(stream, [BATCH, BATCH], now=NOW)
    lost = CommitLost(number_of_another(pools), flush=1, before=1, outcomes=[Appended(2)])
    with pytest.raises(OutcomeUnknown):
        committed(pools, stream, lost)


def test_a_number_that_was_never_given_out_did_not_commit(pools: Pools, postgres_store: EventStore) -> None:
    stream = open_stream(postgres_store)
    future = str(int(number_of_another(pools)) + 1_000_000_000)
    assert committed(pools, stream, CommitLost(future, flush=1, before=0, outcomes=[])) is False


def test_a_crashed_server_does_give_the_number_of_a_lost_transaction_to_another() -> None:
    """Why the number alone is not believed. If this fails one day, the mark on the head may go."""
    with reachable_folder() as folder:
        server = start_postgres(folder / "postgres", fsync=True)
        number = crash_inside_a_transaction(server)
        server = start_postgres(folder / "postgres", fsync=True)
        with psycopg.connect(server.url, autocommit=True) as connection:
            reused = None
            while reused is None or reused < number:
                row = connection.execute("INSERT INTO t VALUES (1) RETURNING pg_current_xact_id()::text").fetchone()
                assert row is not None
                reused = int(row[0])
            row = connection.execute("SELECT pg_xact_status(%s::xid8)", [str(number)]).fetchone()
            assert (reused, row) == (number, ("committed",))
        server.stop()


def crash_inside_a_transaction(server: RunningServer) -> int:
    connection = psycopg.connect(server.url, autocommit=True)
    connection.execute("CREATE TABLE t (a int)")
    connection.execute("BEGIN")
    row = connection.execute("INSERT INTO t VALUES (1) RETURNING pg_current_xact_id()::text").fetchone()
    assert row is not None
    server.kill()
    connection.close()
    return int(row[0])
