"""Totals: counted inside a request once, kept by the worker, right without either Redis or worker."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from django.conf import settings

from apps.query.counts import FRESH_SECONDS, Counted, Totals
from tests.factories.accounts import unique

pytestmark = pytest.mark.contract


class World:
    """Counts what is computed, and where; its clock stands still until told to move."""

    def __init__(self, *, url: str | None = None, worker: bool = True) -> None:
        self.now = 1_800_000_000.0
        self.value = 10
        self.in_requests = 0
        self.in_worker = 0
        self.worker = worker
        client = redis.Redis.from_url(url or settings.REDIS_URL, socket_connect_timeout=0.2)
        self.totals = Totals(client, self._compute, self._renew, lambda: self.now)
        self._in_worker = False

    def ask(self, counted: Counted) -> int:
        return self.totals.of(counted)

    def _compute(self, counted: Counted, now: float) -> int:
        if self._in_worker:
            self.in_worker += 1
        else:
            self.in_requests += 1
        return self.value

    def _renew(self, counted: Counted) -> None:
        if self.worker:
            self._in_worker = True
            self.totals.recount(counted)
            self._in_worker = False


@pytest.fixture
def counted() -> Counted:
    return Counted(1, 1, None, None, unique("filters"), "", None)


def test_asked_every_five_seconds_for_three_minutes_it_is_counted_in_a_request_once(counted: Counted) -> None:
    world = World()
    for _ in range(36):
        world.value += 1
        told = world.ask(counted)
        assert world.value - told <= FRESH_SECONDS / 5
        world.now += 5
    assert world.in_requests == 1
    assert world.in_worker >= 3


def test_nobody_is_counted_for_who_does_not_ask(counted: Counted) -> None:
    world = World()
    world.ask(counted)
    world.now += 3600
    world.ask(counted)
    assert (world.in_requests, world.in_worker) == (2, 0)


def test_without_a_worker_the_total_is_at_most_a_minute_old(counted: Counted) -> None:
    world = World(worker=False)
    assert world.ask(counted) == 10
    world.value = 20
    world.now += FRESH_SECONDS - 1
    assert world.ask(counted) == 10
    world.now += 1
    assert world.ask(counted) == 20


def test_without_redis_each_request_counts(counted: Counted) -> None:
    world = World(url="redis://127.0.0.1:1/0")
    assert world.ask(counted) == 10
    world.value = 20
    assert world.ask(counted) == 20


def test_after_a_deletion_it_is_counted_anew(counted: Counted) -> None:
    counted = replace(counted, stream_id=secrets.randbits(40))
    world = World()
    assert world.ask(counted) == 10
    world.value = 3
    assert world.ask(counted) == 10
    world.totals.forget(counted.stream_id + 1)
    assert world.ask(counted) == 10
    world.totals.forget(counted.stream_id)
    assert world.ask(counted) == 3


def test_a_renewal_that_a_deletion_overtakes_is_not_used(counted: Counted) -> None:
    counted = replace(counted, stream_id=secrets.randbits(40))
    world = World()
    world.ask(counted)
    world.totals.forget(counted.stream_id)
    world.totals.recount(counted)  # began before the deletion, and ends after it
    world.value = 3
    assert world.ask(counted) == 3


def test_a_deletion_without_redis_is_no_error(counted: Counted) -> None:
    World(url="redis://127.0.0.1:1/0").totals.forget(counted.stream_id)


def test_one_computation_at_a_time_for_each_key(counted: Counted) -> None:
    entered, go_on = threading.Event(), threading.Event()
    computed = []

    def slow(counted: Counted, now: float) -> int:
        computed.append(now)
        entered.set()
        assert go_on.wait(10)
        return 7

    totals = Totals(redis.Redis.from_url(settings.REDIS_URL), slow, lambda counted: None, lambda: 1_800_000_000.0)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(totals.of, counted) for _ in range(6)]
        assert entered.wait(10)
        go_on.set()
        assert [one.result() for one in asked] == [7] * 6
    assert len(computed) == 1


def test_different_questions_have_different_totals() -> None:
    filters = unique("filters")
    keys = {
        Counted(1, 1, None, None, filters, "", None).key,
        Counted(2, 1, None, None, filters, "", None).key,
        Counted(1, 2, None, None, filters, "", None).key,
        Counted(1, 1, 5, None, filters, "", None).key,
        Counted(1, 1, None, 5, filters, "", None).key,
        Counted(1, 1, None, None, filters + "x", "", None).key,
        Counted(1, 1, None, None, filters, "x", None).key,
        Counted(1, 1, None, None, filters, "", 5).key,
    }
    assert len(keys) == 8
