"""Targets as a function of what was seen."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.lifecycle.kinds import BUILD_STATUSES, REPLICA_STATUSES
from apps.sessions.exits import verdict, with_grace
from apps.sessions.targets import Build, Job, Process, ReplicaSeen, Seen, targets
from tailsvc.objects.forms import in_form
from tailsvc.objects.session import SESSION

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def seen(
    processes: Sequence[Process] | None = (),
    jobs: Sequence[Job] = (),
    replicas: Mapping[str, Sequence[ReplicaSeen]] = {},
    builds: Mapping[str, Build] = {},
) -> Seen:
    return Seen(processes, jobs, replicas, builds)


def states(found: Seen, previous: Sequence[dict[str, Any]] = (), now: datetime = NOW) -> dict[str, Any]:
    return {one["name"]: one["state"] for one in targets(found, previous, now)}


def process(name: str = "worker", *, age: float = 3600, silent: float = 0, alive: bool = True) -> Process:
    return Process(name, NOW - seconds(age), NOW - seconds(silent), alive)


def test_a_process_is_active_once_it_has_been_there_for_a_while() -> None:
    assert states(seen())["worker"] == {"waiting": {"waitReason": "not-started"}}
    assert states(seen([process(age=2)]))["worker"] == {"waiting": {"waitReason": "starting"}}
    assert states(seen([process(age=3600)]))["worker"]["active"]["startTime"] == "2026-11-22T11:00:00.000000Z"
    assert states(seen(None))["worker"] == {"waiting": {"waitReason": "unknown"}}


def test_a_dead_process_has_terminated_when_it_was_heard_of_last_and_that_is_an_error() -> None:
    dead = process(silent=4, alive=False)
    end = states(seen([dead]))["worker"]["terminated"]
    assert (end["finishTime"], bool(end["error"])) == ("2026-11-22T11:59:56.000000Z", True)


@pytest.mark.parametrize("pause", [0.0, 1.0, 2.0, 2.9])
def test_a_process_that_replaces_a_dead_one_is_never_taken_for_it(pause: float) -> None:
    """However fast it is there: some look, once a second, sees that one ended."""
    died, looks = NOW, [NOW + seconds(number) for number in range(6)]
    seen_states = []
    for look in looks:
        old = Process("worker", LONG_AGO, died, alive=look - died < seconds(3))
        new = Process("worker", died + seconds(pause), look, alive=True)
        there = [old, new] if look >= new.started_at else [old]
        seen_states.append(next(iter(states(seen(there), now=look)["worker"])))
    assert seen_states[0] == "active"
    assert set(seen_states[3:5]) <= {"waiting", "terminated"}


def test_one_of_several_web_processes_will_do() -> None:
    web = [process("web", silent=60, alive=False), process("web", age=100), process("web", age=1)]
    assert states(seen(web))["web"]["active"]["startTime"] == "2026-11-22T11:58:20.000000Z"


def test_only_processes_that_every_service_has_are_missed() -> None:
    assert set(states(seen([process("grpc")]))) == {"web", "worker", "beat", "grpc"}


def test_a_job_is_active_only_while_somebody_works_on_it() -> None:
    running = Job("sweep", NOW - seconds(20))
    assert "active" in states(seen([process()], [running]))["sweep"]
    lost = states(seen([process(silent=10, alive=False)], [running]))["sweep"]["terminated"]
    assert (lost["error"], lost["finishTime"]) == ("its worker ended", "2026-11-22T11:59:50.000000Z")
    assert states(seen([process()], [Job("sweep")]))["sweep"] == {}


def test_runs_that_end_alike_change_a_session_once_a_minute() -> None:
    def after(finished: float, failure: str = "") -> list[dict[str, Any]]:
        end = NOW + seconds(finished)
        return targets(seen([process()], [Job("sweep", end, end, failure)]), shown, end)

    shown: list[dict[str, Any]] = []
    shown = first = after(0)
    assert after(2) == first
    assert after(59) == first
    assert after(60) != first
    assert after(2, "it failed: X") != first


def replica(status: str = "running", *, ready: bool = True, alive: bool = True, age: float = 60) -> ReplicaSeen:
    return ReplicaSeen(status, ready, alive, NOW - seconds(age), NOW - seconds(1))


@pytest.mark.parametrize(
    ("replicas", "type_", "expected"),
    [
        ([replica(age=60), replica(age=30)], "server", {"active": True}),
        ([replica(), replica(ready=False)], "server", {"active": False}),
        ([replica(), replica("pending")], "server", {"active": True}),
        ([replica("terminating")], "server", {"active": False}),
        ([replica("pending")], "server", {"waiting": "pending"}),
        ([replica("failed"), replica("succeeded")], "server", {"terminated": "1 of 2 replicas failed"}),
        ([replica(alive=False)], "server", {"terminated": "1 of 1 replicas send no heartbeat any more"}),
        ([replica("pending", alive=False)], "server", {"terminated": "1 of 1 replicas send no heartbeat any more"}),
        ([replica("succeeded"), replica("succeeded", alive=False)], "job", {"terminated": None}),
    ],
)
def test_the_replicas_of_a_stream_are_one_target(
    replicas: list[ReplicaSeen], type_: str, expected: dict[str, Any]
) -> None:
    [found] = [one for one in targets(seen(replicas={"a": replicas}), [], NOW) if one["name"] == "a:runtime"]
    state = found["state"]
    told = {
        "active": lambda: state["active"]["ready"],
        "waiting": lambda: state["waiting"]["waitReason"],
        "terminated": lambda: state["terminated"].get("error"),
    }
    assert (found["type"], {name: told[name]() for name in state}) == (type_, expected)


def test_when_it_was_ready_last_is_remembered() -> None:
    def at(moment: float, previous: list[dict[str, Any]], *, ready: bool) -> list[dict[str, Any]]:
        one = ReplicaSeen("running", ready, alive=True, started_at=LONG_AGO, seen_at=NOW)
        return targets(seen(replicas={"a": [one]}), previous, NOW + seconds(moment))

    def last_ready(found: list[dict[str, Any]]) -> str | None:
        [state] = [one["state"] for one in found if one["name"] == "a:runtime"]
        value: str | None = state["active"].get("lastReadyTime")
        return value

    unready = at(0, [], ready=False)
    ready = at(10, unready, ready=True)
    assert (last_ready(unready), last_ready(ready)) == (None, "2026-11-22T12:00:10.000000Z")
    assert at(20, ready, ready=True) == ready
    assert last_ready(at(30, ready, ready=False)) == "2026-11-22T12:00:10.000000Z"


_moments = st.integers(0, 100_000).map(lambda number: NOW - seconds(number / 10))
_processes = st.builds(
    Process, st.sampled_from(["web", "worker", "beat", "grpc", "collector"]), _moments, _moments, st.booleans()
)
_jobs = st.builds(Job, st.sampled_from(["a.b", "c.d"]), _moments | st.none(), _moments | st.none(), st.just(""))
# Postgres takes no NUL in a stream's name.
_names = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5)
_replicas = st.builds(ReplicaSeen, st.sampled_from(REPLICA_STATUSES), st.booleans(), st.booleans(), _moments, _moments)
_builds = st.builds(Build, st.sampled_from(BUILD_STATUSES), _moments, _moments | st.none())
_seen = st.builds(
    Seen,
    st.none() | st.lists(_processes, max_size=5),
    st.lists(_jobs, max_size=2, unique_by=lambda job: job.name),
    st.dictionaries(_names, st.lists(_replicas, min_size=1, max_size=3), max_size=3),
    st.dictionaries(_names, _builds, max_size=3),
)


@given(_seen, _seen)
def test_whatever_is_seen_each_target_has_one_state_at_most_in_the_form_that_is_stored(then: Seen, now: Seen) -> None:
    found = targets(now, targets(then, [], NOW - seconds(1)), NOW)
    names = [one["name"] for one in found]
    assert names == sorted(set(names))
    assert all(len(one["state"]) <= 1 for one in found)
    ends = [one["state"]["terminated"] for one in found if one["type"] == "server" and "terminated" in one["state"]]
    assert all(end["error"] for end in ends)
    # What is stored is compared with what is computed: another spelling would be a change each second.
    status = {"pid": 1, "startTime": "2026-11-22T12:00:00.000000Z", "targets": found, "done": False}
    assert in_form({"status": status}, SESSION, partial=True)[0]["status"] == status


# Exits


def target(name: str, state: dict[str, Any], type_: str = "server") -> dict[str, Any]:
    return {"name": name, "type": type_, "resources": ["x"], "state": state}


def active(*, ready: bool = True, start: str = "2026-11-22T11:00:00.000000Z") -> dict[str, Any]:
    return {"active": {"startTime": start, "ready": ready}}


def ended(error: str = "") -> dict[str, Any]:
    end = {"startTime": "2026-11-22T11:00:00.000000Z", "finishTime": "2026-11-22T11:59:00.000000Z"}
    return {"terminated": {**end, "error": error} if error else end}


SERVER, BUILT = target("a:runtime", active()), target("a:update", ended(), "job")
WAITING = target("b:runtime", {"waiting": {"waitReason": "pending"}})
UNREADY = target("c:runtime", active(ready=False))
FAILED = target("d:runtime", ended("it fell over"))


@pytest.mark.parametrize(
    ("ci", "found", "minutes", "done", "error"),
    [
        ({}, [SERVER, BUILT], 0, True, ""),
        ({}, [SERVER], 0, False, ""),
        ({}, [SERVER, target("x", {}, "job")], 0, True, ""),
        ({}, [SERVER, target("x", {"disabled": {}})], 0, True, ""),
        ({}, [SERVER, target("x", active(), "job")], 0, False, ""),
        ({}, [SERVER, WAITING], 0, False, ""),
        ({}, [SERVER, WAITING, FAILED], 0, True, "d:runtime: it fell over"),
        ({"k8sGracePeriod": "2m"}, [SERVER, FAILED], 0, False, ""),
        ({"k8sGracePeriod": "1m"}, [SERVER, FAILED], 0, True, "d:runtime: it fell over"),
        ({}, [SERVER, UNREADY], 4, False, ""),
        ({}, [SERVER, UNREADY], 5, True, "Readiness timeout after 5m0s: target c:runtime not ready"),
        ({"readinessTimeout": "1h"}, [SERVER, UNREADY], 5, False, ""),
        ({}, [SERVER, WAITING], 29, False, ""),
        ({}, [SERVER, WAITING], 30, True, "Timeout after 30m0s: 1 resources waiting (b:runtime)"),
        (
            {"timeout": "90s"},
            [WAITING, UNREADY],
            2,
            True,
            "Timeout after 1m30s: 1 resources waiting (b:runtime), 1 resources not ready (c:runtime)",
        ),
    ],
)
def test_under_ci(ci: dict[str, str], found: list[dict[str, Any]], minutes: float, done: bool, error: str) -> None:
    spec = {"exitCondition": "ci", "ci": ci}
    judged = verdict(spec, with_grace(spec, found, NOW), NOW - timedelta(minutes=minutes), NOW)
    assert (judged.done, judged.error) == (done, error)
    manual = {**spec, "exitCondition": "manual"}
    assert not verdict(manual, with_grace(manual, found, NOW), LONG_AGO, NOW).done


def test_a_failure_says_whether_it_is_tolerated() -> None:
    def grace(period: str) -> object:
        spec = {"exitCondition": "ci", "ci": {"k8sGracePeriod": period}}
        return with_grace(spec, [FAILED], NOW)[0]["state"]["terminated"].get("graceStatus")

    assert (grace("2m"), grace("30s"), grace("")) == ("Tolerated", "Exceeded", None)
