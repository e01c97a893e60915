"""Connections: a pool for each log-in, and the one place where the driver's errors become ours."""

import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from tailsvc import limits
from tailsvc.deadlines import TOO_LONG
from tailsvc.errors import InvalidInput, StorageUnavailable, StorageUnreachable

_READER_OPTIONS = f"-c statement_timeout={limits.READ_SECONDS:.0f}s"
# A lock that is held longer belongs to something broken.
_APPENDER_OPTIONS = "-c statement_timeout=60s -c lock_timeout=5s -c synchronous_commit=on"
_MAINTENANCE_OPTIONS = "-c statement_timeout=120s -c lock_timeout=5s"
_CHECKOUT_SECONDS = 5.0


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """`prepared`: the statements that `direct` has prepared on it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.prepared: set[bytes] = set()


class Pools:
    """Opens nothing until it is needed: a process that never appends holds no appender's connection."""

    def __init__(self, *, reader: str, appender: str, maintenance: str, size: int) -> None:
        self._reader = _pool(reader, _READER_OPTIONS, size)
        self._appender = _pool(appender, _APPENDER_OPTIONS, size)
        self._maintenance = _pool(maintenance, _MAINTENANCE_OPTIONS, 2)

    @contextmanager
    def reader(self, team_id: int) -> Iterator[Connection]:
        """A transaction that sees one moment, and in which Postgres shows the team's rows only."""
        with _checkout(self._reader) as connection:
            # A literal: set_config() would not reach the shards of a distributed database. Both in one round trip,
            # which leaves them unprepared; prepared they would be another statement for each team.
            begin = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL app.team = '{int(team_id)}'"
            connection.execute(begin.encode(), prepare=False)
            try:
                yield connection
            finally:
                if not connection.broken:
                    connection.execute(b"ROLLBACK")  # it only read

    def appender(self) -> AbstractContextManager[Connection]:
        """In autocommit mode."""
        return _checkout(self._appender)

    def maintenance(self) -> AbstractContextManager[Connection]:
        """In autocommit mode; sees every team."""
        return _checkout(self._maintenance)

    def close(self) -> None:
        for pool in (self._reader, self._appender, self._maintenance):
            pool.close()


def _pool(url: str, options: str, size: int) -> ConnectionPool[Connection]:
    return ConnectionPool(
        url,
        connection_class=Connection,
        kwargs={"autocommit": True, "options": options, "connect_timeout": 5},
        configure=_configure,
        min_size=0,
        max_size=size,
        max_idle=300,
        timeout=_CHECKOUT_SECONDS,
        open=False,
    )


def _is_ended(connection: Connection) -> bool:
    """An idle connection whose socket has something to read was ended by the server: no round trip is needed to know.

    Found here, a restart of Postgres costs nobody an answer; found in the middle of an append it would.
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN | select.POLLHUP)
    return bool(poller.poll(0))


def _take(pool: ConnectionPool[Connection]) -> Connection:
    """A connection that is alive. (The pool's own `check` pauses for seconds after each one that is not.)"""
    while True:
        connection = pool.getconn()
        if not _is_ended(connection):
            return connection
        connection.close()
        pool.putconn(connection)  # which replaces it


def _configure(connection: Connection) -> None:
    connection.prepare_threshold = 1  # the store's statements are few and always the same
    connection.prepared_max = 200
    set_json_dumps(orjson.dumps, connection)
    set_json_loads(orjson.loads, connection)


@contextmanager
def _checkout(pool: ConnectionPool[Connection]) -> Iterator[Connection]:
    pool.open()
    try:
        connection = _take(pool)
        try:
            yield connection
        finally:
            pool.putconn(connection)
    except PoolTimeout as error:
        raise StorageUnreachable("The database cannot be reached; try again.") from error
    except psycopg.errors.QueryCanceled as error:
        raise StorageUnavailable(TOO_LONG) from error
    except psycopg.DataError as error:
        raise InvalidInput("The database cannot store or compare this value.") from error
    except psycopg.Error as error:
        raise StorageUnavailable("The database did not answer; try again.") from error
