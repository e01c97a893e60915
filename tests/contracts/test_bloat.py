"""A day of ingest, compaction, retention and deletions leaves the log tables hardly larger than what lives in them."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings

from tailsvc.events import Event
from tailsvc.filters import Like
from tailsvc.queries import Selection
from tailsvc.storage.base import Batch, EventStore, StreamRef
from tailsvc.storage.postgres import Pools, PostgresEventStore, compaction
from tests.environment import ROOT
from tests.factories.events import NOW
from tests.servers import reachable_folder, start_postgres

pytestmark = pytest.mark.contract
MINUTE, HOUR = 60_000_000, 3_600_000_000
STREAMS, HOURS, KEPT_HOURS = 2, 24, 12
MOST = 1.3
# What a table is allowed whatever it holds: a page or two of heap, TOAST and each index, and their maps.
PAGES = 256 * 1024


@contextmanager
def database_of_its_own() -> Iterator[tuple[str, EventStore]]:
    """Without autovacuum, which would come once an hour of this day: see `vacuum`."""
    with reachable_folder() as folder:
        server = start_postgres(folder / "postgres")
        try:
            subprocess.run([sys.executable, "manage.py", "prepare_database"], cwd=ROOT, check=True,
                           capture_output=True, env={**os.environ, "DATABASE_URL": server.url})  # fmt: skip
            store = PostgresEventStore(Pools(**urls(server.url), size=4), cache_bytes=0)
            yield server.url, store
            store.close()
        finally:
            server.stop()


def urls(owner: str) -> dict[str, str]:
    """The roles' log-ins, there."""
    place = urlsplit(owner).netloc.rpartition("@")[2]
    found = {}
    for role, url in settings.ROLE_URLS.items():
        parts = urlsplit(url)
        found[role] = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{place}"))
    return found


def sizes(url: str) -> dict[str, int]:
    with psycopg.connect(url, autocommit=True) as owner:
        rows = owner.execute(
            "SELECT relname::text, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relname LIKE 'log\\_%' AND relkind = 'r' ORDER BY 1"
        )
        return {str(table): int(size) for table, size in rows}


def compacted_sizes(url: str) -> dict[str, int]:
    """As if they had been written just now: what lives in them, and nothing else."""
    with psycopg.connect(url, autocommit=True) as owner:
        for table in sizes(url):
            owner.execute(f"VACUUM FULL {table}".encode())
    return sizes(url)


def events(chance: random.Random, count: int, now: int) -> list[Event]:
    return [
        Event(now + nth, f"{chance.randbytes(24).hex()} GET /a/{nth % 50}"
              .encode(), path=f"/a/{nth % 50}", status=200 + nth % 3)
        for nth in range(count)
    ]  # fmt: skip


def an_hour(
    owner: psycopg.Connection, store: EventStore, streams: list[StreamRef], chance: random.Random, now: int
) -> None:
    for minute in range(0, 60, 3):
        at = now + minute * MINUTE
        for stream in streams:
            for size in chance.choices([1, 5, 40, 200, 1_000], [20, 10, 5, 3, 1], k=5):
                store.append(stream, [Batch(events(chance, size, at))], now=at)
        keep_up(store, at + 10_000_000)
        vacuum(owner)
    for stream in streams:
        while store.drop_before(stream, now - KEPT_HOURS * HOUR, limit=1_000):
            pass
    if chance.random() < 0.3:
        store.delete(
            chance.choice(streams),
            Selection(now - 2 * HOUR, now - HOUR, Like("path", f"/a/{chance.randrange(50)}")),
            now=now,
        )


def vacuum(owner: psycopg.Connection) -> None:
    """What autovacuum does within these minutes."""
    owner.execute("VACUUM log_segment_part, log_segment_index, log_upkeep, log_deletion")


def keep_up(store: EventStore, now: int) -> None:
    """What the clockwork does."""
    for stream in store.waiting(now=now):
        while store.compact(stream, now=now):
            pass
        while store.erase(stream):
            pass
    store.tidy()


def test_a_day_leaves_little_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # Scaled down as the day is: the room that a merge needs until its sources are vacuumed is that of one step.
    for name, events in (("_FEWEST_MERGED", 4_000), ("_SMALL_EVENTS", 2_500), ("_MOST_SMALL", 8)):
        monkeypatch.setattr(compaction, name, events)
    chance = random.Random(7)
    with database_of_its_own() as (url, store):
        streams = [StreamRef(number, 1) for number in range(1, STREAMS + 1)]
        for stream in streams:
            store.open(stream)
        with psycopg.connect(url, autocommit=True) as owner:
            for hour in range(HOURS):
                an_hour(owner, store, streams, chance, NOW + hour * HOUR)
        assert [store.check(stream) for stream in streams] == [[]] * STREAMS
        found, live = sizes(url), compacted_sizes(url)
    report = {table: (size, live[table], round(size / live[table], 2)) for table, size in found.items()}
    assert sum(found.values()) <= MOST * sum(live.values()), report
    assert all(size <= MOST * live[table] + PAGES for table, size in found.items()), report
