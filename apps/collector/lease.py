"""One collector at a time, so that clusters are asked once. It is no matter of safety: of two collectors that read the
same container, the positions let one store each line. So where Redis is away, whoever wants to collects.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

import redis.asyncio
import structlog
from django.conf import settings

KEY = "tailsvc:collector"
RENEW_SECONDS = 1.0
# A holder that dies on another machine keeps the others waiting that long.
HELD_SECONDS = 6
_log = structlog.get_logger(__name__)

# Answers whether we hold it now.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


async def alone(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` whenever no other collector does, until cancelled."""
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        while True:
            await _until(client, held=True)
            await _work_while_held(client, work)
    finally:
        await client.aclose()


async def _work_while_held(client: "redis.asyncio.Redis", work: Callable[[], Awaitable[None]]) -> None:
    lost = asyncio.ensure_future(_until(client, held=False))
    working = asyncio.ensure_future(work())
    try:
        await asyncio.wait({lost, working}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (lost, working):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _until(client: "redis.asyncio.Redis", *, held: bool) -> None:
    told = False
    while await _hold(client) != held:
        if not held or told:
            await asyncio.sleep(RENEW_SECONDS)
            continue
        _log.warning("another collector is at work; this one waits for its end")
        told = True


async def _hold(client: "redis.asyncio.Redis") -> bool:
    try:
        return bool(await client.eval(_HOLD, 1, KEY, _holder(), str(HELD_SECONDS)))
    except redis.RedisError:
        return True


def _holder() -> str:
    """Of one place: a collector that is started again there takes over at once."""
    return f"{os.environ.get('TAILSVC_RUN_ID') or '-'} {socket.gethostname()}"
