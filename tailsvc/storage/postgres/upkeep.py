"""Deleting: retention, purging, expiry. Each step is a short transaction that may be repeated, or run twice at once."""

from collections.abc import Sequence
from dataclasses import replace

from tailsvc.storage.base import StreamRef, StreamSize
from tailsvc.storage.postgres.pieces import Piece
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.replacing import remove
from tailsvc.storage.postgres.statements import plain

_PIECES = 100  # of one transaction
_MAY_VACUUM = 170_000
_PURGES = (
    "purge_events",
    "purge_catalogued",
    "purge_keys",
    "purge_rejections",
    "purge_deletions",
    "purge_positions",
)


def drop_before(connection: Connection, stream: StreamRef, edge: int, limit: int) -> int:
    ids = {"stream_id": stream.stream_id, "edge": edge, "limit": limit}
    with connection.transaction():
        if connection.execute(plain("lock_upkeep"), ids).fetchone() is None:
            return 0  # it was purged
        connection.execute(plain("keep_trim"), ids)
        connection.execute(plain("trim"), ids)
        row = connection.execute(plain("drop_before"), ids).fetchone()
        return int(row[0] if row else 0) + _drop_pieces(connection, stream, ids)


def _drop_pieces(connection: Connection, stream: StreamRef, ids: dict[str, int]) -> int:
    """Whole pieces, however many events they have: that costs no more than a few rows."""
    rows = connection.execute(plain("expired_pieces"), {**ids, "limit": _PIECES}, binary=True).fetchall()
    pieces = [Piece._make(row) for row in rows]
    if not pieces:
        return 0
    remove(connection, stream, pieces)
    events = sum(piece.events for piece in pieces)
    params = {**ids, "events": events, "bytes": sum(piece.raw_bytes for piece in pieces)}
    connection.execute(plain("count_discarded"), params)
    return events


def purge(connection: Connection, stream: StreamRef, limit: int) -> bool:
    params = {"stream_id": stream.stream_id, "limit": limit}
    with connection.transaction():
        # A compaction that is about to put its segment in place would leave it behind.
        connection.execute(plain("lock_upkeep"), params)
        for name in _PURGES:
            if connection.execute(plain(name), params).rowcount >= limit:
                return False
        for name in ("purge_upkeep", "purge_head"):
            connection.execute(plain(name), params)
        return True


def sizes(connection: Connection, stream_ids: Sequence[int]) -> dict[int, StreamSize]:
    params = {"stream_ids": list(stream_ids)}
    found = dict.fromkeys(stream_ids, StreamSize())
    for number, is_recent, pieces, events, raw_bytes, size in connection.execute(plain("piece_sizes"), params):
        kept = found[number]
        found[number] = replace(
            kept,
            recent_blocks=pieces if is_recent else kept.recent_blocks,
            segments=kept.segments if is_recent else pieces,
            events=kept.events + events,
            raw_bytes=kept.raw_bytes + raw_bytes,
            bytes=kept.bytes + size,
        )
    for number, rows, raw_bytes, size in connection.execute(plain("row_sizes"), params):
        kept = found[number]
        found[number] = replace(
            kept,
            rows=rows,
            events=kept.events + rows,
            raw_bytes=kept.raw_bytes + raw_bytes,
            bytes=kept.bytes + size,
        )
    return found


def tidy(connection: Connection) -> None:
    """Postgres 17 and newer: before, only owners may vacuum, and autovacuum does the same, later.

    Recent blocks come and go within seconds. Cut off at once, their table stays as small as what waits.
    """
    if connection.info.server_version >= _MAY_VACUUM:
        for table in ("log_recent", "log_event", "log_segment"):
            connection.execute(f"VACUUM (SKIP_LOCKED, TRUNCATE) {table}".encode())


def bytes_on_disk(connection: Connection) -> int:
    row = connection.execute(plain("bytes_on_disk")).fetchone()
    return int(row[0]) if row else 0


def forget_before(connection: Connection, stream: StreamRef, keys: int, rejections: int) -> int:
    ids = {"stream_id": stream.stream_id}
    gone = connection.execute(plain("forget_keys"), {**ids, "before": keys}).rowcount
    return gone + connection.execute(plain("forget_rejections"), {**ids, "before": rejections}).rowcount
