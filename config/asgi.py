"""One ASGI port: the log paths go to plain callables, everything else to Django."""

import asyncio
import gc
import os
import signal
import threading

from config.runtime.children import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

from config.celery import app as celery_app

_django = get_asgi_application()

from django.conf import settings  # noqa: E402 (after Django's set-up)

from apps.console import files  # noqa: E402 (after Django's set-up)
from apps.console.explore import live as explore  # noqa: E402
from apps.feldera import logs as feldera  # noqa: E402
from apps.feldera.asgi import in_feldera_form  # noqa: E402
from apps.http import routing  # noqa: E402
from apps.http.asgi import Endpoint, Receive, Scope, Send, with_small_bodies  # noqa: E402
from apps.http.content_types import in_utf_8  # noqa: E402
from apps.http.routing import LiveRoute  # noqa: E402
from apps.ignite import asgi as ignite  # noqa: E402
from apps.ingest import asgi as ingest  # noqa: E402
from apps.lifecycle import asgi as builds  # noqa: E402
from apps.objects.http import asgi as objects  # noqa: E402
from apps.query import asgi as query  # noqa: E402
from apps.query import tails  # noqa: E402
from apps.sessions import beats  # noqa: E402
from apps.tail.following import following  # noqa: E402

__all__ = ["LIVE_ROUTES", "RAW_ROUTES", "application", "celery_app"]

# A web worker that outlives its master would go on answering on the shared port.
die_with_parent()

# Nobody sends Django more than a form or a small object.
django_application = in_utf_8(with_small_bodies(_django, settings.DATA_UPLOAD_MAX_MEMORY_SIZE))  # type: ignore[arg-type]

# Pages of logs and their kin, the console's files, and behind them whatever else there is.
_reads = query.in_front_of(files.in_front_of(django_application))

# Answers without an end and Kubernetes' API, and behind them the rest.
LIVE_ROUTES = [
    LiveRoute(tails.ROUTE, tails.tail),
    LiveRoute(explore.ROUTE, explore.live),
    LiveRoute(builds.ROUTE, builds.follow),
    LiveRoute(feldera.ROUTE, feldera.logs, feldera.refuse),
    *ignite.live_routes(),
    *objects.routes(),
]
_others = in_feldera_form(routing.in_front_of(ignite.without_others(objects.without_others(_reads)), LIVE_ROUTES))

# (prefix of the path, endpoint): what does not pass through Django. The isolation tests read this table.
RAW_ROUTES: list[tuple[str, Endpoint]] = [(ingest.PREFIX, ingest.ingest)]


# Python looks for garbage in cycles whenever 700 more objects live than before, and a batch of events makes tens of
# thousands that are in none. What is loaded by now stays for good and needs no looking at. (CPU of parsing a batch: a
# third less; of a single line: a quarter.)
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        path: str = scope["path"]
        for prefix, endpoint in RAW_ROUTES:
            if path.startswith(prefix):
                await endpoint(scope, receive, send)
                return
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    await _others(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _end_streams_on(signal.SIGTERM, signal.SIGINT)
            beats.start("web")
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _end_streams_on(*signals: signal.Signals) -> None:
    """The server waits for open requests before it says `lifespan.shutdown`, and followers have no end of their own.

    Beside its handlers, which its event loop calls from the same signals.
    """
    loop = asyncio.get_running_loop()

    def stop(_number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(lambda: following().stop())

    if threading.current_thread() is threading.main_thread():
        for number in signals:
            signal.signal(number, stop)
