"""PostgresEventStore: the protocol over the statements."""

from collections.abc import Sequence

from tailsvc.errors import KeyReused, UnknownStream
from tailsvc.events import StoredEvent
from tailsvc.queries import Facets, Head, Histogram, Page, Scan, Selection, Split
from tailsvc.storage.base import Batch, KeptRejection, Outcome, Progress, Replayed, RetryKey, StreamRef, StreamSize, Tip
from tailsvc.storage.postgres import checking, compaction, deleting, upkeep
from tailsvc.storage.postgres.append import append, find_keys, outcome_of_key
from tailsvc.storage.postgres.blocks import Books
from tailsvc.storage.postgres.cache import Cache
from tailsvc.storage.postgres.pieces import Payloads
from tailsvc.storage.postgres.pools import Pools
from tailsvc.storage.postgres.reads import Reads
from tailsvc.storage.postgres.statements import plain
from tailsvc.storage.stretch import Stretch

_LARGEST_ID = 2**63 - 1


class PostgresEventStore:
    """`cache_bytes`: how much of what was read is kept in memory."""

    def __init__(self, pools: Pools, *, cache_bytes: int) -> None:
        self._pools = pools
        self._books = Books()
        self._erased = deleting.Erased()
        self.payloads = Payloads(pools, Cache(cache_bytes))
        self._reads = Reads(pools, self.payloads)

    def open(self, stream: StreamRef) -> None:
        with self._pools.appender() as connection:
            connection.execute(plain("open_head"), stream._asdict())
            connection.execute(plain("open_upkeep"), stream._asdict())

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        return append(self._pools, stream, batches, now, self._books.of(stream.stream_id))

    def replay(self, stream: StreamRef, key: RetryKey) -> Replayed | KeyReused | None:
        with self._pools.appender() as connection:
            return outcome_of_key(find_keys(connection, stream, [key]), key)

    def positions(self, stream: StreamRef) -> dict[str, str]:
        with self._pools.appender() as connection:
            return dict(connection.execute(plain("positions"), {"stream_id": stream.stream_id}).fetchall())

    def sources(self, team_id: int) -> list[tuple[StreamRef, str]]:
        with self._pools.reader(team_id) as connection:
            rows = connection.execute(plain("sources"), {"team_id": team_id}).fetchall()
        return [(StreamRef(stream_id, team_id), source) for stream_id, source in rows]

    def forget_positions(self, stream: StreamRef, sources: Sequence[str]) -> None:
        with self._pools.appender() as connection:
            connection.execute(plain("forget_positions"), {"stream_id": stream.stream_id, "sources": [*sources]})

    def head(self, stream: StreamRef) -> Head:
        with self._pools.reader(stream.team_id) as connection:
            row = connection.execute(plain("head"), {"stream_id": stream.stream_id}, binary=True).fetchone()
        if row is None:
            raise UnknownStream("There is no such stream.")
        return Head(*row)

    def heads(self, streams: Sequence[StreamRef]) -> dict[int, Head]:
        if not streams:
            return {}
        with self._pools.reader(streams[0].team_id) as connection:
            ids = [stream.stream_id for stream in streams]
            rows = connection.execute(plain("heads"), {"stream_ids": ids}, binary=True).fetchall()
        return {stream_id: Head(*counters) for stream_id, *counters in rows}

    def scan(self, stream: StreamRef, scan: Scan) -> Page:
        return self._reads.scan(stream, scan)

    def count(self, stream: StreamRef, selection: Selection) -> int:
        return self._reads.count(stream, selection)

    def get(self, stream: StreamRef, event_id: int) -> StoredEvent | None:
        return self._reads.get(stream, event_id) if event_id <= _LARGEST_ID else None

    def histogram(self, stream: StreamRef, selection: Selection, *, interval: int, split: Split | None) -> Histogram:
        return self._reads.histogram(stream, selection, interval=interval, split=split)

    def facets(self, stream: StreamRef, selection: Selection, fields: Sequence[str], *, limit: int) -> Facets:
        return self._reads.facets(stream, selection, fields, limit=limit)

    def stretch(
        self, stream: StreamRef, after: int, *, most: int, upto: int | None = None, start: int | None = None
    ) -> Stretch:
        return self._reads.stretch(stream, after, most=most, upto=upto, start=start)

    def first_since(self, stream: StreamRef, start: int) -> int | None:
        return self._reads.first_since(stream, start)

    def tips(self, streams: Sequence[StreamRef]) -> dict[int, Tip]:
        with self._pools.appender() as connection:
            ids = [stream.stream_id for stream in streams]
            rows = connection.execute(plain("tips"), {"stream_ids": ids}, binary=True).fetchall()
        return {stream_id: Tip(*tip) for stream_id, *tip in rows}

    def rejections(self, stream: StreamRef, *, limit: int, before: int | None = None) -> list[KeptRejection]:
        below = _LARGEST_ID if before is None else min(before, _LARGEST_ID)
        with self._pools.reader(stream.team_id) as connection:
            params = {"stream_id": stream.stream_id, "before": below, "limit": limit}
            return [KeptRejection(*row) for row in connection.execute(plain("rejections"), params, binary=True)]

    def delete(self, stream: StreamRef, selection: Selection, *, now: int) -> None:
        with self._pools.appender() as connection:
            deleting.accept(connection, stream, selection, now)

    def drop_before(self, stream: StreamRef, edge: int, *, limit: int) -> int:
        with self._pools.maintenance() as connection:
            return upkeep.drop_before(connection, stream, edge, limit)

    def compact(self, stream: StreamRef, *, now: int, force: bool = False) -> bool:
        with self._pools.maintenance() as connection:
            return compaction.compact(connection, stream, now=now, force=force)

    def erase(self, stream: StreamRef) -> bool:
        with self._pools.maintenance() as connection:
            return deleting.erase(connection, stream, self._erased)

    def waiting(self, *, now: int) -> list[StreamRef]:
        with self._pools.maintenance() as connection:
            return compaction.waiting(connection, now)

    def check(self, stream: StreamRef, *, progress: Progress = lambda _done, _of: None) -> list[str]:
        with self._pools.maintenance() as connection:
            return checking.check(connection, stream, progress)

    def sizes(self, streams: Sequence[StreamRef]) -> dict[int, StreamSize]:
        if not streams:
            return {}
        with self._pools.reader(streams[0].team_id) as connection:
            return upkeep.sizes(connection, [stream.stream_id for stream in streams])

    def tidy(self) -> None:
        with self._pools.maintenance() as connection:
            upkeep.tidy(connection)

    def bytes_on_disk(self) -> int:
        with self._pools.maintenance() as connection:
            return upkeep.bytes_on_disk(connection)

    def purge(self, stream: StreamRef, *, limit: int) -> bool:
        with self._pools.maintenance() as connection:
            return upkeep.purge(connection, stream, limit)

    def forget_before(self, stream: StreamRef, *, keys: int, rejections: int) -> int:
        with self._pools.maintenance() as connection:
            return upkeep.forget_before(connection, stream, keys, rejections)

    def close(self) -> None:
        self._pools.close()
