"""/api/streams/{stream}/replicas: reported by heartbeats, or inferred from lines."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.scope import team_scope
from apps.lifecycle import limits
from apps.lifecycle.models import Replica
from tailsvc.events import Event
from tests.api.conftest import Api
from tests.factories.lifecycle import report_replica
from tests.factories.streams import World, make_world, now_micros

pytestmark = pytest.mark.contract
WHOLE = {
    "status": "running",
    "ready": True,
    "cluster": "worker-eu-1",
    "node": "ip-10-0-3-17",
    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "A", "status": "Unknown"}],
    "restarts": 3,
    "cpu_millicores": 120,
    "memory_mb": 2**40,
    "started_at": "2026-01-02T03:04:05.678900Z",
}
KEYS = {*WHOLE, "id", "reported", "running", "heartbeat_at"}


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def path(world: World, name: str = "") -> str:
    return f"/api/streams/{world.stream.uuid}/replicas" + (f"/{name}" if name else "")


def listed(api: Api, world: World, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(path(world) + query, token=world.token)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]  # type: ignore[no-any-return]


def put(api: Api, world: World, name: str, body: Any) -> Any:
    return api.request("PUT", path(world, name), body, token=world.token)


def test_what_is_reported_is_shown_in_its_order(api: Api, world: World) -> None:
    first, again = put(api, world, "web-1", WHOLE), put(api, world, "web-1", WHOLE)
    assert (first.status_code, again.status_code) == (201, 200)
    (shown,) = listed(api, world)
    assert shown.keys() == KEYS
    assert {name: shown[name] for name in WHOLE} == WHOLE
    assert (shown["id"], shown["reported"], shown["running"]) == ("web-1", True, True)
    assert shown == again.json()


def test_a_heartbeat_tells_the_whole_state(api: Api, world: World) -> None:
    put(api, world, "web-1", WHOLE)
    shown = put(api, world, "web-1", {}).json()
    assert (shown["node"], shown["conditions"], shown["restarts"], shown["cpu_millicores"]) == ("", [], 0, None)
    assert (shown["status"], shown["ready"]) == ("running", True)
    assert shown["started_at"] == WHOLE["started_at"]  # what it was once told


def test_without_a_start_it_started_when_it_was_first_reported(api: Api, world: World) -> None:
    first, second = put(api, world, "web-1", {}).json(), put(api, world, "web-1", {}).json()
    assert first["started_at"] == second["started_at"] == first["heartbeat_at"] < second["heartbeat_at"]


@pytest.mark.parametrize("status", ["pending", "terminating", "failed", "succeeded"])
def test_only_status_running_is_running(api: Api, world: World, status: str) -> None:
    shown = put(api, world, "web-1", {"status": status}).json()
    assert (shown["running"], shown["ready"]) == (False, False)
    assert listed(api, world, "?running=true") == []
    assert len(listed(api, world, "?running=false")) == 1


def test_without_a_heartbeat_for_a_minute_it_does_not_run(api: Api, world: World) -> None:
    now = datetime.now(UTC)
    report_replica(world.stream, "late", now=now - timedelta(seconds=61))
    report_replica(world.stream, "on time", now=now - timedelta(seconds=55))
    assert {one["id"]: one["running"] for one in listed(api, world)} == {"late": False, "on time": True}
    put(api, world, "late", {})
    assert {one["running"] for one in listed(api, world)} == {True}


def test_where_nobody_reports_lines_tell(api: Api, world: World) -> None:
    """By replica, else by src, else by container; old lines tell nothing."""
    now = now_micros()
    world.append(
        [
            Event(now, b"1", replica="by-replica", src="src-of-it", container="app"),
            Event(now, b"2", src="by-src", container="app"),
            Event(now, b"3", container="by-container"),
            Event(now, b"4"),
            Event(now - 61_000_000, b"5", replica="silent"),
            Event(now + 20_000_000, b"5", replica="with-a-clock-ahead"),
            Event(now + 120_000_000, b"5", replica="with-a-wrong-clock"),
            Event(now, b"6", replica="", src="by-src"),
        ]
    )
    found = listed(api, world)
    assert [one["id"] for one in found] == ["by-container", "by-replica", "by-src", "with-a-clock-ahead"]
    assert {(one["reported"], one["running"], one["started_at"]) for one in found} == {(False, True, None)}


def test_who_reports_and_logs_is_one_and_the_report_counts(api: Api, world: World) -> None:
    world.append([Event(now_micros(), b"x", replica="web-1"), Event(now_micros(), b"x", replica="web-2")])
    put(api, world, "web-1", {"node": "n", "status": "terminating"})
    assert [(one["id"], one["reported"], one["running"]) for one in listed(api, world)] == [
        ("web-1", True, False),
        ("web-2", False, True),
    ]


def test_a_withdrawn_replica_is_gone(api: Api, world: World) -> None:
    put(api, world, "web-1", {})
    assert api.delete(path(world, "web-1"), token=world.token).status_code == 204
    assert listed(api, world) == []
    assert api.delete(path(world, "web-1"), token=world.token).status_code == 404
    assert api.delete(path(world, "a%00b"), token=world.token).status_code == 404


def test_after_leads_through_all_pages(api: Api, world: World) -> None:
    for number in range(5):
        report_replica(world.stream, f"web-{number}")
    seen: list[str] = []
    told = api.get(f"{path(world)}?limit=2", token=world.token).json()
    while told["meta"]["has_more"]:
        seen += [one["id"] for one in told["data"]]
        told = api.get(f"{path(world)}?limit=2&after={seen[-1]}", token=world.token).json()
    assert seen + [one["id"] for one in told["data"]] == [f"web-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "gone"}, "status"),
        ({"restarts": -1}, "restarts"),
        ({"restarts": 2**31}, "restarts"),
        ({"cpu_millicores": 2**63}, "cpu_millicores"),
        ({"node": 5}, "node"),
        ({"node": "a\x00b"}, "node"),
        ({"conditions": [{"type": "Ready", "status": "yes"}]}, "conditions.0.status"),
        ({"conditions": [{"type": "T", "status": "True"}] * 21}, "conditions.non_field_errors"),
        ({"started_at": "yesterday"}, "started_at"),
        ([], "non_field_errors"),
    ],
)
def test_an_unusable_state_is_told(api: Api, world: World, body: Any, field: str) -> None:
    answer = put(api, world, "web-1", body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert listed(api, world) == []


@pytest.mark.parametrize("name", ["%20", "a%00b", "%C3%A4", "x" * 254])
def test_a_name_that_no_path_should_hold_is_refused(api: Api, world: World, name: str) -> None:
    answer = put(api, world, name, {})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["replica"])


def test_a_stream_has_a_limited_number(api: Api, world: World) -> None:
    now = datetime.now(UTC)
    with team_scope(world.team.pk):
        Replica.objects.bulk_create(
            Replica(
                team=world.team, stream=world.stream, name=f"r{number}", status="running", ready=True,
                started_at=now, heartbeat_at=now,
            )
            for number in range(limits.REPLICAS_PER_STREAM)
        )  # fmt: skip
    assert put(api, world, "one-more", {}).status_code == 422
    assert put(api, world, "r0", {}).status_code == 200
