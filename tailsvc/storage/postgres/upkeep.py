"""Deleting: retention, purging, expiry. Each step is a short transaction that may be repeated, or run twice at once."""

from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.statements import plain


def drop_before(connection: Connection, stream: StreamRef, edge: int, limit: int) -> int:
    ids = {"stream_id": stream.stream_id}
    with connection.transaction():
        if connection.execute(plain("lock_upkeep"), ids).fetchone() is None:
            return 0  # someone else is at it
        row = connection.execute(plain("drop_before"), {**ids, "edge": edge, "limit": limit}).fetchone()
        return int(row[0]) if row else 0


def purge(connection: Connection, stream: StreamRef, limit: int) -> bool:
    params = {"stream_id": stream.stream_id, "limit": limit}
    for name in ("purge_events", "purge_keys", "purge_rejections"):
        if connection.execute(plain(name), params).rowcount >= limit:
            return False
    for name in ("purge_upkeep", "purge_head"):
        connection.execute(plain(name), params)
    return True


def forget_before(connection: Connection, stream: StreamRef, keys: int, rejections: int) -> int:
    ids = {"stream_id": stream.stream_id}
    gone = connection.execute(plain("forget_keys"), {**ids, "before": keys}).rowcount
    return gone + connection.execute(plain("forget_rejections"), {**ids, "before": rejections}).rowcount
