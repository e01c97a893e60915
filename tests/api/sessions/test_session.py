"""The team's computed session, over the API."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.scope import team_scope
from apps.lifecycle.kinds import BuildStatus
from apps.objects import history, limits
from apps.objects.services import set_status
from apps.objects.watching import watch
from apps.sessions import beats
from apps.sessions.services import NAME
from tailsvc.objects.session import SESSION
from tests.api.objects.conftest import APPLY, JSON_PATCH, MERGE, SESSIONS, Kube, kube, refused
from tests.factories.accounts import make_team
from tests.factories.lifecycle import finish_build, make_build, report_replica
from tests.factories.streams import delete_stream, make_stream

__all__ = ["kube"]

PATH = f"{SESSIONS}/{NAME}"


@pytest.fixture(autouse=True)
def _nobody_died(database: None) -> None:
    """Other tests of this process may have started parts of ours, and ended them."""
    beats.client().delete("tailsvc:processes")


def status_of(kube: Kube) -> dict[str, Any]:
    answer = kube.get(PATH)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()["status"]
    return found


def state_of(kube: Kube, name: str) -> dict[str, Any]:
    [found] = [one["state"] for one in status_of(kube)["targets"] if one["name"] == name]
    return dict(found)


def test_every_team_has_one_from_the_start(kube: Kube) -> None:
    found = kube.get(PATH).json()
    assert found["spec"] == {"tiltfilePath": "Tiltfile", "exitCondition": "manual"}
    names = [one["name"] for one in found["status"]["targets"]]
    assert names == sorted(names)
    assert {"web", "worker", "beat", "compaction.sweep", "retention.sweep"} <= set(names)
    assert not found["status"]["done"]
    assert kube.get(SESSIONS).json()["items"][0]["metadata"]["uid"] == found["metadata"]["uid"]


def test_it_is_there_for_who_writes_first(kube: Kube) -> None:
    assert kube.patch(PATH, {"spec": {"exitCondition": "ci"}}, MERGE).json()["spec"]["tiltfilePath"] == "Tiltfile"
    other = Kube(make_team("unlimited"))
    made = {"metadata": {"name": NAME}, "spec": {"tiltfilePath": "mine", "exitCondition": "ci"}}
    refused(other.post(SESSIONS, made), 409, "AlreadyExists")


def test_what_has_not_changed_is_not_written_again(kube: Kube) -> None:
    first = kube.get(PATH).json()["metadata"]["resourceVersion"]
    assert kube.get(PATH).json()["metadata"]["resourceVersion"] == first


def test_it_cannot_be_deleted_neither_alone_nor_with_others(kube: Kube) -> None:
    uid = kube.get(PATH).json()["metadata"]["uid"]
    answer = kube.delete(PATH)
    refused(answer, 405, "MethodNotAllowed")
    assert kube.delete(SESSIONS).status == 200
    assert kube.get(PATH).json()["metadata"]["uid"] == uid


def test_its_exit_condition_can_be_changed_and_its_status_cannot(kube: Kube) -> None:
    before = status_of(kube)
    changed = kube.patch(PATH, {"spec": {"exitCondition": "ci", "ci": {"timeout": "2h"}}}, MERGE)
    assert changed.status == 200, changed.body
    assert kube.get(PATH).json()["spec"]["exitCondition"] == "ci"
    refused(kube.patch(PATH, {"spec": {"exitCondition": "soon"}}, MERGE), 422, "Invalid")
    lied = kube.patch(f"{PATH}/status", {"status": {"pid": 1234567, "targets": []}}, MERGE)
    assert lied.status == 200
    assert status_of(kube) == before


def test_streams_with_replicas_and_builds_are_targets_and_those_of_other_teams_are_not(kube: Kube) -> None:
    stream, _ = make_stream(kube.team, "shop")
    other, _ = make_stream(make_team("unlimited"), "theirs")
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for one in (stream, other):
        report_replica(one, "shop-1", started_at=started, ready=True)
        make_build(one, f"build-{one.pk}")
    found = {one["name"]: one for one in status_of(kube)["targets"] if ":" in one["name"]}
    assert set(found) == {"shop:runtime", "shop:update"}
    runtime, update = found["shop:runtime"], found["shop:update"]
    assert (runtime["type"], runtime["resources"]) == ("server", ["shop"])
    assert runtime["state"]["active"]["startTime"] == "2026-01-02T03:04:05.000000Z"
    assert runtime["state"]["active"]["ready"] is True
    assert (update["type"], list(update["state"])) == ("job", ["active"])


def test_a_replica_that_is_not_heard_of_any_more_has_terminated(kube: Kube) -> None:
    stream, _ = make_stream(kube.team, "shop")
    then = datetime.now(UTC) - timedelta(minutes=2)
    report_replica(stream, "shop-1", now=then, started_at=then)
    report_replica(stream, "shop-2", now=then, started_at=then)
    end = state_of(kube, "shop:runtime")["terminated"]
    assert end["error"] == "2 of 2 replicas send no heartbeat any more"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (BuildStatus.SUCCEEDED, None),
        (BuildStatus.FAILED, "the build failed"),
        (BuildStatus.CANCELLED, "the build was cancelled"),
    ],
)
def test_the_latest_build_is_the_one_that_counts(kube: Kube, status: BuildStatus, error: str | None) -> None:
    stream, _ = make_stream(kube.team, "shop")
    finish_build(make_build(stream, f"a-{stream.pk}"), BuildStatus.FAILED)
    finish_build(make_build(stream, f"b-{stream.pk}"), status)
    assert state_of(kube, "shop:update")["terminated"].get("error") == error


def test_a_deleted_stream_is_no_target(kube: Kube) -> None:
    stream, _ = make_stream(kube.team, "shop")
    report_replica(stream, "shop-1")
    assert state_of(kube, "shop:runtime")
    delete_stream(stream)
    assert not [one for one in status_of(kube)["targets"] if one["name"].startswith("shop")]


def test_a_run_of_a_job_is_shown_and_so_is_its_failure_without_its_words(kube: Kube) -> None:
    then = datetime.now(UTC) - timedelta(hours=1)
    beats.note_run("retention.purge", then, then + timedelta(seconds=2))
    end = state_of(kube, "retention.purge")["terminated"]
    assert "error" not in end
    beats.note_run("retention.purge", then, then + timedelta(minutes=5), "it failed: OperationalError")
    assert state_of(kube, "retention.purge")["terminated"]["error"] == "it failed: OperationalError"
    beats.note_run("retention.purge", then, then + timedelta(minutes=10))
    assert "error" not in state_of(kube, "retention.purge")["terminated"]


def test_under_ci_it_is_done_with_the_first_failure_until_its_spec_changes(kube: Kube) -> None:
    stream, _ = make_stream(kube.team, "aaa")
    finish_build(make_build(stream, f"a-{stream.pk}"), BuildStatus.FAILED)
    assert not status_of(kube)["done"]
    kube.patch(PATH, {"spec": {"exitCondition": "ci"}}, MERGE)
    found = status_of(kube)
    assert (found["done"], found["error"]) == (True, "aaa:update: the build failed")
    make_build(stream, f"b-{stream.pk}")
    assert status_of(kube)["done"]
    kube.patch(PATH, {"spec": {"ci": {"timeout": "2h"}}}, MERGE)
    found = status_of(kube)
    assert (found["done"], found.get("error")) == (False, None)


def test_a_session_of_a_client_is_an_object_like_any_other(kube: Kube) -> None:
    made = kube.post(SESSIONS, {"metadata": {"name": "mine"}, "spec": {"tiltfilePath": "x", "exitCondition": "ci"}})
    assert made.status == 201, made.body
    assert kube.get(f"{SESSIONS}/mine").json()["status"]["targets"] is None
    assert kube.delete(f"{SESSIONS}/mine").status == 200


# A status in its form that nothing of ours would ever write.
NONSENSE = {"targets": [{"name": name, "type": "job", "state": {"terminated": {}}} for name in ("shop:update", "x")]}


def test_what_clients_say_of_its_status_is_not_kept_and_they_are_told(kube: Kube) -> None:
    stream, _ = make_stream(kube.team, "shop")
    finish_build(make_build(stream, "b"))
    before = kube.get(PATH).json()
    status = f"{PATH}/status"
    patches = (
        (MERGE, {"status": NONSENSE}),
        (JSON_PATCH, [{"op": "replace", "path": "/status/targets", "value": NONSENSE["targets"]}]),
        (APPLY, {**{part: before[part] for part in ("apiVersion", "kind")}, "status": NONSENSE}),
    )
    answers = [kube.patch(f"{status}?fieldManager=me", body, type_) for type_, body in patches]
    answers.append(kube.put(status, {**before, "status": NONSENSE}))
    for answer in answers:
        assert (answer.status, answer.json()) == (200, before)
        assert "follows from what runs" in answer.headers["warning"]
    assert kube.get(PATH).json() == before


def test_a_stored_status_that_says_nonsense_is_put_right(kube: Kube) -> None:
    stream, _ = make_stream(kube.team, "shop")
    finish_build(make_build(stream, "b"))
    before = status_of(kube)
    with team_scope(kube.team.pk):
        set_status(SESSION.plural, NAME, lambda _: NONSENSE, manager="somebody", now=datetime.now(UTC))
    assert kube.get(SESSIONS).status == 200
    assert status_of(kube)["targets"] == before["targets"]


def test_one_that_has_no_room_for_its_status_is_shown_as_it_was_until_it_has(kube: Kube) -> None:
    def fill(text: str) -> int:
        owner = {"apiVersion": "v1", "kind": "X", "name": f"x{text}", "uid": "1"}
        answer = kube.patch(PATH, {"metadata": {"ownerReferences": [owner] if text else None}}, MERGE)
        assert answer.status == 200, answer.body
        return len(json.dumps(answer.json(), separators=(",", ":")))

    fill("x" * (limits.OBJECT_BYTES - fill("x") - 100))
    before = status_of(kube)
    stream, _ = make_stream(kube.team, "shop")
    report_replica(stream, "shop-1")
    assert kube.get(SESSIONS).status == 200
    assert status_of(kube) == before
    fill("")
    assert state_of(kube, "shop:runtime")


def test_a_team_whose_session_cannot_be_had_keeps_no_other_waiting(kube: Kube) -> None:
    gone, team = 0, kube.team.pk

    async def watched() -> None:
        async with watch().watching(gone, SESSION), watch().watching(team, SESSION):
            await asyncio.to_thread(kube.get, PATH)
            seen = await asyncio.to_thread(lambda: history.versions_of([team])[team])
            stream, _ = await asyncio.to_thread(make_stream, kube.team, "shop")
            await asyncio.to_thread(report_replica, stream, "shop-1")
            await asyncio.wait_for(watch().beyond(team, seen), 20)

    asyncio.run(watched())
