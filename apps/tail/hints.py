"""Hints between processes, over Redis: "something was appended to these streams".

Whoever appends calls `tell`, after the commit; a thread sends what has come together, so that an append never waits for
it, and a thousand small appends a second are a few hundred messages. `listen` runs where somebody follows. Any hint may
be lost, with Redis away all of them: the hub looks at the heads as well.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache

import redis
import redis.asyncio
import structlog
from django.conf import settings

CHANNEL = "tailsvc:appended"
# Followers wait this long on the average for half of it; it bounds what sending costs.
PAUSE_SECONDS = 0.003
# Nobody listened to the last one.
UNHEARD_PAUSE_SECONDS = 0.1
RETRY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Teller:
    """Of one process. `tell` may be called from any thread, and never fails."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._waiting: set[int] = set()
        self._some = threading.Event()
        self._lock = threading.Lock()
        self._sender: threading.Thread | None = None

    def tell(self, stream: int) -> None:
        with self._lock:
            self._waiting.add(stream)
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_on, name="hints", daemon=True)
                self._sender.start()
        if not self._some.is_set():
            self._some.set()

    def _send_on(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            time.sleep(self._send())

    def _send(self) -> float:
        with self._lock:
            streams, self._waiting = self._waiting, set()
        try:
            heard = self._redis.publish(CHANNEL, ",".join(map(str, streams)))
        except redis.RedisError:
            return RETRY_SECONDS
        return PAUSE_SECONDS if heard else UNHEARD_PAUSE_SECONDS


@cache
def teller() -> Teller:
    return Teller(settings.REDIS_URL)


class Listener:
    """Hands the streams of each hint to `heard`, on the event loop. `is_up`: hints arrive."""

    def __init__(self, url: str, heard: Callable[[Sequence[int]], None]) -> None:
        self._url = url
        self._heard = heard
        self.is_up = False

    async def listen(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._listen_once()
            except (redis.RedisError, OSError) as error:
                if self.is_up:
                    _log.warning("no hints: followers ask the database more often", error=str(error))
            finally:
                self.is_up = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen_once(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=2, health_check_interval=10)
        async with client, client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(CHANNEL)
            self.is_up = True
            while True:
                message = await channel.get_message(timeout=5)
                if message is not None:
                    self._heard([int(text) for text in message["data"].split(b",")])
