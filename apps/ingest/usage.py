"""Usage by stream, token and day: from the hash in which the web processes count, into the table.

Opens maintenance: it goes across teams.
"""

from collections import defaultdict
from datetime import date
from uuid import UUID

import redis
from django.conf import settings
from django.db import connections, transaction

from apps.accounts.scope import maintenance
from apps.ingest.meter import PENDING_USAGE, USAGE_COUNTERS
from apps.streams.models import Stream, Usage

_MOVING = f"{PENDING_USAGE}:moving"
_Key = tuple[int, int, UUID, date]  # team, stream, jti, day


def store_pending() -> int:
    """Rows written. What is being moved has a name of its own, so that a crash leaves it to the next run."""
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    lock = client.lock(f"{_MOVING}:lock", timeout=60, blocking=False)
    if not lock.acquire():
        return 0
    try:
        if not client.exists(_MOVING):
            try:
                client.rename(PENDING_USAGE, _MOVING)
            except redis.ResponseError:
                return 0  # nothing was counted
        counted = _grouped({str(name): str(count) for name, count in client.hgetall(_MOVING).items()})
        _add(counted)
        client.delete(_MOVING)
        return len(counted)
    finally:
        lock.release()


def _grouped(fields: dict[str, str]) -> dict[_Key, dict[str, int]]:
    """{"team:stream:jti:day:what": count} -> {(team, stream, jti, day): {what: count}}"""
    found: dict[_Key, dict[str, int]] = defaultdict(dict)
    for name, count in fields.items():
        team, stream, jti, day, what = name.split(":")
        found[int(team), int(stream), UUID(jti), date.fromisoformat(day)][what] = int(count)
    return found


def _add(counted: dict[_Key, dict[str, int]]) -> None:
    with maintenance(), transaction.atomic(using="maintenance"):
        alive = set(Stream.objects.filter(pk__in={stream for _, stream, _, _ in counted}).values_list("pk", flat=True))
        with connections["maintenance"].cursor() as cursor:
            for (team, stream, jti, day), counts in counted.items():
                if stream in alive:
                    values = [counts.get(what, 0) for what in USAGE_COUNTERS]
                    cursor.execute(_ADD, [team, stream, jti, day, *values])


_table = Usage._meta.db_table
_ADD = (
    f"INSERT INTO {_table} AS kept (team_id, stream_id, jti, day, requests, events, rejected, bytes) "  # noqa: S608
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (team_id, stream_id, jti, day) DO UPDATE SET "
    "requests = kept.requests + excluded.requests, events = kept.events + excluded.events, "
    "rejected = kept.rejected + excluded.rejected, bytes = kept.bytes + excluded.bytes"
)
