"""The words in which lifecycles are told: kinds and severities of events, states of replicas and builds."""

from enum import StrEnum


class EventKind(StrEnum):
    SCHEDULED = "scheduled"
    SCHEDULING_FAILED = "scheduling_failed"
    IMAGE_PULLING = "image_pulling"
    IMAGE_PULLED = "image_pulled"
    IMAGE_PULL_FAILED = "image_pull_failed"
    STARTED = "started"
    CRASHED = "crashed"
    OOM_KILLED = "oom_killed"
    PROBE_FAILED = "probe_failed"
    SCALED_UP = "scaled_up"
    SCALED_TO_ZERO = "scaled_to_zero"
    EVICTED = "evicted"
    OTHER = "other"


class Severity(StrEnum):
    """As Kubernetes has them."""

    NORMAL = "Normal"
    WARNING = "Warning"


class ReplicaStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    TERMINATING = "terminating"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


class BuildStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ConditionStatus(StrEnum):
    """As Kubernetes has them."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


# As the API's document names them.
REPLICA_STATUSES = [one.value for one in ReplicaStatus]
BUILD_STATUSES = [one.value for one in BuildStatus]
BUILD_ENDS = [one.value for one in BuildStatus if one is not BuildStatus.RUNNING]
CONDITION_STATUSES = [one.value for one in ConditionStatus]

# The reasons that Kubernetes and KEDA give.
_KINDS = {
    "Scheduled": EventKind.SCHEDULED,
    "FailedScheduling": EventKind.SCHEDULING_FAILED,
    "Pulling": EventKind.IMAGE_PULLING,
    "Pulled": EventKind.IMAGE_PULLED,
    "ErrImagePull": EventKind.IMAGE_PULL_FAILED,
    "ImagePullBackOff": EventKind.IMAGE_PULL_FAILED,
    "Started": EventKind.STARTED,
    "BackOff": EventKind.CRASHED,
    "CrashLoopBackOff": EventKind.CRASHED,
    "OOMKilling": EventKind.OOM_KILLED,
    "OOMKilled": EventKind.OOM_KILLED,
    "Unhealthy": EventKind.PROBE_FAILED,
    "ProbeWarning": EventKind.PROBE_FAILED,
    "KEDAScaleTargetActivated": EventKind.SCALED_UP,
    "SuccessfulRescale": EventKind.SCALED_UP,
    "KEDAScaleTargetDeactivated": EventKind.SCALED_TO_ZERO,
    "Evicted": EventKind.EVICTED,
}
_WARNINGS = {
    EventKind.SCHEDULING_FAILED,
    EventKind.IMAGE_PULL_FAILED,
    EventKind.CRASHED,
    EventKind.OOM_KILLED,
    EventKind.PROBE_FAILED,
    EventKind.EVICTED,
}


def kind_of(reason: str) -> EventKind:
    """What a reason means, where the reporter does not say."""
    return _KINDS.get(reason, EventKind.OTHER)


def severity_of(kind: EventKind) -> Severity:
    return Severity.WARNING if kind in _WARNINGS else Severity.NORMAL
