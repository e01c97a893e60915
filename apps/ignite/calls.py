"""The calls that have an end. Each takes a visitor, a request and the time, and answers a message. All are blocking."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from apps.accounts.errors import NotThere
from apps.accounts.scope import team_scope
from apps.engine import store
from apps.http import metrics
from apps.http.problems import unprocessable
from apps.ignite.messages import app_event, app_replica
from apps.ignite.visitors import Visitor
from apps.lifecycle import builds, events, replicas
from apps.lifecycle.events import Wanted
from apps.lifecycle.kinds import Severity
from apps.query.throttling import count_request
from tailsvc import retention
from tailsvc.dialects.ignite import compute_pb2 as pb
from tailsvc.dialects.ignite.lines import log_line
from tailsvc.events import StoredEvent
from tailsvc.filters import EVERYTHING
from tailsvc.queries import Direction, Position, Scan, Selection
from tailsvc.sources import emitted_by

LIMIT = 1_000
LIMIT_MAX = 10_000
_PAGE_EVENTS = 2_000
# Of lines in one answer. gRPC's clients take messages of 4 MiB unless they are told otherwise.
GRPC_BYTES = 3 * 1024 * 1024
HTTP_BYTES = 32 * 1024 * 1024
_LINE_OVERHEAD = 48  # bytes of a line's message beside the line; a replica's name is about as long as a pod's

Call = Callable[[Visitor, Any, datetime, int], Message]


def get_app_logs(visitor: Visitor, request: pb.GetAppLogsRequest, now: datetime, most_bytes: int) -> Message:
    """The newest lines, oldest first; as many as are asked for and fit."""
    limit = limit_of(request.limit)
    count_request(visitor.caller)
    with metrics.QUERY_SECONDS.labels("page").time():
        found, truncated = _newest(visitor, request.replica_id, limit, now, most_bytes)
    return pb.GetAppLogsResponse(lines=[log_line(one.event) for one in reversed(found)], truncated=truncated)


def get_app_events(visitor: Visitor, request: pb.GetAppEventsRequest, now: datetime, _most_bytes: int) -> Message:
    wanted = wanted_of(request.severity, request.replica_id)
    limit = limit_of(request.limit)
    with team_scope(visitor.caller.team_id):
        newest = events.newest(visitor.stream, wanted, plan=visitor.caller.plan, now=now)
        found = list(newest[: limit + 1])
    shown = [app_event(one) for one in reversed(found[:limit])]
    return pb.GetAppEventsResponse(events=shown, truncated=len(found) > limit)


def list_app_replicas(
    visitor: Visitor, _request: pb.ListAppReplicasRequest, now: datetime, _most_bytes: int
) -> Message:
    """Those that run."""
    with team_scope(visitor.caller.team_id):
        found = replicas.emitters(visitor.stream, now=now)
    return pb.ListAppReplicasResponse(replicas=[app_replica(one) for one in found if one.running])


def get_build_log(visitor: Visitor, request: pb.GetBuildLogRequest, now: datetime, _most_bytes: int) -> Message:
    """What is not kept, or never was, is not an error."""
    with team_scope(visitor.caller.team_id):
        try:
            build = builds.find(visitor.stream, request.build_id, plan=visitor.caller.plan, now=now)
        except NotThere:
            return pb.GetBuildLogResponse()
        return pb.GetBuildLogResponse(log=builds.whole(build), found=True)


CALLS: dict[str, Call] = {
    "GetAppLogs": get_app_logs,
    "GetAppEvents": get_app_events,
    "ListAppReplicas": list_app_replicas,
    "GetBuildLog": get_build_log,
}


def limit_of(asked: int) -> int:
    if asked < 0:
        raise unprocessable(limit=f"limit must be a whole number up to {LIMIT_MAX}.")
    return min(asked or LIMIT, LIMIT_MAX)


def wanted_of(severity: str, replica_id: str) -> Wanted:
    try:
        return Wanted(Severity(severity) if severity else None, replica_id or None)
    except ValueError as error:
        raise unprocessable(severity=f"severity must be {' or '.join(Severity)}.") from error


def _newest(
    visitor: Visitor, replica_id: str, limit: int, now: datetime, most_bytes: int
) -> tuple[list[StoredEvent], bool]:
    """The newest first, and whether there are older ones. Page by page: lines may be of any length."""
    edge = retention.edge(visitor.retention, round(now.timestamp() * 1_000_000))
    stream, last = visitor.stream.ref, store().head(visitor.stream.ref).last_id
    selection = Selection(edge, None, emitted_by(replica_id) if replica_id else EVERYTHING, last)
    found: list[StoredEvent] = []
    place, room = None, most_bytes
    while len(found) < limit:
        page = store().scan(
            stream, Scan(selection, min(_PAGE_EVENTS, limit - len(found)), Direction.NEWEST_FIRST, place)
        )
        for stored in page.events:
            room -= len(stored.event.raw) + _LINE_OVERHEAD
            if room < 0 and found:
                return found, True
            found.append(stored)
        if not page.has_more:
            return found, False
        place = Position(found[-1].event.timestamp, found[-1].id)
    return found, True
