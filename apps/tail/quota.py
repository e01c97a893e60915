"""How many follow for a team, in all processes: each writes its own number, with its age, to one hash in Redis.

A process that was killed is forgotten when its number is old. Without Redis each process counts for itself.
"""

import os
import time
from collections import Counter
from secrets import token_hex
from typing import cast

import redis

from tailsvc.errors import TooManyFollowers

KEY = "tailsvc:followers:{team_id}"
# Numbers are renewed every few seconds; an older one is of a process that is gone.
FORGOTTEN_SECONDS = 15


class Quota:
    """Of one process. `take` and `renew` ask Redis: call them in a thread."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, decode_responses=True)
        self._process = f"{os.getpid()}-{token_hex(4)}"
        self._open: Counter[int] = Counter()

    def take(self, team_id: int, limit: int | None) -> None:
        """Raises TooManyFollowers. Give it back in the end."""
        if limit is not None and self._open[team_id] + self._elsewhere(team_id) >= limit:
            raise TooManyFollowers(f"The plan allows {limit} followers at a time; close one, or try again later.")
        self._open[team_id] += 1
        self._write(team_id)

    def give_back(self, team_id: int) -> None:
        self._open[team_id] -= 1  # written with the next renewal

    def renew(self) -> None:
        for team_id in list(self._open):
            self._write(team_id)
            if not self._open[team_id]:
                del self._open[team_id]

    def _elsewhere(self, team_id: int) -> int:
        try:
            found = cast("dict[str, str]", self._redis.hgetall(KEY.format(team_id=team_id)))
        except redis.RedisError:
            return 0
        edge = time.time() - FORGOTTEN_SECONDS
        others = [value.split("@") for process, value in found.items() if process != self._process]
        return sum(int(count) for count, at in others if float(at) > edge)

    def _write(self, team_id: int) -> None:
        key = KEY.format(team_id=team_id)
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(key, self._process, f"{self._open[team_id]}@{time.time():.0f}")
                pipe.expire(key, FORGOTTEN_SECONDS * 4)
                pipe.execute()
        except redis.RedisError:
            pass
