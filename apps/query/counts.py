"""Totals: counted once, kept for a minute in Redis, and renewed by Celery for as long as somebody asks.

A request finds a kept total and answers with it; when that is half a minute old, the request also asks the worker for
a new one, so that the next minute's requests find one too. Only the first request of all counts by itself - and any
request, when Redis or the worker is away: the answer is then right, only slower.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import orjson
import redis
import structlog
from celery import current_app
from django.conf import settings

from apps.engine import store
from apps.http.metrics import COUNTS_COMPUTED
from apps.query.questions import Question, recall_condition
from apps.query.walks import Asked
from tailsvc import retention
from tailsvc.queries import Selection
from tailsvc.storage.base import StreamRef

FRESH_SECONDS = 60
RENEW_SECONDS = 30
# Longer than any count may take: who waits for another's count does not wait in vain.
_LOCK_SECONDS = 35
_WAIT_SECONDS = 0.05
_RENEWAL_SECONDS = 10
# Longer than any total lives that was kept before the mark was left.
_MARK_SECONDS = 10 * FRESH_SECONDS
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted, in a form that travels to the worker. `until` None: up to the moment of counting.

    Retention's edge is that of the moment of counting, too: it passes `start`, if that is given.
    """

    stream_id: int
    team_id: int
    retention_seconds: int
    start: int | None
    until: int | None
    filters: str
    query: str
    as_of: int | None
    mark: int = 0  # of the stream's last deletion

    @property
    def key(self) -> str:
        return "tailsvc:total:" + hashlib.blake2b(orjson.dumps(asdict(self)), digest_size=16).hexdigest()


class Totals:
    def __init__(
        self,
        client: "redis.Redis",
        compute: Callable[[Counted, float], int],
        renew: Callable[[Counted], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = client
        self._compute = compute
        self._renew = renew
        self._clock = clock

    def of(self, counted: Counted) -> int:
        """The total, at most FRESH_SECONDS old."""
        try:
            counted = replace(counted, mark=self._mark(counted.stream_id))
            kept = self._kept(counted)
            if kept is None:
                return self._first(counted)
            total, at = kept
            if self._clock() - at >= RENEW_SECONDS and self._claim_renewal(counted):
                self._renew(counted)
        except redis.RedisError:
            return self._count(counted, where="request")
        return total

    def recount(self, counted: Counted) -> None:
        """Count now and keep it; what the worker does."""
        at = self._clock()
        self._keep(counted, self._count(counted, where="worker"), at)

    def forget(self, stream_id: int) -> None:
        """After a deletion: what is kept of the stream is not used again."""
        try:
            self._redis.set(_mark_key(stream_id), time.time_ns(), ex=_MARK_SECONDS)
        except redis.RedisError as error:  # then nobody finds a kept total either, or not for long
            _log.warning("totals not forgotten", stream=stream_id, error=repr(error))

    def _mark(self, stream_id: int) -> int:
        return int(self._redis.get(_mark_key(stream_id)) or 0)

    def _first(self, counted: Counted) -> int:
        """One computation at a time for each key: whoever comes second takes the first one's result."""
        lock = self._redis.lock(f"{counted.key}:lock", timeout=_LOCK_SECONDS, sleep=_WAIT_SECONDS)
        with lock:
            kept = self._kept(counted)
            if kept is not None:
                return kept[0]
            at = self._clock()
            total = self._count(counted, where="request")
            self._keep(counted, total, at)
            return total

    def _kept(self, counted: Counted) -> tuple[int, float] | None:
        text = self._redis.get(counted.key)
        if text is None:
            return None
        total, at = orjson.loads(text)
        return None if self._clock() - at >= FRESH_SECONDS else (total, at)

    def _keep(self, counted: Counted, total: int, at: float) -> None:
        self._redis.set(counted.key, orjson.dumps([total, at]), ex=FRESH_SECONDS)

    def _claim_renewal(self, counted: Counted) -> bool:
        """One renewal in ten seconds, however many ask: a slow worker need not be told twice. Two would do no harm."""
        key, now = f"{counted.key}:renewing", self._clock()
        claimed_at = self._redis.get(key)
        if claimed_at is not None and now - float(claimed_at) < _RENEWAL_SECONDS:
            return False
        self._redis.set(key, now, ex=_RENEWAL_SECONDS)
        return True

    def _count(self, counted: Counted, *, where: str) -> int:
        COUNTS_COMPUTED.labels(where).inc()
        return self._compute(counted, self._clock())


def _mark_key(stream_id: int) -> str:
    return f"tailsvc:deleted:{stream_id}"


def total(stream: Asked, question: Question, selection: Selection) -> int:
    """The total of a first page.

    With an explicit end the key holds what had arrived: only what retention takes within a minute may still be in it.
    """
    explicit = question.end_ms is not None
    return totals().of(
        Counted(
            stream.ref.stream_id,
            stream.ref.team_id,
            round(stream.retention.total_seconds()),
            None if question.start_ms is None else question.start_ms * 1000,
            selection.end if explicit else None,
            question.filters or "",
            question.query or "",
            selection.as_of if explicit else None,
        )
    )


@cache
def totals() -> Totals:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=1)
    return Totals(client, _compute, _ask_worker)


def _compute(counted: Counted, now: float) -> int:
    condition = recall_condition(counted.filters, counted.query)
    micros = round(now * 1_000_000)
    edge = retention.edge(timedelta(seconds=counted.retention_seconds), micros)
    until = micros if counted.until is None else counted.until
    selection = Selection(max(edge, counted.start or 0), until, condition, counted.as_of)
    return store().count(StreamRef(counted.stream_id, counted.team_id), selection)


def _ask_worker(counted: Counted) -> None:
    try:
        current_app.send_task("query.recount", kwargs=asdict(counted), retry=False, expires=FRESH_SECONDS)
    except Exception as error:  # noqa: BLE001 (without a broker the kept total runs out, and a request counts)
        _log.warning("total not renewed", error=repr(error))


def of_fields(fields: dict[str, Any]) -> Counted:
    return Counted(**{name: fields[name] for name in Counted.__slots__})
