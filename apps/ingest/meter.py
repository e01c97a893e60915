"""What each team sends: counted in process, pushed to Redis every second, where the totals of all processes meet.

Quotas and rates are checked against the last known total plus what this process has counted since: no request waits
for Redis, and a team can exceed its limit by what arrives in one second. Without Redis nothing is refused, and what
was counted waits here.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from operator import add
from uuid import UUID

import redis
import structlog
from django.conf import settings

from apps.streams.lookups import IngestGrant
from tailsvc.storage.base import StreamRef

PUSH_SECONDS = 1.0
PENDING_USAGE = "tailsvc:usage"  # a hash: "team:stream:jti:day:what" -> count; Celery moves it into the database
USAGE_COUNTERS = ("requests", "events", "rejected", "bytes")
_DAY_SECONDS = 86_400
_Usage = dict[tuple[StreamRef, UUID], list[int]]  # of a stream and token, a count for each of USAGE_COUNTERS
_log = structlog.get_logger(__name__)


class QuotaSpent(Exception):
    """The team has used up what its plan allows; `retry_after` in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Window:
    """A quota's counter: of one team, for one day or minute."""

    team_id: int
    what: str  # "bytes" of a day, "requests" of a minute
    number: int
    seconds: int

    @property
    def key(self) -> str:
        return f"tailsvc:quota:{self.what}:{self.team_id}:{self.number}"

    def left(self, now: float) -> int:
        """Seconds until the window ends."""
        return max(1, int((self.number + 1) * self.seconds - now))


class Meter:
    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._lock = threading.Lock()
        self._unpushed: Counter[Window] = Counter()
        self._known: dict[Window, int] = {}
        self._usage: _Usage = {}
        self._pusher: threading.Thread | None = None

    def check(self, grant: IngestGrant) -> None:
        """Count a request. Raises QuotaSpent."""
        plan, now = grant.plan, time.time()
        self.check_bytes(grant)
        if plan.ingest_requests_per_minute is not None:
            window = _window(grant, "requests", 60, now)
            self._require(window, plan.ingest_requests_per_minute, now, "requests a minute")
            self._count(window, 1)

    def check_bytes(self, grant: IngestGrant) -> None:
        """For what comes without requests. Raises QuotaSpent."""
        if grant.plan.ingest_bytes_per_day is not None:
            now = time.time()
            window = _window(grant, "bytes", _DAY_SECONDS, now)
            self._require(window, grant.plan.ingest_bytes_per_day, now, "bytes a day")

    def add(self, grant: IngestGrant, *, events: int, rejected: int, size: int) -> None:
        """Count what was accepted."""
        if grant.plan.ingest_bytes_per_day is not None:
            self._count(_window(grant, "bytes", _DAY_SECONDS, time.time()), size)
        with self._lock:
            counted = self._usage.get((grant.stream, grant.jti))
            if counted is None:
                counted = self._usage[grant.stream, grant.jti] = [0, 0, 0, 0]
            counted[0] += 1
            counted[1] += events
            counted[2] += rejected
            counted[3] += size
        self._ensure_pusher()

    def push(self) -> None:
        """Send what was counted, and learn what the others counted."""
        with self._lock:
            windows, self._unpushed = self._unpushed, Counter()
            usage, self._usage = self._usage, {}
            asked = list({*windows, *self._known})
        try:
            totals = self._exchange(windows, usage, asked)
        except redis.RedisError:
            with self._lock:  # keep it for the next time
                self._unpushed.update(windows)
                for what, counts in usage.items():
                    self._usage[what] = [*map(add, counts, self._usage.get(what, [0, 0, 0, 0]))]
            return
        now = time.time()
        with self._lock:
            self._known = {
                window: total
                for window, total in zip(asked, totals, strict=True)
                if (window.number + 1) * window.seconds > now
            }

    def _exchange(self, windows: Counter[Window], usage: _Usage, asked: list[Window]) -> list[int]:
        with self._redis.pipeline(transaction=False) as pipe:
            for window, count in windows.items():
                pipe.incrby(window.key, count)
                pipe.expire(window.key, window.seconds * 2)
            for name, count in _named(usage):
                pipe.hincrby(PENDING_USAGE, name, count)
            for window in asked:
                pipe.get(window.key)
            answers = pipe.execute()
        return [int(answer or 0) for answer in answers[len(answers) - len(asked) :]]

    def _require(self, window: Window, limit: int, now: float, unit: str) -> None:
        with self._lock:
            spent = self._known.get(window, 0) + self._unpushed[window]
        if spent >= limit:
            raise QuotaSpent(f"The plan's {limit} {unit} are used up.", window.left(now))

    def _count(self, window: Window, count: int) -> None:
        with self._lock:
            self._unpushed[window] += count
            self._known.setdefault(window, 0)
        self._ensure_pusher()

    def _ensure_pusher(self) -> None:
        if self._pusher is None or not self._pusher.is_alive():
            self._pusher = threading.Thread(target=self._push_for_ever, name="meter", daemon=True)
            self._pusher.start()

    def _push_for_ever(self) -> None:
        while True:
            time.sleep(PUSH_SECONDS)
            try:
                self.push()
            except Exception as error:  # noqa: BLE001 (the thread must outlive whatever it was)
                _log.error("meter could not push", error=repr(error))


def _named(usage: _Usage) -> Iterator[tuple[str, int]]:
    """The fields of PENDING_USAGE. The day is that of the push: at most a second late."""
    day = datetime.now(UTC).date().isoformat()
    for (stream, jti), counts in usage.items():
        for what, count in zip(USAGE_COUNTERS, counts, strict=True):
            if count:
                yield f"{stream.team_id}:{stream.stream_id}:{jti}:{day}:{what}", count


@cache
def meter() -> Meter:
    return Meter(redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1))


def _window(grant: IngestGrant, what: str, seconds: int, now: float) -> Window:
    return Window(grant.stream.team_id, what, int(now // seconds), seconds)
