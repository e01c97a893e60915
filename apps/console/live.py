"""What runs: the team's session with its targets and pod log streams; a stream's replicas and what happened to them."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.console.pages import TeamPage
from apps.lifecycle import builds, events, replicas
from apps.lifecycle.events import Wanted
from apps.objects import computed, services
from apps.streams.services import find_stream
from tailsvc.objects.kinds import Document
from tailsvc.objects.podlogstream import PODLOGSTREAM
from tailsvc.objects.session import SESSION

_SHOWN = 50
_TARGETS = "Tiltfile"  # the session that follows from what runs
# How each state of a target looks.
_TONES = {"active": "good", "waiting": "warn"}


class LivePage(TeamPage):
    """htmx asks for the part again and again."""

    ability = Ability.OBJECTS_READ
    section = "live"

    def get(self, request: HttpRequest) -> HttpResponse:
        computed.refresh(SESSION.plural, self.caller.team_id)
        sessions = services.list_page(SESSION).documents
        is_part = request.headers.get("HX-Request") == "true"
        return self.render(
            "console/live_part.html" if is_part else "console/live.html",
            sessions=[_session(one) for one in sessions],
            pod_log_streams=[_pod_log_stream(one) for one in services.list_page(PODLOGSTREAM).documents],
        )


class StreamLivePage(TeamPage):
    ability = Ability.STREAMS_READ
    section = "streams"

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        found, now, plan = find_stream(stream), timezone.now(), self.caller.plan
        is_part = request.headers.get("HX-Request") == "true"
        return self.render(
            "console/stream_live_part.html" if is_part else "console/stream_live.html",
            stream=found,
            tab="live",
            replicas=replicas.emitters(found, now=now),
            happened=list(events.newest(found, Wanted(), plan=plan, now=now)[:_SHOWN]),
            builds=list(builds.newest(found, plan=plan, now=now)[:_SHOWN]),
        )


def _session(document: Document) -> dict[str, Any]:
    status = document["status"]
    return {
        "name": document["metadata"]["name"],
        "is_computed": document["metadata"]["name"] == _TARGETS,
        "done": status.get("done"),
        "error": status.get("error", ""),
        "targets": [_target(one) for one in status.get("targets") or []],
    }


def _target(target: Document) -> dict[str, Any]:
    kind: str = next(iter(target["state"]), "")
    state: Document = target["state"].get(kind, {})
    error = state.get("error", "")
    ready = state.get("ready", True)
    return {
        "name": target["name"],
        "type": target["type"],
        "resource": ", ".join(target.get("resources") or []),
        "state": state.get("waitReason") or kind or "not run yet",
        "tone": "error" if error else "warn" if kind == "active" and not ready else _TONES.get(kind, ""),
        "told": error or ("not ready" if not ready else ""),
        "since": _time(state.get("finishTime") or state.get("startTime")),
    }


def _pod_log_stream(document: Document) -> dict[str, Any]:
    spec, status = document["spec"], document.get("status") or {}
    return {
        "name": document["metadata"]["name"],
        "pod": spec.get("pod", ""),
        "namespace": spec.get("namespace", ""),
        "cluster": spec.get("cluster", ""),
        "error": status.get("error", ""),
        "containers": [_container(one) for one in status.get("containerStatuses") or []],
    }


def _container(status: Document) -> dict[str, Any]:
    error = status.get("error", "")
    return {
        "name": status.get("name", ""),
        "state": error or ("followed" if status.get("active") else "ended" if status.get("terminated") else "waiting"),
        "tone": "error" if error else "good" if status.get("active") else "",
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
