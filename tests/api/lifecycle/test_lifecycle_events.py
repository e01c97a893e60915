"""/api/streams/{stream}/lifecycle-events: what happened, counted where it repeats itself."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from apps.accounts import verdicts
from apps.accounts.models import Plan
from apps.accounts.scope import maintenance, team_scope
from apps.lifecycle import changes, limits
from apps.lifecycle.models import LifecycleEvent, LifecycleHead
from tailsvc.storage.base import StreamRef
from tests.api.conftest import Api
from tests.factories.lifecycle import record_event
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract
OOM = {"reason": "OOMKilling", "message": "Killed process 1", "replica": "web-1"}
KEYS = {"id", "change", "kind", "severity", "reason", "message", "replica", "count", "first_at", "last_at"}


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def path(world: World) -> str:
    return f"/api/streams/{world.stream.uuid}/lifecycle-events"


def listed(api: Api, world: World, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(path(world) + query, token=world.token)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]  # type: ignore[no-any-return]


def post(api: Api, world: World, body: Any) -> Any:
    return api.post(path(world), body, token=world.token)


def test_an_event_is_recorded_and_shown(api: Api, world: World) -> None:
    answer = post(api, world, OOM)
    assert answer.status_code == 201
    (shown,) = listed(api, world)
    assert shown == answer.json()
    assert shown.keys() == KEYS
    assert {name: shown[name] for name in OOM} == OOM
    assert (shown["kind"], shown["severity"], shown["count"]) == ("oom_killed", "Warning", 1)
    assert shown["first_at"] == shown["last_at"]


@pytest.mark.parametrize(
    ("told", "kind", "severity"),
    [
        ({"reason": "Scheduled"}, "scheduled", "Normal"),
        ({"reason": "CrashLoopBackOff"}, "crashed", "Warning"),
        ({"reason": "KEDAScaleTargetDeactivated"}, "scaled_to_zero", "Normal"),
        ({"reason": "SomethingElse"}, "other", "Normal"),
        ({"reason": "SomethingElse", "kind": "evicted"}, "evicted", "Warning"),
        ({"reason": "Evicted", "severity": "Normal"}, "evicted", "Normal"),
    ],
)
def test_what_is_not_said_follows_from_the_reason(
    api: Api, world: World, told: dict[str, str], kind: str, severity: str
) -> None:
    shown = post(api, world, told).json()
    assert (shown["kind"], shown["severity"]) == (kind, severity)


def test_the_same_again_is_counted_and_comes_to_the_front(api: Api, world: World) -> None:
    first = post(api, world, OOM).json()
    post(api, world, {"reason": "Started", "replica": "web-1"})
    again = post(api, world, {**OOM, "count": 4})
    assert (again.status_code, again.json()["id"], again.json()["count"]) == (200, first["id"], 5)
    assert [(one["reason"], one["count"]) for one in listed(api, world)] == [("OOMKilling", 5), ("Started", 1)]
    assert again.json()["first_at"] == first["first_at"] < again.json()["last_at"]


@pytest.mark.parametrize("different", [{"replica": "web-2"}, {"message": "another"}, {"severity": "Normal"}])
def test_what_differs_is_another(api: Api, world: World, different: dict[str, str]) -> None:
    post(api, world, OOM)
    assert post(api, world, {**OOM, **different}).status_code == 201


def test_what_happened_long_ago_is_not_counted_on(api: Api, world: World) -> None:
    then = datetime.now(UTC) - limits.COALESCED_WITHIN - timedelta(minutes=1)
    post(api, world, {**OOM, "timestamp": then.isoformat()})
    assert post(api, world, OOM).status_code == 201
    late = post(api, world, {**OOM, "timestamp": (then + timedelta(seconds=5)).isoformat()})
    assert (late.status_code, late.json()["count"]) == (200, 2)  # with those of its time


def test_two_at_once_are_one_with_a_count_of_two(database: None) -> None:
    world = make_world()

    def record(_: int) -> None:
        record_event(world.stream, reason="Started")
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(20)))
    with team_scope(world.team.pk):
        assert LifecycleEvent.objects.get(stream=world.stream).count == 20
        assert LifecycleHead.objects.get(stream=world.stream).last_change == 20


def test_filters(api: Api, world: World) -> None:
    now = datetime.now(UTC)
    record_event(world.stream, reason="Started", replica="web-1", now=now - timedelta(minutes=30))
    record_event(world.stream, reason="Evicted", replica="web-1", now=now)
    record_event(world.stream, reason="Evicted", replica="web-2", now=now)
    since = round((now - timedelta(minutes=1)).timestamp() * 1000)
    asked = ["?severity=Warning", "?replica=web-1", f"?since={since}", "?severity=Normal&replica=web-2", "?replica=%00"]
    assert [len(listed(api, world, query)) for query in asked] == [2, 2, 2, 0, 0]
    assert listed(api, world, f"?since={2**62}") == []


def test_before_leads_through_all_pages(api: Api, world: World) -> None:
    for number in range(5):
        record_event(world.stream, reason=f"r{number}")
    seen: list[str] = []
    query = "?limit=2"
    while query:
        told = api.get(path(world) + query, token=world.token).json()
        seen += [one["reason"] for one in told["data"]]
        query = f"?limit=2&before={told['data'][-1]['change']}" if told["meta"]["has_more"] else ""
    assert seen == ["r4", "r3", "r2", "r1", "r0"]


def test_events_are_kept_for_an_hour_and_longer_where_the_plan_says_so(api: Api, world: World) -> None:
    now = datetime.now(UTC)
    record_event(world.stream, reason="Old", now=now - timedelta(minutes=61))
    record_event(world.stream, reason="New", now=now - timedelta(minutes=59))
    assert [one["reason"] for one in listed(api, world)] == ["New"]
    with maintenance(atomic=True):
        plan = Plan.objects.create(name=world.team.slug, retention_hours=72, lifecycle_event_hours=2)
        type(world.team).objects.filter(pk=world.team.pk).update(plan=plan)
    verdicts.forget_all()
    assert [one["reason"] for one in listed(api, world)] == ["New", "Old"]


def test_of_too_many_the_oldest_go(api: Api, world: World) -> None:
    record_event(world.stream, reason="first")
    with maintenance(atomic=True):
        LifecycleHead.objects.filter(stream=world.stream).update(last_change=limits.EVENTS_PER_STREAM)
    record_event(world.stream, reason="last")
    assert [one["reason"] for one in listed(api, world)] == ["last"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 129}, "reason"),
        ({"reason": "x", "message": "y" * 1025}, "message"),
        ({"reason": "x", "kind": "exploded"}, "kind"),
        ({"reason": "x", "severity": "warning"}, "severity"),
        ({"reason": "x", "count": 0}, "count"),
        ({"reason": "x", "timestamp": "2001-01-01T00:00:00Z"}, "timestamp"),
        ({"reason": "x", "timestamp": "2101-01-01T00:00:00Z"}, "timestamp"),
        ({"reason": "x", "timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"reason": "x\x00"}, "reason"),
    ],
)
def test_an_unusable_event_is_told(api: Api, world: World, body: dict[str, Any], field: str) -> None:
    answer = post(api, world, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert listed(api, world) == []


@pytest.mark.parametrize("query", ["severity=warning", "since=x", "before=-1", "limit=501"])
def test_an_unusable_parameter_is_told(api: Api, world: World, query: str) -> None:
    answer = api.get(f"{path(world)}?{query}", token=world.token)
    name = query.partition("=")[0]
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [name])
    assert name in answer.json()["detail"]


def test_a_team_that_cannot_be_asked_keeps_no_follower_of_another_waiting(world: World) -> None:
    async def followed() -> None:
        watch = changes.Watch(every=0.05)
        no_team = StreamRef(world.stream.pk, 2**70)  # which the database refuses
        waiting = [asyncio.ensure_future(watch.beyond(one, 0)) for one in (no_team, world.stream.ref)]
        await asyncio.to_thread(record_event, world.stream, **OOM)
        assert await asyncio.wait_for(waiting[1], 20) == 1
        assert not waiting[0].done()
        waiting[0].cancel()

    asyncio.run(followed())
