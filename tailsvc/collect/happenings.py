"""What pods and clusters tell of a pod's life, in the words of lifecycle events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tailsvc.collect.pods import Pod

# Kubernetes' own limits; beyond them a text is cut.
REASON_CHARS = 128
MESSAGE_CHARS = 1_024
# Why containers wait, where that is worth telling; "ContainerCreating" and the like are not.
_WAITS = frozenset(
    {"CrashLoopBackOff", "CreateContainerConfigError", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"}
)


@dataclass(frozen=True, slots=True)
class Happening:
    """`key` tells it from others of the pod; of one key, `count` rises. `at`: None where nobody says."""

    key: str
    reason: str
    message: str
    at: datetime | None
    count: int = 1
    is_crash: bool = False


def told_by_pod(pod: Pod) -> Iterator[Happening]:
    """What the states of its containers say. A cluster forgets its events, and has none for a lack of memory."""
    status = pod.get("status") or {}
    for entry in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        state = entry.get("state") or {}
        for ended in (state.get("terminated"), (entry.get("lastState") or {}).get("terminated")):
            if ended and ended.get("exitCode"):
                yield _end(entry["name"], ended)
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in _WAITS:
            yield _wait(entry, waiting)


def _end(container: str, ended: Mapping[str, Any]) -> Happening:
    reason = str(ended.get("reason") or "Error")
    text = f"Container {container} ended with exit code {ended['exitCode']}."
    at = ended.get("finishedAt")
    return Happening(
        key=f"end {ended.get('containerID') or container} {at}",
        reason=_text(reason, REASON_CHARS),
        message=_text(text, MESSAGE_CHARS),
        at=datetime.fromisoformat(at) if at else None,
        is_crash=reason != "OOMKilled",
    )


def _wait(entry: Mapping[str, Any], waiting: Mapping[str, Any]) -> Happening:
    reason, message = str(waiting["reason"]), str(waiting.get("message") or "")
    key = f"wait {entry['name']} {reason} {entry.get('restartCount', 0)}"
    return Happening(key, reason, _text(f"Container {entry['name']}: {message or reason}", MESSAGE_CHARS), None)


@dataclass(frozen=True, slots=True)
class PodEvent:
    namespace: str
    pod: str
    happening: Happening


def told_by_cluster(event: Mapping[str, Any]) -> PodEvent | None:
    """A cluster's event; None where it is not about a pod."""
    subject = event.get("involvedObject") or event.get("regarding") or {}
    if subject.get("kind") != "Pod" or not subject.get("name") or not event.get("reason"):
        return None
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"),
        event.get("firstTimestamp"), event["metadata"].get("creationTimestamp"),
    )  # fmt: skip
    at = next((time for time in times if time), None)
    happening = Happening(
        key=f"event {event['metadata']['uid']}",
        reason=_text(event["reason"], REASON_CHARS),
        message=_text(event.get("message") or event.get("note") or "", MESSAGE_CHARS),
        at=datetime.fromisoformat(at) if at else None,
        count=int(series.get("count") or event.get("count") or 1),
    )
    return PodEvent(str(event["metadata"]["namespace"]), str(subject["name"]), happening)


def _text(value: Any, chars: int) -> str:
    """Postgres has no place for NUL."""
    return str(value)[:chars].replace("\x00", "\ufffd")
