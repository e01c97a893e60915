"""Signs of life, kept in Redis: which processes there are, and when scheduled jobs ran.

Each process beats from a thread; a beat carries the time of Redis' own clock, so that machines' clocks need not agree.
All of it may be lost with Redis: the next beat brings it back.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
import redis
import structlog
from django.conf import settings

from apps.sessions.targets import Job, Process

EVERY_SECONDS = 0.8
# Two beats may be late together, on a machine that has too much to do; and who was killed is missed within 5 s.
GOOD_FOR = timedelta(seconds=3)
_PROCESSES, _JOBS = "tailsvc:processes", "tailsvc:jobs"
# Which of our processes this is: `tailsvc up` says it, since several are the same program.
ROLE = "TAILSVC_PROCESS"
_log = structlog.get_logger(__name__)

_BEAT = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. time[1] .. '.' .. string.format('%06d', time[2]))
"""


@dataclass(frozen=True, slots=True)
class Key:
    """`run`: of one `tailsvc up`, "-" elsewhere. What is left of earlier runs is of no interest."""

    run: str
    name: str
    place: str

    @property
    def text(self) -> str:
        return " ".join((self.run, self.name, self.place))


class Heart:
    """Beats for this process until it ends."""

    def __init__(self, client: "redis.Redis", name: str) -> None:
        self._redis = client
        self._key = Key(_run(), name, f"{socket.gethostname()}:{os.getpid()}")
        self._started_at = time.time()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._beat_on, name="heart", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def beat(self) -> None:
        self._redis.eval(_BEAT, 1, _PROCESSES, self._key.text, repr(self._started_at))

    def _beat_on(self) -> None:
        has_buried = False
        while not self._stopped.wait(EVERY_SECONDS if has_buried else 0):
            try:
                if not has_buried:
                    _bury(self._redis, self._key)
                self.beat()
            except redis.RedisError as error:
                _log.debug("no beat", error=str(error))
                self._stopped.wait(EVERY_SECONDS)
                continue
            has_buried = True


_started: dict[str, int] = {}


def start(name: str) -> None:
    """Once for a process; its role, where one is given, comes before `name`."""
    name = os.environ.get(ROLE) or name
    if _started.get(name) != os.getpid():  # a fork has no thread of its parent's
        _started[name] = os.getpid()
        Heart(client(), name).start()


@cache
def client() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def processes(connection: "redis.Redis") -> list[Process] | None:
    """Of this run; None where Redis does not answer."""
    try:
        return [process for key, process in _all(connection) if key.run == _run()]
    except redis.RedisError:
        return None


def note_run(name: str, started_at: datetime, finished_at: datetime | None = None, failure: str = "") -> None:
    """Of a job; is silent where Redis is away."""
    told = {"started": started_at.timestamp(), "finished": finished_at and finished_at.timestamp(), "failure": failure}
    try:
        client().hset(_JOBS, name, orjson.dumps(told))
    except redis.RedisError as error:
        _log.debug("run not noted", error=str(error))


def jobs(connection: "redis.Redis", names: Iterable[str]) -> list[Job]:
    """The last run of each; where nothing is known, they have none."""
    wanted = sorted(names)
    try:
        found = connection.hmget(_JOBS, wanted) if wanted else []
    except redis.RedisError:
        found = [None] * len(wanted)
    return [_job(name, text) for name, text in zip(wanted, found, strict=True)]


def _job(name: str, text: Any) -> Job:
    if text is None:
        return Job(name)
    told = orjson.loads(text)
    return Job(name, _moment(told["started"]), told["finished"] and _moment(told["finished"]), told["failure"])


def _all(connection: "redis.Redis") -> list[tuple[Key, Process]]:
    with connection.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hgetall(_PROCESSES)
        (seconds, micros), found = pipe.execute()
    now = seconds + micros / 1_000_000
    return [_process(key, value, now) for key, value in found.items()]


def _process(field: bytes, value: bytes, now: float) -> tuple[Key, Process]:
    key = Key(*field.decode().split(" ", 2))
    started, seen = map(float, value.decode().split())
    age = timedelta(seconds=now - seen)
    return key, Process(key.name, _moment(started), _moment(seen), alive=age < GOOD_FOR)


def _bury(connection: "redis.Redis", mine: Key) -> None:
    """Those of the same name that are dead, and all of earlier runs."""
    gone = [
        key.text
        for key, process in _all(connection)
        if not process.alive and (key.name == mine.name or key.run != mine.run)
    ]
    if gone:
        connection.hdel(_PROCESSES, *gone)


def _run() -> str:
    return os.environ.get("TAILSVC_RUN_ID") or "-"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
