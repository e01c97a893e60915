"""From what was seen to the targets of a session: pure functions, of which no clock and no store is a part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailsvc.objects.forms import print_micro_time
from tailsvc.objects.kinds import Document

SERVER, JOB = "server", "job"
# What these targets are a part of; streams' targets are of their stream.
OURS = "(tailsvc)"
# A service without these is none; others are shown where they were seen.
EXPECTED = ("web", "worker", "beat")

# Longer than it takes until the one that it replaces is known to be dead: no end of a process goes unseen.
SETTLES = timedelta(seconds=4.5)
# A job that is done sooner is never shown as active, so that a session does not change twice for each run of it.
SHORT = timedelta(seconds=1)
# Nor for each end of a run: it is at most so much behind.
STEADY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Process:
    """`alive`: it was heard of within the time that a beat is good for."""

    name: str
    started_at: datetime
    seen_at: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A scheduled task's last run; all None: it has not run yet. `failure` is the kind of error, not its text."""

    name: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ReplicaSeen:
    """`status` as apps.lifecycle has it; `alive`: its heartbeats have not stopped."""

    status: str
    ready: bool
    alive: bool
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Build:
    status: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything at one moment. `processes` is None where nobody can say."""

    processes: Sequence[Process] | None
    jobs: Sequence[Job]
    replicas: Mapping[str, Sequence[ReplicaSeen]]  # by the stream's name; none is empty
    builds: Mapping[str, Build]  # the newest of each stream


def targets(seen: Seen, previous: Iterable[Document], now: datetime) -> list[Document]:
    """By name. `previous`: the targets as they were shown last."""
    before = {one["name"]: one["state"] for one in previous}
    found = [
        *_of_processes(seen.processes, now),
        *_of_jobs(seen, now),
        *(
            _target(f"{name}:runtime", _kind_of(replicas), name, _replicas_state(replicas))
            for name, replicas in seen.replicas.items()
        ),
        *(_target(f"{name}:update", JOB, name, _build_state(build)) for name, build in seen.builds.items()),
    ]
    for one in found:
        one["state"] = _carried_on(one["state"], before.get(one["name"], {}), one["type"], now)
    return sorted(found, key=lambda one: str(one["name"]))


def waiting(reason: str) -> Document:
    return {"waiting": {"waitReason": reason}}


def active(started_at: datetime, *, ready: bool = True) -> Document:
    return {"active": {"startTime": print_micro_time(started_at), "ready": ready}}


def terminated(started_at: datetime, finished_at: datetime, error: str = "") -> Document:
    end = {"startTime": print_micro_time(started_at), "finishTime": print_micro_time(max(started_at, finished_at))}
    return {"terminated": {**end, "error": error} if error else end}


def _target(name: str, type_: str, resource: str, state: Document) -> Document:
    return {"name": name, "type": type_, "resources": [resource], "state": state}


def _of_processes(processes: Sequence[Process] | None, now: datetime) -> Iterable[Document]:
    if processes is None:
        return [_target(name, SERVER, OURS, waiting("unknown")) for name in EXPECTED]
    names = {*EXPECTED, *(one.name for one in processes)}
    return [
        _target(name, SERVER, OURS, _process_state([one for one in processes if one.name == name], now))
        for name in names
    ]


def _process_state(processes: Sequence[Process], now: datetime) -> Document:
    """Of all that have one name: one that is there will do."""
    alive = [one.started_at for one in processes if one.alive]
    if alive and now - min(alive) >= SETTLES:
        return active(min(alive))
    if alive:
        return waiting("starting")
    if not processes:
        return waiting("not-started")
    last = max(processes, key=lambda one: one.seen_at)
    return terminated(last.started_at, last.seen_at, "no sign of life any more")


def _of_jobs(seen: Seen, now: datetime) -> Iterable[Document]:
    workers = [one for one in seen.processes or () if one.name == "worker"]
    is_worked = seen.processes is None or any(one.alive for one in workers)
    last_seen = max((one.seen_at for one in workers), default=now)
    return [_target(job.name, JOB, OURS, _job_state(job, now, None if is_worked else last_seen)) for job in seen.jobs]


def _job_state(job: Job, now: datetime, workers_end: datetime | None) -> Document:
    """Where nobody works any more, since `workers_end`, nothing runs."""
    started, finished = job.started_at, job.finished_at
    if started is None:
        return {}
    if finished is None and workers_end is not None:
        return terminated(started, workers_end, "its worker ended")
    if finished is None and now - started >= SHORT:
        return active(started)
    return terminated(started, finished or started, job.failure)


def _kind_of(replicas: Sequence[ReplicaSeen]) -> str:
    """Who ends well was not meant to run for ever."""
    return JOB if all(one.status == "succeeded" for one in replicas) else SERVER


def _replicas_state(replicas: Sequence[ReplicaSeen]) -> Document:
    there = [one for one in replicas if one.alive and one.status in {"running", "terminating"}]
    if there:
        is_ready = all(one.ready and one.status == "running" for one in there)
        return active(min(one.started_at for one in there), ready=is_ready)
    if any(one.alive and one.status == "pending" for one in replicas):
        return waiting("pending")
    start, end = min(one.started_at for one in replicas), max(one.seen_at for one in replicas)
    return terminated(start, end, _why_gone(replicas))


def _why_gone(replicas: Sequence[ReplicaSeen]) -> str:
    failed = sum(one.status == "failed" for one in replicas)
    if failed:
        return f"{failed} of {len(replicas)} replicas failed"
    lost = sum(one.status != "succeeded" for one in replicas)
    return f"{lost} of {len(replicas)} replicas send no heartbeat any more" if lost else ""


def _build_state(build: Build) -> Document:
    if build.finished_at is None:
        return active(build.started_at)
    error = "" if build.status == "succeeded" else f"the build {'was ' if build.status == 'cancelled' else ''}"
    return terminated(build.started_at, build.finished_at, error and error + build.status)


def _carried_on(state: Document, before: Document, type_: str, now: datetime) -> Document:
    """What can only be said by looking at what was shown last."""
    if "active" in state:
        return {"active": {**state["active"], **_last_ready(state["active"], before.get("active", {}), now)}}
    is_repeated = type_ == JOB and "terminated" in state and "terminated" in before
    return before if is_repeated and _differs_little(state["terminated"], before["terminated"]) else state


def _last_ready(new: Document, old: Document, now: datetime) -> Document:
    """When it became ready, and once it is not any more, when it was found so last."""
    same = old if old.get("startTime") == new["startTime"] else {}
    if new["ready"] and not (same.get("ready") and "lastReadyTime" in same):
        return {"lastReadyTime": print_micro_time(now)}
    return {"lastReadyTime": same["lastReadyTime"]} if "lastReadyTime" in same else {}


def _differs_little(new: Document, old: Document) -> bool:
    if new.get("error") != old.get("error") or not old.get("finishTime"):
        return False
    passed = datetime.fromisoformat(new["finishTime"]) - datetime.fromisoformat(old["finishTime"])
    return timedelta(0) <= passed < STEADY
