"""Totals: counted inside a request once, kept by the worker, right without either Redis or worker."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import pytest
import redis
from django.conf import settings

from apps.query.counts import FRESH_SECONDS, Counted, Totals, totals
from apps.query.tasks import recount
from tests.api.conftest import Api
from tests.api.query.asking import address
from tests.factories.accounts import unique
from tests.factories.streams import World, lines, make_world, now_micros

pytestmark = pytest.mark.contract
HOUR = 3_600_000_000
DAY = 24 * 3600  # of retention, in seconds


class Asking:
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
    return Counted(1, 1, DAY, None, None, unique("filters"), "", None)


def test_asked_every_five_seconds_for_three_minutes_it_is_counted_in_a_request_once(counted: Counted) -> None:
    world = Asking()
    for _ in range(36):
        world.value += 1
        told = world.ask(counted)
        assert world.value - told <= FRESH_SECONDS / 5
        world.now += 5
    assert world.in_requests == 1
    assert world.in_worker >= 3


def test_nobody_is_counted_for_who_does_not_ask(counted: Counted) -> None:
    world = Asking()
    world.ask(counted)
    world.now += 3600
    world.ask(counted)
    assert (world.in_requests, world.in_worker) == (2, 0)


def test_without_a_worker_the_total_is_at_most_a_minute_old(counted: Counted) -> None:
    world = Asking(worker=False)
    assert world.ask(counted) == 10
    world.value = 20
    world.now += FRESH_SECONDS - 1
    assert world.ask(counted) == 10
    world.now += 1
    assert world.ask(counted) == 20


def test_without_redis_each_request_counts(counted: Counted) -> None:
    world = Asking(url="redis://127.0.0.1:1/0")
    assert world.ask(counted) == 10
    world.value = 20
    assert world.ask(counted) == 20


def test_after_a_deletion_it_is_counted_anew(counted: Counted) -> None:
    counted = replace(counted, stream_id=secrets.randbits(40))
    world = Asking()
    assert world.ask(counted) == 10
    world.value = 3
    assert world.ask(counted) == 10
    world.totals.forget(counted.stream_id + 1)
    assert world.ask(counted) == 10
    world.totals.forget(counted.stream_id)
    assert world.ask(counted) == 3


def test_a_renewal_that_a_deletion_overtakes_is_not_used(counted: Counted) -> None:
    counted = replace(counted, stream_id=secrets.randbits(40))
    world = Asking()
    world.ask(counted)
    world.totals.forget(counted.stream_id)
    world.totals.recount(counted)  # began before the deletion, and ends after it
    world.value = 3
    assert world.ask(counted) == 3


def test_a_deletion_without_redis_is_no_error(counted: Counted) -> None:
    Asking(url="redis://127.0.0.1:1/0").totals.forget(counted.stream_id)


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
        Counted(1, 1, DAY, None, None, filters, "", None).key,
        Counted(2, 1, DAY, None, None, filters, "", None).key,
        Counted(1, 2, DAY, None, None, filters, "", None).key,
        Counted(1, 1, DAY + 1, None, None, filters, "", None).key,
        Counted(1, 1, DAY, 5, None, filters, "", None).key,
        Counted(1, 1, DAY, None, 5, filters, "", None).key,
        Counted(1, 1, DAY, None, None, filters + "x", "", None).key,
        Counted(1, 1, DAY, None, None, filters, "x", None).key,
        Counted(1, 1, DAY, None, None, filters, "", 5).key,
    }
    assert len(keys) == 9


# Over the stores


def old_and_new() -> tuple[World, int]:
    """A hundred events of two hours ago and ten of now; and the time behind these, in ms."""
    world, now = make_world(), now_micros()
    world.append(lines(100, start=now - 2 * HOUR))
    world.append(lines(10, start=now - 1_000_000))
    return world, now // 1000 + 60_000


def numbers(api: Api, world: World, **params: Any) -> tuple[int, int, int]:
    """How many events a page has, its total, and the histogram's sum."""
    page = api.get(address(world, "logs", limit=500, **params), token=world.token).json()
    histogram = api.get(address(world, "histogram", interval=86_400_000, **params), token=world.token).json()
    return (
        len(page["data"]),
        page["meta"]["total"],
        sum(sum(bucket["counts"].values()) for bucket in histogram["data"]),
    )


@pytest.mark.parametrize("from_start", [False, True], ids=["an end", "both ends"])
def test_what_retention_hides_is_not_counted(api: Api, database: None, *, from_start: bool) -> None:
    world, end = old_and_new()
    window = {"end_time": end, **({"start_time": end - 3 * HOUR // 1000} if from_start else {})}
    assert numbers(api, world, **window) == (110, 110, 110)
    path = f"/api/streams/{world.stream.uuid}"
    assert api.patch(path, {"retention_hours": 1}, token=world.token).status_code == 200
    assert numbers(api, world, **window) == (10, 10, 10)
    assert api.patch(path, {"retention_hours": 3}, token=world.token).status_code == 200
    assert numbers(api, world, **window) == (110, 110, 110)


def test_a_total_since_before_retention_s_edge_is_renewed_behind_it(database: None) -> None:
    world, _ = old_and_new()
    start = now_micros() - 3 * HOUR
    counted = Counted(*world.stream.ref, 3600, start, None, "", "", None)
    recount(**asdict(counted))
    assert totals().of(counted) == 10
    assert totals().of(replace(counted, retention_seconds=3 * 3600)) == 110
