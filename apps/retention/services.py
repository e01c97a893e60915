"""What Celery does about age. Opens maintenance: it goes across teams. Every step is safe to run twice at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db.models import F, Q

from apps.accounts import upkeep as accounts
from apps.accounts.scope import maintenance
from apps.engine import store
from apps.http import metrics
from apps.streams.models import IngestToken, Stream
from apps.streams.services import RESTORABLE_FOR
from tailsvc import limits, retention
from tailsvc.rounds import go_round

REJECTIONS_KEPT = timedelta(days=7)
DEAD_TOKENS_KEPT = timedelta(days=90)
_PURGE_ROWS = 5_000
_log = structlog.get_logger(__name__)


def sweep(*, now: datetime) -> int:
    """Delete events beyond retention; how many."""
    with metrics.RETENTION_SECONDS.time():
        return retention.sweep(store(), _policies(), now=_micros(now), report=_report)


def purge(*, now: datetime) -> int:
    """Erase streams that were deleted so long ago that nobody may restore them; how many."""
    with maintenance():
        doomed = list(Stream.objects.filter(deleted_at__lte=now - RESTORABLE_FOR))
        return go_round("purging", ((stream.ref, partial(_purge, stream)) for stream in doomed))


def _purge(stream: Stream) -> int:
    ref = stream.ref
    while not store().purge(ref, limit=_PURGE_ROWS):
        pass
    stream.delete()
    _log.info("stream purged", stream=ref.stream_id, team=ref.team_id)
    return 1


def forget(*, now: datetime) -> int:
    """Drop what expired: idempotency keys, rejections, tokens, device codes; how many."""
    keys = _micros(now) - limits.IDEMPOTENCY_KEY_SECONDS * 1_000_000
    rejections = _micros(now - REJECTIONS_KEPT)
    forget_before = partial(store().forget_before, keys=keys, rejections=rejections)
    gone = go_round("forgetting", ((policy.stream, partial(forget_before, policy.stream)) for policy in _policies()))
    dead = Q(revoked_at__lte=now - DEAD_TOKENS_KEPT) | Q(expires_at__lte=now - DEAD_TOKENS_KEPT)
    with maintenance():
        gone += IngestToken.objects.filter(dead).delete()[0]
    return gone + sum(accounts.clear_expired(now=now).values())


def _policies() -> Iterator[retention.Policy]:
    """Every stream's, deleted ones included: they may come back, but not with events beyond retention."""
    with maintenance():
        found = list(Stream.objects.annotate(plan_hours=F("team__plan__retention_hours")))
    for stream in found:
        yield retention.Policy(stream.ref, stream.retention(stream.plan_hours))


def _report(policy: retention.Policy, gone: int) -> None:
    metrics.RETENTION_EVENTS.inc(gone)
    _log.info("retention deleted events", stream=policy.stream.stream_id, team=policy.stream.team_id, events=gone)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
