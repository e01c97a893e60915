"""Which events are too old, and deleting them. One edge, the same for reading, ingest and deletion."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from tailsvc.rounds import go_round
from tailsvc.storage.base import EventStore, StreamRef

# One transaction's worth: a fraction of a second, so that neither readers nor appenders notice.
BATCH_EVENTS = 5_000


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
    """Delete what is older than its policy allows; how many events went. Safe to run twice at once."""
    chores = ((policy.stream, partial(_sweep_stream, store, policy, now, report)) for policy in policies)
    return go_round("retention", chores)


def _sweep_stream(store: EventStore, policy: Policy, now: int, report: Callable[[Policy, int], None]) -> int:
    before, total = edge(policy.retention, now), 0
    while gone := store.drop_before(policy.stream, before, limit=BATCH_EVENTS):
        total += gone
    if total:
        report(policy, total)
        while store.erase(policy.stream):  # what lies with younger events
            pass
    return total
