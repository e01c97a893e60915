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
import psycopg

from config import env
from config.databases import libpq_url, role_url

LOOK_SECONDS = 1.0
ALIVE_SECONDS = 5.0


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
    django.setup()
    from apps.collector.controller import Controller
    from apps.collector.lease import alone
    from apps.sessions import beats

    beats.start("collector")
    await alone(lambda: Controller().run())


async def _first_cluster() -> None:
    """Asks by itself: with Django and all that it brings, who has no cluster would pay 50 MB for waiting."""
    secret_key = env.text("TAILSVC_SECRET_KEY")
    address = libpq_url(role_url(env.text("DATABASE_URL"), secret_key, "maintenance"))
    told = ""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
                while not await _has_cluster(connection):
                    await asyncio.sleep(LOOK_SECONDS)
                return
        except psycopg.Error as error:
            if str(error) != told:
                told = str(error)
                sys.stderr.write(f"The collector waits for the database: {told}\n")
        await asyncio.sleep(LOOK_SECONDS)


async def _has_cluster(connection: "psycopg.AsyncConnection[tuple[bool]]") -> bool:
    found = await (await connection.execute("SELECT EXISTS (SELECT FROM clusters_cluster)")).fetchone()
    return found is not None and found[0]


def run(alive: Path | None = None) -> int:
    """By the environment's settings. The exit code."""
    asyncio.run(collect(alive))
    return 0


if __name__ == "__main__":
    sys.exit(run())
