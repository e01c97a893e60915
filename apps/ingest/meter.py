"""What each team sends: counted in process, pushed to Redis every second, where the totals of all processes meet.

Quotas and rates are checked against the last known total plus what this process has counted since: no request waits
for Redis, and a team can exceed its limit by what arrives in one second. Without Redis nothing is refused, and what
was counted waits here.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import redis
import structlog
from django.conf import settings

from apps.streams.lookups import IngestGrant

PUSH_SECONDS = 1.0
PENDING_USAGE = "tailsvc:usage"  # a hash: "team:stream:jti:day:what" -> count; Celery moves it into the database
_DAY_SECONDS = 86_400
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
        self._usage: Counter[str] = Counter()
        self._pusher: threading.Thread | None = None

    def check(self, grant: IngestGrant) -> None:
        """Count a request. Raises QuotaSpent."""
        plan, now = grant.plan, time.time()
        if plan.ingest_requests_per_minute is not None:
            window = _window(grant, "requests", 60, now)
            self._require(window, plan.ingest_requests_per_minute, now, "requests a minute")
            self._count(window, 1)
        if plan.ingest_bytes_per_day is not None:
            window = _window(grant, "bytes", _DAY_SECONDS, now)
            self._require(window, plan.ingest_bytes_per_day, now, "bytes a day")

    def add(self, grant: IngestGrant, *, events: int, rejected: int, size: int) -> None:
        """Count what was accepted."""
        now = time.time()
        if grant.plan.ingest_bytes_per_day is not None:
            self._count(_window(grant, "bytes", _DAY_SECONDS, now), size)
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        start = f"{grant.stream.team_id}:{grant.stream.stream_id}:{grant.jti}:{day}"
        with self._lock:
            for what, count in (("requests", 1), ("events", events), ("rejected", rejected), ("bytes", size)):
                if count:
                    self._usage[f"{start}:{what}"] += count
        self._ensure_pusher()

    def push(self) -> None:
        """Send what was counted, and learn what the others counted."""
        with self._lock:
            windows, self._unpushed = self._unpushed, Counter()
            usage, self._usage = self._usage, Counter()
            asked = list({*windows, *self._known})
        try:
            totals = self._exchange(windows, usage, asked)
        except redis.RedisError:
            with self._lock:  # keep it for the next time
                self._unpushed.update(windows)
                self._usage.update(usage)
            return
        now = time.time()
        with self._lock:
            self._known = {
                window: total
                for window, total in zip(asked, totals, strict=True)
                if (window.number + 1) * window.seconds > now
            }

    def _exchange(self, windows: Counter[Window], usage: Counter[str], asked: list[Window]) -> list[int]:
        with self._redis.pipeline(transaction=False) as pipe:
            for window, count in windows.items():
                pipe.incrby(window.key, count)
                pipe.expire(window.key, window.seconds * 2)
            for name, count in usage.items():
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


@cache
def meter() -> Meter:
    return Meter(redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1))


def _window(grant: IngestGrant, what: str, seconds: int, now: float) -> Window:
    return Window(grant.stream.team_id, what, int(now // seconds), seconds)
