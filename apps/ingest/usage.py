"""Usage by stream, token and day: from the hash in which the web processes count, into the table.

Opens maintenance: it goes across teams.
"""

from collections import defaultdict
from datetime import date
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, connections, transaction

from apps.accounts.scope import maintenance
from apps.ingest.meter import PENDING_USAGE, USAGE_COUNTERS
from apps.streams.models import Stream, Usage

_MOVING = f"{PENDING_USAGE}:moving"
_Key = tuple[int, int, UUID, date]  # team, stream, jti, day
_log = structlog.get_logger(__name__)


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
        try:
            team, stream, jti, day, what = name.split(":")
            found[int(team), int(stream), UUID(jti), date.fromisoformat(day)][what] = int(count)
        except ValueError:  # whoever wrote it: the others' counts are not to wait for it
            _log.error("usage that cannot be read is dropped", field=name, count=count)
    return found


def _add(counted: dict[_Key, dict[str, int]]) -> None:
    with maintenance(), transaction.atomic(using="maintenance"):
        alive = set(Stream.objects.filter(pk__in={stream for _, stream, _, _ in counted}).values_list("pk", flat=True))
        for key, counts in counted.items():
            if key[1] in alive:
                _add_row(key, [counts.get(what, 0) for what in USAGE_COUNTERS])


def _add_row(key: _Key, values: list[int]) -> None:
    try:
        with transaction.atomic(using="maintenance"), connections["maintenance"].cursor() as cursor:
            cursor.execute(_ADD, [*key, *values])
    except (DataError, IntegrityError) as error:  # it would never be kept, and the others' counts would wait with it
        _log.error("usage that cannot be kept is dropped", team=key[0], stream=key[1], counts=values, error=str(error))


_table = Usage._meta.db_table
_ADD = (
    f"INSERT INTO {_table} AS kept (team_id, stream_id, jti, day, requests, events, rejected, bytes) "  # noqa: S608
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (team_id, stream_id, jti, day) DO UPDATE SET "
    "requests = kept.requests + excluded.requests, events = kept.events + excluded.events, "
    "rejected = kept.rejected + excluded.rejected, bytes = kept.bytes + excluded.bytes"
)
