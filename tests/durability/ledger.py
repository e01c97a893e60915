"""What the store has, held against what the producers were told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tests.durability.producers import Batch, Producer

Event = tuple[int, int]  # producer, sequence


@dataclass(frozen=True, slots=True)
class Tally:
    stored: int
    acknowledged: int
    unacknowledged: int
    found_unacknowledged: int


def settle(producers: Sequence[Producer], shown: Iterable[dict[str, Any]]) -> Tally:
    """Asserts everything that is promised, and counts."""
    stored = _by_id(shown)
    assert sorted(stored) == list(range(1, len(stored) + 1)), "the ids have holes"
    ids: dict[Event, int] = {}
    for event_id in sorted(stored):
        # Each batch was acknowledged once at most, or was sent once: nothing may be there twice.
        assert ids.setdefault(stored[event_id], event_id) == event_id, f"{stored[event_id]} is there twice"
    acknowledged = 0
    for producer in producers:
        acknowledged += _assert_acknowledged_in_order(producer, ids)
    sent = sum(batch.size for producer in producers for batch in producer.record.batches)
    strangers = ids.keys() - {event for producer in producers for event in _events(producer, producer.record.batches)}
    assert not strangers, f"never sent: {sorted(strangers)[:5]}"
    return Tally(len(stored), acknowledged, sent - acknowledged, len(stored) - acknowledged)


def _by_id(shown: Iterable[dict[str, Any]]) -> dict[int, Event]:
    stored: dict[int, Event] = {}
    for event in shown:
        assert event["id"] not in stored, f"id {event['id']} is shown twice"
        line = orjson.loads(event["raw_message"])
        stored[event["id"]] = (line["producer"], line["sequence"])
    return stored


def _assert_acknowledged_in_order(producer: Producer, ids: dict[Event, int]) -> int:
    """How many were acknowledged."""
    batches = [batch for batch in producer.record.batches if batch.acknowledged]
    events = _events(producer, batches)
    lost = [event for event in events if event not in ids]
    assert not lost, f"acknowledged and lost: {lost[:5]} and {len(lost)} in all"
    order = [ids[event] for event in events]
    assert order == sorted(order), f"{producer.name}'s events are out of order"
    return len(events)


def _events(producer: Producer, batches: Sequence[Batch]) -> list[Event]:
    return [(producer.number, n) for batch in batches for n in range(batch.first, batch.first + batch.size)]
