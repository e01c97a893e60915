"""Whether a session is done. That never stops the service; it is for whoever waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.sessions.targets import JOB
from tailsvc.objects.durations import parse_duration, print_duration
from tailsvc.objects.forms import print_micro_time
from tailsvc.objects.kinds import Document

_TIMEOUT = "30m0s"
_READINESS_TIMEOUT = "5m0s"


@dataclass(frozen=True, slots=True)
class Verdict:
    done: bool = False
    error: str = ""


def verdict(spec: Document, targets: Sequence[Document], since: datetime, now: datetime) -> Verdict:
    """`since`: from when on the spec has been as it is. Under "manual" a session is never done.

    Under "ci" it is with the first target that failed, else once all have settled, else when time is up.
    """
    if spec["exitCondition"] != "ci":
        return Verdict()
    given = spec.get("ci") or {}
    failed = [one for one in targets if _failed(one)]
    if failed:
        return Verdict(done=True, error=f"{failed[0]['name']}: {failed[0]['state']['terminated']['error']}")
    unsettled = [one for one in targets if not _is_settled(one)]
    if not unsettled and len(targets) > 1:
        return Verdict(done=True)
    return _out_of_time(given, unsettled, since, now)


def with_grace(spec: Document, targets: Sequence[Document], now: datetime) -> list[Document]:
    """Under "ci" the failures of streams say whether they are still tolerated, where the spec allows them a while."""
    given = (spec.get("ci") or {}).get("k8sGracePeriod", "")
    grace = _span(given) if spec["exitCondition"] == "ci" and given else timedelta(0)
    return [_graced(one, grace, now) if grace else one for one in targets]


def _graced(target: Document, grace: timedelta, now: datetime) -> Document:
    end = target["state"].get("terminated") or {}
    if not end.get("error") or not target["name"].endswith(":runtime"):
        return target
    is_over = now - datetime.fromisoformat(end["finishTime"]) >= grace
    return {**target, "state": {"terminated": {**end, "graceStatus": "Exceeded" if is_over else "Tolerated"}}}


def _failed(target: Document) -> bool:
    end = target["state"].get("terminated") or {}
    return bool(end.get("error")) and end.get("graceStatus") != "Tolerated"


def _is_settled(target: Document) -> bool:
    """What failed is told apart before."""
    state = target["state"]
    if "active" in state:
        return target["type"] != JOB and bool(state["active"]["ready"])
    return "waiting" not in state and not (state.get("terminated") or {}).get("error")


def _out_of_time(given: Document, unsettled: Sequence[Document], since: datetime, now: datetime) -> Verdict:
    timeout = given.get("timeout") or _TIMEOUT
    if now - since >= _span(timeout):
        return Verdict(done=True, error=f"Timeout after {_shown(timeout)}: {_what_is_missing(unsettled)}")
    patience = given.get("readinessTimeout") or _READINESS_TIMEOUT
    limit = print_micro_time(now - _span(patience))
    for one in unsettled:
        if _is_unready(one) and now - since >= _span(patience) and one["state"]["active"]["startTime"] <= limit:
            return Verdict(
                done=True, error=f"Readiness timeout after {_shown(patience)}: target {one['name']} not ready"
            )
    return Verdict()


def _is_unready(target: Document) -> bool:
    return "active" in target["state"] and not target["state"]["active"]["ready"]


def _what_is_missing(unsettled: Sequence[Document]) -> str:
    unready = [one["name"] for one in unsettled if _is_unready(one)]
    others = [one["name"] for one in unsettled if not _is_unready(one)]
    parts = ((others, "waiting"), (unready, "not ready"))
    told = [f"{len(names)} resources {what} ({','.join(names)})" for names, what in parts if names]
    return ", ".join(told) or "nothing to wait for"


def _span(duration: str) -> timedelta:
    """The form of objects has seen to it that it is one."""
    return timedelta(microseconds=(parse_duration(duration) or 0) / 1000)


def _shown(duration: str) -> str:
    return print_duration(parse_duration(duration) or 0)
