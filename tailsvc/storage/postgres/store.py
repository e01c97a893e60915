"""PostgresEventStore: the protocol over the statements."""

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql
from psycopg.sql import SQL

from tailsvc.errors import KeyReused, UnknownStream
from tailsvc.events import StoredEvent
from tailsvc.queries import Direction, Head, Page, Scan, Selection
from tailsvc.storage.base import Batch, KeptRejection, Outcome, Replayed, RetryKey, StreamRef
from tailsvc.storage.postgres import upkeep
from tailsvc.storage.postgres.append import append, find_keys, outcome_of_key
from tailsvc.storage.postgres.pools import Pools
from tailsvc.storage.postgres.rows import COLUMNS, from_row
from tailsvc.storage.postgres.statements import STATEMENTS, plain
from tailsvc.storage.postgres.where import Where

_EVENT_COLUMNS = SQL(", ").join(sql.Identifier("event", name) for name in ("id", *COLUMNS))
_ORDER = {Direction.NEWEST_FIRST: SQL("DESC"), Direction.OLDEST_FIRST: SQL("ASC")}
_HEAD_COLUMNS = 4
_LARGEST_ID = 2**63 - 1


class PostgresEventStore:
    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def open(self, stream: StreamRef) -> None:
        with self._pools.appender() as connection:
            connection.execute(plain("open_head"), stream._asdict())
            connection.execute(plain("open_upkeep"), stream._asdict())

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        return append(self._pools, stream, batches, now)

    def replay(self, stream: StreamRef, key: RetryKey) -> Replayed | KeyReused | None:
        with self._pools.appender() as connection:
            return outcome_of_key(find_keys(connection, stream, [key]), key)

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
        where = Where()
        condition = where.selection(stream, _narrowed(scan))
        if scan.after is not None:
            condition = SQL("{} AND {}").format(condition, where.behind(scan.after, scan.direction))
        statement = SQL(STATEMENTS["scan"]).format(
            event_columns=_EVENT_COLUMNS,
            stream_id=where.value(stream.stream_id, "int8"),
            where=condition,
            order=_ORDER[scan.direction],
            limit=where.value(scan.limit + 1, "int8"),
        )
        with self._pools.reader(stream.team_id) as connection:
            rows = connection.execute(statement, where.params, binary=True).fetchall()
        if not rows:
            return Page((), has_more=False, head=None)
        events = [from_row(row[_HEAD_COLUMNS:]) for row in rows[: scan.limit]]
        return Page(events, has_more=len(rows) > scan.limit, head=Head(*rows[0][:_HEAD_COLUMNS]))

    def count(self, stream: StreamRef, selection: Selection) -> int:
        where = Where()
        statement = SQL(STATEMENTS["count"]).format(where=where.selection(stream, selection))
        with self._pools.reader(stream.team_id) as connection:
            row = connection.execute(statement, where.params).fetchone()
        return int(row[0]) if row else 0

    def get(self, stream: StreamRef, event_id: int) -> StoredEvent | None:
        if event_id > _LARGEST_ID:
            return None
        statement = SQL(STATEMENTS["get"]).format(event_columns=_EVENT_COLUMNS)
        with self._pools.reader(stream.team_id) as connection:
            params = {"stream_id": stream.stream_id, "id": event_id}
            row = connection.execute(statement, params, binary=True).fetchone()
        return from_row(row) if row else None

    def rejections(self, stream: StreamRef, *, limit: int, before: int | None = None) -> list[KeptRejection]:
        below = _LARGEST_ID if before is None else min(before, _LARGEST_ID)
        with self._pools.reader(stream.team_id) as connection:
            params = {"stream_id": stream.stream_id, "before": below, "limit": limit}
            return [KeptRejection(*row) for row in connection.execute(plain("rejections"), params, binary=True)]

    def drop_before(self, stream: StreamRef, edge: int, *, limit: int) -> int:
        with self._pools.maintenance() as connection:
            return upkeep.drop_before(connection, stream, edge, limit)

    def purge(self, stream: StreamRef, *, limit: int) -> bool:
        with self._pools.maintenance() as connection:
            return upkeep.purge(connection, stream, limit)

    def forget_before(self, stream: StreamRef, *, keys: int, rejections: int) -> int:
        with self._pools.maintenance() as connection:
            return upkeep.forget_before(connection, stream, keys, rejections)

    def close(self) -> None:
        self._pools.close()


def _narrowed(scan: Scan) -> Selection:
    """The window from the last page's end on.

    It says nothing that the comparison with `after` does not say, but Postgres starts its walk of the index at the
    window's edge: without this a deep page reads all that lies before it (24 ms at a million events; 0.1 with it).
    """
    selection, after = scan.selection, scan.after
    if after is None:
        return selection
    if scan.direction is Direction.NEWEST_FIRST:
        return replace(selection, end=after.timestamp if selection.end is None else min(selection.end, after.timestamp))
    return replace(selection, start=max(selection.start or 0, after.timestamp))
