"""Hints between processes, over Redis: "something was appended to these streams".

Other things that change have channels of their own, and numbers of their own in the hints.

Whoever appends calls `tell`, after the commit; a thread sends what has come together, so that an append never waits for
it, and a thousand small appends a second are a few hundred messages. `listen` runs where somebody follows. Any hint may
be lost, with Redis away all of them: the hub looks at the heads as well.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import cache

import redis
import structlog
from django.conf import settings

CHANNEL = "tailsvc:appended"
# Followers wait this long on the average for half of it; it bounds what sending costs.
PAUSE_SECONDS = 0.003
# Nobody listened to the last one.
UNHEARD_PAUSE_SECONDS = 0.1
RETRY_SECONDS = 1.0
LISTEN_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Teller:
    """Of one process. `tell` may be called from any thread, and never fails."""

    def __init__(self, url: str, channel: str = CHANNEL) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._channel = channel
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
            heard = self._redis.publish(self._channel, ",".join(map(str, streams)))
        except redis.RedisError:
            return RETRY_SECONDS
        return PAUSE_SECONDS if heard else UNHEARD_PAUSE_SECONDS


@cache
def teller() -> Teller:
    return Teller(settings.REDIS_URL)


class Listener:
    """Hands the streams of each hint to `heard`, in a thread of its own, as long as it `is_wanted`.

    `is_up`: hints arrive.
    """

    def __init__(
        self,
        url: str,
        heard: Callable[[Sequence[int]], None],
        is_wanted: Callable[[], bool],
        channel: str = CHANNEL,
    ) -> None:
        # Its health is looked at with each `get_message`: a connection that died silently is noticed.
        self._redis = redis.Redis.from_url(
            url, socket_connect_timeout=1, decode_responses=True, health_check_interval=LISTEN_SECONDS
        )
        self._channel = channel
        self._heard = heard
        self._is_wanted = is_wanted
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.is_up = False

    def start(self) -> None:
        """Where it does not listen yet."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._listen_on, name="listener", daemon=True)
                self._thread.start()

    def _listen_on(self) -> None:
        while self._is_wanted():
            try:
                self._listen()
            except redis.RedisError as error:
                if self.is_up and self._is_wanted():
                    _log.warning("no hints: followers ask the database more often", error=str(error))
                self.is_up = False
                time.sleep(RETRY_SECONDS)
        self.is_up = False

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(self._channel)
            self.is_up = True
            while self._is_wanted():
                message = channel.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    self._heard([int(text) for text in message["data"].split(",")])
