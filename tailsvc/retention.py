"""Which events are too old, and deleting them. One edge, the same for reading, ingest and deletion."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from tailsvc.storage.base import EventStore, StreamRef

# One transaction's worth: a fraction of a second, so that neither readers nor appenders notice.
BATCH_EVENTS = 5_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    stream: StreamRef
    retention: timedelta


def edge(retention: timedelta, now: int) -> int:
    """Events before this time are gone; one at this very microsecond is not."""
    return max(0, now - round(retention.total_seconds() * 1_000_000))


def sweep(
    store: EventStore,
    policies: Iterable[Policy],
    *,
    now: int,
    report: Callable[[Policy, int], None] = lambda _policy, _gone: None,
) -> int:
    """Delete what is older than its policy allows; how many events went. Safe to run twice at once.

    A stream that fails is left to the next sweep: what one tenant sent must not keep the others' events.
    """
    total = 0
    for policy in policies:
        try:
            gone = _sweep_stream(store, policy, now)
        except Exception:  # noqa: BLE001 (whatever it is)
            _log.exception("retention failed", stream=policy.stream.stream_id, team=policy.stream.team_id)
            continue
        if gone:
            report(policy, gone)
        total += gone
    return total


def _sweep_stream(store: EventStore, policy: Policy, now: int) -> int:
    before, total = edge(policy.retention, now), 0
    while gone := store.drop_before(policy.stream, before, limit=BATCH_EVENTS):
        total += gone
    if total:
        while store.erase(policy.stream):  # what lies with younger events
            pass
    return total
