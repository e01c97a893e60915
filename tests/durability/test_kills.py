"""Processes are killed hard while logs come in. More rounds: TAILSVC_KILL_ROUNDS=200."""

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from config.runtime.ports import free_port
from tests.durability.ledger import settle
from tests.durability.producers import Load
from tests.durability.upkeep import Compaction, whole
from tests.durability.victims import Victims
from tests.journeys.service import Service, Stream, every_event, tailsvc_up
from tests.runtime.instances import until
from tests.servers import reachable_folder

ROUNDS = int(os.environ.get("TAILSVC_KILL_ROUNDS", "10"))
KEYED, UNKEYED = 5, 2
HEALED_WITHIN_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Hits:
    """Kills that found POSTs with a key unanswered, and those that broke one, so that it had to be sent again."""

    waiting: int
    broken: int


def test_whatever_is_killed_each_acknowledged_event_is_there_once(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1_000_000)
    with reachable_folder() as folder, tailsvc_up(folder / "home") as service:
        stream = service.new_stream("kills")
        started = time.monotonic()
        load = Load.start(stream, keyed=KEYED, unkeyed=UNKEYED)
        victims = Victims(service.instance, random.Random(seed))
        try:
            with Compaction(service) as compaction:
                kills = kill_until_it_shows(load, victims)
        finally:
            load.finish()
        hits = hits_of(kills, load)
        report = f"{len(kills)} rounds in {time.monotonic() - started:.0f} s (seed {seed}): {told(victims, hits, load)}"
        report += settled(service, stream, load) + whole(service) + f", compacted {compaction.asked} times"
    with capsys.disabled():
        print(f"\n  {report}")
    assert hits.waiting >= ROUNDS / 2, report
    assert hits.broken >= ROUNDS / 3, report


def kill_until_it_shows(load: Load, victims: Victims) -> list[float]:
    """Chance chooses what is killed, and half of that breaks no POST: rounds are added until enough of them did."""
    kills = [kill_round(load, victims) for _ in range(ROUNDS)]
    while hits_of(kills, load).broken < ROUNDS / 3 and len(kills) < 3 * ROUNDS:
        kills.append(kill_round(load, victims))
    return kills


def kill_round(load: Load, victims: Victims) -> float:
    """Kill something while half of the producers wait for an answer; then wait until all is well again."""
    time.sleep(victims.random.uniform(0, 0.8))
    until(lambda: load.waiting() >= len(load.producers) / 2, "half of the producers to wait for an answer")
    killed_at = victims.kill_one()

    def is_well() -> bool:
        return victims.all_run() and load.has_settled_since(killed_at)

    until(is_well, "every program to run and every producer to get on", seconds=HEALED_WITHIN_SECONDS)
    return killed_at


def hits_of(kills: Sequence[float], load: Load) -> Hits:
    attempts = [attempt for producer in load.producers if producer.keyed for attempt in producer.record.attempts]
    under_way = [[attempt for attempt in attempts if attempt.spans(moment)] for moment in kills]
    broken = [[attempt for attempt in found if not attempt.answered] for found in under_way]
    return Hits(waiting=sum(map(bool, under_way)), broken=sum(map(bool, broken)))


def told(victims: Victims, hits: Hits, load: Load) -> str:
    killed = ", ".join(f"{kind} {times}" for kind, times in sorted(victims.killed.items()))
    failed = sum(not attempt.answered for record in load.records for attempt in record.attempts)
    replays = sum(record.replays for record in load.records)
    return (
        f"killed {killed}; POSTs were unanswered at {hits.waiting} kills and broke at {hits.broken}; "
        f"{failed} POSTs failed, {replays} were answered as repeats; "
    )


def settled(service: Service, stream: Stream, load: Load) -> str:
    with service.api() as api:
        tally = settle(load.producers, every_event(api, stream.uuid))
    return (
        f"{tally.acknowledged} events acknowledged, all there once and in order, ids 1..{tally.stored}; "
        f"of {tally.unacknowledged} sent once without a key and not acknowledged {tally.found_unacknowledged} are there"
    )


def test_a_killed_supervisor_loses_nothing_and_the_next_one_takes_over(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port(in_a_row=2)  # HTTP and gRPC
    with reachable_folder() as folder, tailsvc_up(folder / "home", port=port) as first:
        stream = first.new_stream("supervisor")
        load = Load.start(stream, keyed=KEYED, unkeyed=UNKEYED)
        try:
            load_for_a_while(load)
            first.instance.process.kill()
            until(lambda: not first.instance.processes(), "every process to end")
            with tailsvc_up(folder / "home", port=port) as second:
                load_for_a_while(load)
                load.finish()
                report = settled(second, stream, load)
        finally:
            load.finish()
    with capsys.disabled():
        print(f"\n  {report}")


def load_for_a_while(load: Load) -> None:
    for _ in range(3):
        moment = time.monotonic()
        until(partial(load.has_settled_since, moment), "every producer to get on", seconds=HEALED_WITHIN_SECONDS)
    until(lambda: load.waiting() >= 2, "POSTs to be under way")
