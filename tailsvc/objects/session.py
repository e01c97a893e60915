"""Session: what runs, and whether it is done."""

from datetime import datetime
from typing import Any

from tailsvc.objects.ages import age_of
from tailsvc.objects.kinds import Cause, Column, Document, Kind, invalid, required
from tailsvc.objects.schemas import duration, flag, integer, list_of, micro_time, record, text

# When a session ends by itself.
EXIT_CONDITIONS = ("manual", "ci")

_SPEC = record(
    "SessionSpec defines the desired state of Session",
    required=("tiltfilePath", "exitCondition"),
    tiltfilePath=text("TiltfilePath is the path to the Tiltfile for the run. It cannot be empty."),
    exitCondition=text("ExitCondition defines the criteria for Tilt to exit."),
    ci=record(
        "Additional settings when the session is running in CI mode.",
        k8sGracePeriod=duration("How long a failing Kubernetes target is tolerated before the session fails."),
        timeout=duration("Total timeout of the session. Defaults to 30m."),
        readinessTimeout=duration("How long a target may take to become ready. Defaults to 5m."),
    ),
)
_STATE = record(
    "TargetState describes the current execution status for a target. Either EXACTLY one of Waiting, Active,"
    " Terminated or Disabled will be populated or NONE of them will be.",
    waiting=record(
        "Waiting being non-nil indicates that the next execution of the target has been queued but not yet started.",
        required=("waitReason",),
        waitReason=text("WaitReason is a description for why the target is waiting and not yet active."),
    ),
    active=record(
        "Active being non-nil indicates that the target is currently executing.",
        required=("startTime", "ready"),
        startTime=micro_time("StartTime is when execution began."),
        ready=flag("Ready indicates that the target has passed readiness checks; true if it has none."),
        lastReadyTime=micro_time("When the target was last known to be ready."),
    ),
    terminated=record(
        "Terminated being non-nil indicates that the target finished execution either normally or due to failure.",
        required=("startTime", "finishTime"),
        startTime=micro_time("StartTime is when the target began executing."),
        finishTime=micro_time("FinishTime is when the target stopped executing."),
        error=text("Error is a non-empty string if the target encountered a failure that caused it to stop."),
        graceStatus=text("Whether the failure is within its grace period: Tolerated, Exceeded or empty."),
    ),
    disabled=record("Disabled being non-nil indicates that the target is disabled."),
)
_TARGET = record(
    "Target is a server or job whose execution is managed as part of this Session.",
    required=("name", "type", "resources", "state"),
    name=text("Name is the name of the target; this is auto-generated from resources."),
    type=text("Type is the execution profile for this resource: job or server."),
    resources=list_of(text("A name."), "Resources are those that this target is associated with."),
    state=_STATE,
)
_STATUS = record(
    "SessionStatus defines the observed state of Session",
    required=("pid", "startTime", "targets", "done"),
    pid=integer("PID is the process identifier for this instance."),
    startTime=micro_time("StartTime is when the engine was first started."),
    targets=list_of(_TARGET, "Targets are the servers and jobs managed by this Session."),
    done=flag("Done indicates whether this Session has completed its work and is ready to exit."),
    error=text("Error is a non-empty string when the Session is Done but encountered a failure."),
)


def _validate(new: Document, _old: Document | None) -> list[Cause]:
    spec = new["spec"]
    found = [] if spec["tiltfilePath"] else [required("spec.tiltfilePath", "cannot be empty")]
    if spec["exitCondition"] not in EXIT_CONDITIONS:
        wanted = ", ".join(EXIT_CONDITIONS)
        found.append(invalid("spec.exitCondition", spec["exitCondition"], f"must be one of: {wanted}"))
    return found


def _targets(document: Document) -> list[Document]:
    found: list[Document] = document["status"].get("targets") or []
    return found


def _active(document: Document, _now: datetime) -> str:
    targets = _targets(document)
    return f"{sum('active' in one['state'] for one in targets)}/{len(targets)}"


def _failed(document: Document, _now: datetime) -> int:
    ends = [one["state"].get("terminated") or {} for one in _targets(document)]
    return sum(bool(end.get("error")) for end in ends)


def _of(part: str, name: str) -> Any:
    return lambda document, _now: document[part].get(name, "")


SESSION = Kind(
    kind="Session",
    plural="sessions",
    singular="session",
    description="Session provides introspective data about the status of the process.",
    spec_schema=_SPEC,
    status_schema=_STATUS,
    validate=_validate,
    columns=(
        Column("Exit Condition", "When it ends by itself.", _of("spec", "exitCondition")),
        Column("Active", "Targets that are active, of all.", _active),
        Column("Failed", "Targets that ended with an error.", _failed, type="integer"),
        Column("Done", "Whether it is done.", _of("status", "done"), type="boolean"),
        Column("Error", "Why it failed.", _of("status", "error")),
        Column("Age", "How long ago it was created.", age_of, type="date"),
        Column("Tiltfile", "The path to the Tiltfile.", _of("spec", "tiltfilePath"), priority=1),
    ),
)
