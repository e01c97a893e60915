"""Followers resume over kills of anything, hints that are lost, and without Redis: no gap and no double."""

import os
import random
import time

import pytest

from tests.durability.followers import Audience
from tests.durability.producers import Load
from tests.durability.victims import Victims
from tests.journeys.service import Service, Stream, tailsvc_up
from tests.runtime.instances import until
from tests.servers import reachable_folder

ROUNDS = int(os.environ.get("TAILSVC_KILL_ROUNDS", "5"))
KINDS = {"web": 40, "web master": 15, "postgres": 15, "session": 10, "valkey": 20}


def test_whatever_is_killed_each_follower_is_sent_each_event_once(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1_000_000)
    with reachable_folder() as folder, tailsvc_up(folder / "home") as service:
        stream = service.new_stream("followed")
        load, audience = Load.start(stream, keyed=3, unkeyed=1), Audience.start(service, stream)
        victims = Victims(service.instance, random.Random(seed), KINDS)
        try:
            for _ in range(ROUNDS):
                kill_round(load, victims)
        finally:
            load.finish()
        report = settled(service, stream, audience)
    with capsys.disabled():
        print(f"\n  seed {seed}, killed {dict(victims.killed)}: {report}")


def kill_round(load: Load, victims: Victims) -> None:
    time.sleep(victims.random.uniform(0, 0.8))
    killed_at = victims.kill_one()
    until(lambda: victims.all_run() and load.has_settled_since(killed_at), "all to be well")


def settled(service: Service, stream: Stream, audience: Audience) -> str:
    with service.api() as api:
        page = api.get(f"/api/streams/{stream.uuid}/export", params={"direction": "asc"})
    last_id = max(map(_id_of, page.iter_lines()))
    until(lambda: audience.has_seen(last_id), "the followers to have all")
    audience.finish()
    return audience.settled(last_id)


def _id_of(line: str) -> int:
    return int(line.removeprefix('{"id":').partition(",")[0])
