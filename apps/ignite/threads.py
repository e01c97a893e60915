"""Where blocking calls are answered: apart from the default executor, so that slow reads hold up nobody else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
_threads = ThreadPoolExecutor(8, thread_name_prefix="ignite")


async def in_thread(work: Callable[[], T]) -> T:
    """With the request's id for what is logged; the thread's connection goes back to the pool."""

    def done() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, done)
