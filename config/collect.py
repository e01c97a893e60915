"""The collector: one process, supervised by `tailsvc up`, or a service of its own.

`python -m config.collect`; `tailsvc collect` is the same for people. Until a team has a cluster it only looks for one,
with nothing loaded that collecting needs.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
import structlog

LOOK_SECONDS = 1.0
ALIVE_SECONDS = 5.0
_log = structlog.get_logger(__name__)


async def collect(alive: Path | None) -> None:
    """Until SIGTERM or SIGINT. `alive` is touched while the loop turns."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    life = asyncio.ensure_future(_show_life(alive))
    work = asyncio.ensure_future(_work())
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, work, life):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _show_life(alive: Path | None) -> None:
    while alive is not None:
        alive.touch()
        await asyncio.sleep(ALIVE_SECONDS)


async def _work() -> None:
    await _first_cluster()
    from apps.collector.controller import Controller
    from apps.collector.lease import alone
    from apps.sessions import beats

    beats.start("collector")
    await alone(lambda: Controller().run())


async def _first_cluster() -> None:
    from apps.clusters.lookups import any_wanted
    from apps.objects.watching import in_thread

    while True:
        try:
            if await in_thread(any_wanted):
                return
        except Exception as error:  # noqa: BLE001 (the database may be away; it is asked again)
            _log.warning("the collector waits for the database", error=repr(error))
        await asyncio.sleep(LOOK_SECONDS)


def run(alive: Path | None = None) -> int:
    """Set Django up from the environment, and collect. The exit code."""
    django.setup()
    asyncio.run(collect(alive))
    return 0


if __name__ == "__main__":
    sys.exit(run())
