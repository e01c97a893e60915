"""Rounds of upkeep: the same for every stream, one after the other."""

from collections.abc import Callable, Iterable

import structlog

from tailsvc.errors import StorageUnreachable, UnknownStream
from tailsvc.storage.base import StreamRef

_log = structlog.get_logger(__name__)

# What is to be done for a stream, and how many things it dealt with.
Chore = tuple[StreamRef, Callable[[], int]]


def go_round(task: str, chores: Iterable[Chore]) -> int:
    """Do them all; the sum of what they answer.

    A stream that fails is left to the next round: what one tenant sent must not hold up the others. Raises
    StorageUnreachable at once: every further stream would wait for a connection as long as the first.
    """
    total, failed = 0, []
    for stream, chore in chores:
        try:
            total += chore()
        except StorageUnreachable:
            raise
        except UnknownStream:  # it was purged meanwhile
            continue
        except Exception:  # noqa: BLE001 (whatever it is)
            _log.exception(f"{task} failed", stream=stream.stream_id, team=stream.team_id)
            failed.append(stream.stream_id)
    if failed:
        _log.error(f"{task} left streams to its next round", streams=failed)
    return total
