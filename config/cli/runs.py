"""One compaction of everything: asked of the worker, and waited for."""

import time
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

from config.cli import checks
from config.cli.terminal import fail

if TYPE_CHECKING:
    from celery.result import AsyncResult

_MISSING = {"redis": "Redis cannot be reached", "worker": "No worker answers"}
_LOOK_SECONDS = 0.2
# So long may a run be unknown to every worker before it counts as lost.
_ASK_SECONDS, _SILENCE_SECONDS = 3.0, 15.0


def require_worker() -> None:
    """Exits with 1 where nobody would take what is asked."""
    for finding in chain(checks.redis(), checks.worker()):
        if finding.state == "fault":
            fail(
                f"{_MISSING[finding.subject]}, so nothing is compacted now. "
                "`tailsvc doctor` says more; `tailsvc up` starts all that is needed."
            )


def ask() -> None:
    from apps.compaction.tasks import everything

    everything.apply_async(ignore_result=True)


def run(watch: Callable[[], None]) -> int:
    """How many steps the worker took, calling `watch` meanwhile. Asks again where the run was lost.

    That is to say, where the worker was killed: Redis hands its task to the next one only after an hour.
    """
    from apps.compaction.tasks import everything

    while True:
        asked = everything.apply_async()
        if _has_ended(asked, watch):
            break
        require_worker()
    if not asked.successful():
        fail(f"The run failed in the worker, whose log says more: {asked.result!r}")
    steps: int = asked.result  # type: ignore[assignment]  # it succeeded
    asked.forget()
    return steps


def _has_ended(asked: "AsyncResult[int]", watch: Callable[[], None]) -> bool:
    """Wait for that. False if no worker knows of it any more."""
    asked_at = known_at = time.monotonic()
    while not _is_ready(asked):
        watch()
        if time.monotonic() - asked_at >= _ASK_SECONDS:
            is_known, asked_at = _is_known(asked), time.monotonic()
            known_at = asked_at if is_known else known_at
        if time.monotonic() - known_at >= _SILENCE_SECONDS:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _is_ready(asked: "AsyncResult[int]") -> bool:
    from redis import RedisError

    try:
        return asked.ready()
    except (RedisError, OSError):  # it may be back in a moment
        return False


def _is_known(asked: "AsyncResult[int]") -> bool:
    from kombu.exceptions import OperationalError

    from config.celery import app

    try:
        answers = app.control.inspect(timeout=_ASK_SECONDS, limit=1).query_task(asked.id)
    except (OperationalError, OSError):
        return False
    return any(asked.id in tasks for tasks in (answers or {}).values())
