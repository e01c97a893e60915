"""Bring a team's session up to date: compute its status, and store it where it differs."""

import os
from datetime import UTC, datetime

import orjson
import redis
import structlog
from celery import current_app
from django.utils import timezone

from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.objects import services
from apps.objects.forming import Options
from apps.sessions import beats, exits, streams
from apps.sessions.exits import Verdict
from apps.sessions.targets import Seen, targets
from tailsvc.objects.forms import print_micro_time
from tailsvc.objects.kinds import Document
from tailsvc.objects.session import SESSION
from tailsvc.objects.statuses import ApiError, method_not_allowed

# Tilt's clients look this one up.
NAME = "Tiltfile"
PATH = "Tiltfile"
MANAGER = "tailsvc"
# "pid started": the supervisor's process and the time of its start, as seconds.
SUPERVISOR = "TAILSVC_SUPERVISOR"
_CI_KEPT_SECONDS = 7 * 86_400
_log = structlog.get_logger(__name__)


def refresh(team_id: int) -> None:
    """Outside of any scope. What cannot be kept is logged, and what is stored stays."""
    now = timezone.now()
    names = [str(entry["task"]) for entry in current_app.conf.beat_schedule.values()]
    processes, jobs = beats.processes(beats.client()), beats.jobs(beats.client(), names)
    with team_scope(team_id):
        team = Team.objects.select_related("plan").get(pk=team_id)
        seen = Seen(processes, jobs, streams.replicas(now=now), streams.builds(team, now=now))
        try:
            _bring_up_to_date(seen, team_id, now)
        except ApiError as error:  # it is full of what clients say, or the team has as many objects as it may
            _log.warning("a session cannot be brought up to date", team=team_id, error=str(error))


def _bring_up_to_date(seen: Seen, team_id: int, now: datetime) -> None:
    document = _stored(now)
    status = status_of(document, seen, team_id, now)
    if status != document["status"]:
        services.set_status(SESSION.plural, NAME, lambda _: status, manager=MANAGER, now=now)


def keeps_status(name: str) -> bool:
    return name == NAME


def forbid(verb: str, name: str) -> None:
    """It is there as long as its team is. Raises ApiError."""
    if verb == "delete" and name == NAME:
        raise method_not_allowed(
            f'the session "{NAME}" follows from what runs, and cannot be deleted', "GET, PUT, PATCH"
        )


def status_of(document: Document, seen: Seen, team_id: int, now: datetime) -> Document:
    spec, old = document["spec"], document["status"]
    found = exits.with_grace(spec, targets(seen, old.get("targets") or [], now), now)
    pid, started_at = _supervisor()
    verdict = _verdict(document, found, team_id, now)
    status = {
        "pid": pid,
        "startTime": started_at or old.get("startTime") or print_micro_time(now),
        "targets": found,
        "done": verdict.done,
    }
    return {**status, "error": verdict.error} if verdict.error else status


def _stored(now: datetime) -> Document:
    """As it is; made where it is not there yet."""
    spec = {"tiltfilePath": PATH, "exitCondition": "manual"}
    try:
        return services.get(SESSION, NAME)
    except ApiError:
        pass
    try:
        made = services.create(SESSION, {"metadata": {"name": NAME}, "spec": spec}, Options(manager=MANAGER), now=now)
        return made.document
    except ApiError:  # by another process, just now
        return services.get(SESSION, NAME)


def _verdict(document: Document, found: list[Document], team_id: int, now: datetime) -> Verdict:
    """Once a session is done it stays so, until its spec is changed."""
    spec, generation = document["spec"], document["metadata"]["generation"]
    if spec["exitCondition"] != "ci":
        return Verdict()
    key = f"tailsvc:session:{team_id}"
    try:
        kept = orjson.loads(beats.client().get(key) or b"{}")
    except redis.RedisError:
        return exits.verdict(spec, found, now, now)
    if kept.get("generation") != generation:
        kept = {"generation": generation, "since": now.timestamp()}
    elif kept.get("done"):
        return Verdict(done=True, error=kept["error"])
    verdict = exits.verdict(spec, found, datetime.fromtimestamp(kept["since"], UTC), now)
    kept |= {"done": verdict.done, "error": verdict.error}
    beats.client().set(key, orjson.dumps(kept), ex=_CI_KEPT_SECONDS)
    return verdict


def _supervisor() -> tuple[int, str]:
    """Its process and its start; 0 and "" where everything runs apart."""
    pid, _, started = os.environ.get(SUPERVISOR, "").partition(" ")
    return (int(pid), print_micro_time(datetime.fromtimestamp(float(started), UTC))) if started else (0, "")
