"""What tests of the Postgres store's pieces have in common."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings

from tailsvc.events import Event, StoredEvent
from tailsvc.queries import Direction, Page, Position, Scan, Selection
from tailsvc.storage.base import Batch, EventStore, StreamRef
from tailsvc.storage.postgres import Pools, PostgresEventStore
from tests.factories.events import NOW

Row = tuple[Any, ...]
Harm = Callable[[bytes], bytes]


@contextmanager
def fresh_store(*, cache_bytes: int = 64 << 20) -> Iterator[PostgresEventStore]:
    """As a process that has just started: with connections of its own and a cold cache."""
    store = PostgresEventStore(Pools(**settings.ROLE_URLS, size=4), cache_bytes=cache_bytes)
    try:
        yield store
    finally:
        store.close()


def query(statement: str, *params: object) -> list[Row]:
    """What maintenance may do, which is nearly everything."""
    with psycopg.connect(settings.ROLE_URLS["maintenance"], autocommit=True) as connection:
        found = connection.execute(statement.encode(), params)
        return found.fetchall() if found.description else []


def lines(count: int, *, start: int = NOW, step: int = 1_000, word: str = "line") -> list[Event]:
    return [
        Event(start + nth * step, f"{word} {nth} of {count}".encode(), level="INFO", path=f"/{word}/{nth % 7}")
        for nth in range(count)
    ]


def append(events: Sequence[Event], stream: StreamRef, *stores: EventStore) -> None:
    for store in stores:
        store.append(stream, [Batch(events)], now=NOW)


def settle(store: EventStore, stream: StreamRef) -> None:
    while store.compact(stream, now=NOW, force=True):
        pass
    while store.erase(stream):
        pass


def pages(
    store: EventStore,
    stream: StreamRef,
    selection: Selection,
    limit: int,
    direction: Direction = Direction.OLDEST_FIRST,
) -> Iterator[Page]:
    after = None
    while True:
        page = store.scan(stream, Scan(selection, limit, direction, after))
        yield page
        if not page.has_more:
            return
        after = Position(page.events[-1].event.timestamp, page.events[-1].id)


def contents(store: EventStore, stream: StreamRef) -> list[StoredEvent]:
    """All of it, the oldest first."""
    return [stored for page in pages(store, stream, Selection(), 5_000) for stored in page.events]


def catalogue(stream: StreamRef) -> list[Row]:
    """(segment_id, first_id, last_id, events, min_time, max_time, parts, broken), by ids."""
    return query(
        "SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, broken FROM log_segment"
        " WHERE stream_id = %s ORDER BY first_id, segment_id",
        stream.stream_id,
    )


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def harm(table: str, segment: int, part: int | None, change: Harm | None) -> None:
    where = f"segment_id = {segment}" + ("" if part is None else f" AND part = {part}")
    if change is None:
        query(f"DELETE FROM {table} WHERE {where}")
        return
    ((data,),) = query(f"SELECT data FROM {table} WHERE {where}")
    query(f"UPDATE {table} SET data = %s WHERE {where}", change(bytes(data)))
