"""`GET /console/{team}/streams/{stream}/live`: rows as they come, as server-sent events.

The page's own query string says which and how they look; `after`, or `Last-Event-ID` of who connects again, says from
where on. It is answered in front of Django, so it finds out by itself who has logged in.

An event's data has a line that counts the events, and a line for each row, oldest first. Of very many that come at once
only the newest are sent as rows, as no page keeps more.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from apps.accounts import lookups
from apps.accounts.abilities import Ability
from apps.accounts.api import in_http
from apps.accounts.callers import Caller
from apps.accounts.errors import NotThere
from apps.accounts.models import User
from apps.accounts.permissions import lacks
from apps.console.explore.rows import Looks, row
from apps.console.explore.search import read_search
from apps.console.pages import caller_of
from apps.http import metrics, problems
from apps.http.asgi import Receive, Scope, Send, headers_of, text_of
from apps.http.problems import Problem, problem_of
from apps.http.routing import Params
from apps.http.streaming import Reply, answering
from apps.query.walks import Asked, micros
from apps.streams.lookups import recent_stream
from apps.tail.ends import Ended
from apps.tail.following import following
from apps.tail.serving import serve
from tailsvc import retention
from tailsvc.events import StoredEvent
from tailsvc.filters import Filter
from tailsvc.storage.base import EventStore
from tailsvc.tail import Chunk, Follower, Start
from tailsvc.tail.places import Place, read_place, write_place

ROUTE = "console/<str:team>/streams/<str:stream>/live"
MOST_ROWS = 300
_HEARTBEAT_SECONDS = 15.0
_log = structlog.get_logger(__name__)
Render = Callable[[UUID, Sequence[StoredEvent]], bytes]


@dataclass(frozen=True, slots=True)
class _Request:
    """Understood: who follows what, from where, and how it shall look."""

    caller: Caller
    asked: Asked
    condition: Filter
    looks: Looks
    after: Place | None
    edge: int


class _Form:
    heartbeat_seconds = _HEARTBEAT_SECONDS

    def heartbeat(self, follower: Follower[bytes]) -> bytes:
        return f":\nid: {write_place(follower.epoch, follower.after)}\n\n".encode()

    def notice(self, chunk: Chunk[bytes]) -> bytes:
        told = {"restored": chunk.restored, "missing": 0 if chunk.restored else chunk.missing}
        place = write_place(chunk.epoch, chunk.after).encode()
        return b"event: gap\nid: " + place + b"\ndata: " + orjson.dumps(told) + b"\n\n"

    def end(self, reason: Ended) -> bytes:
        return b"event: end\ndata: " + orjson.dumps({"reason": reason.reason, "message": str(reason)}) + b"\n\n"


@lru_cache(256)
def renderer(looks: Looks) -> Render:
    """The same function for equal looks: what it made for one follower is sent to the others."""

    def render(epoch: UUID, events: Sequence[StoredEvent]) -> bytes:
        if not events:
            return b""
        shown = (f"data: {row(one, looks)}\n" for one in events[-MOST_ROWS:])
        # Rows of wrapped lines have line ends; as data they are lines of their own, which the page cannot tell apart.
        body = "".join(each.replace("\n", "&#10;", each.count("\n") - 1) for each in shown)
        return f"id: {write_place(epoch, events[-1].id)}\ndata: {len(events)}\n{body}\n".encode()

    return render


async def live(scope: Scope, receive: Receive, send: Send, params: Params) -> None:
    async with answering(scope, receive, send, route=ROUTE, problem=_problem) as (reply, request_id):
        await _live(scope, headers_of(scope), params, reply, request_id)


async def _live(scope: Scope, headers: Mapping[bytes, bytes], params: Params, reply: Reply, request_id: str) -> None:
    query = QueryDict(scope["query_string"])
    request = await asyncio.to_thread(_understand, headers, params, query)
    begin = partial(_begin, request)
    render = renderer(request.looks)
    async with following().follow(request.caller, request.asked.ref, begin, request.condition, render) as follower:
        reply.on_gone = lambda: follower.end(Ended())
        metrics.REQUESTS.labels("GET", ROUTE, "200").inc()
        await reply.start(b"text/event-stream; charset=utf-8", {"X-Request-Id": request_id})
        await reply.write(f"retry: 1000\nid: {write_place(follower.epoch, follower.after)}\n\n".encode())
        await serve(reply, follower, _Form())


def _understand(headers: Mapping[bytes, bytes], params: Params, query: QueryDict) -> _Request:
    """In a thread: it asks the database."""
    try:
        cookies = _cookies(text_of(headers, b"cookie") or "")
        caller = _caller(cookies, params["team"])
        asked = Asked.of(recent_stream(caller.team_id, params["stream"]), caller.plan)
        zone = cookies.get("zone", "")
        search = read_search(query, dict(query.lists()), zone=zone)
        after = text_of(headers, b"last-event-id") or query.get("after")
        return _Request(
            caller,
            asked,
            search.condition,
            Looks.of(search, zone),
            None if after is None else read_place("after", after),
            retention.edge(asked.retention, micros(timezone.now())),
        )
    finally:
        connections.close_all()  # gives this thread's connections back to the pool


def _begin(request: _Request, store: EventStore) -> Start:
    head = store.head(request.asked.ref)
    return Start.now(head) if request.after is None else Start.resumed(head, request.after, edge=request.edge)


def _caller(cookies: Mapping[str, str], slug: str) -> Caller:
    session = cookies.get(settings.SESSION_COOKIE_NAME, "")
    user = _user(session)
    if user is None:
        raise Problem(401, "Log in first.")
    team = next((one for one in lookups.teams_of(user.pk) if one.slug == slug), None)
    if team is None:
        raise NotThere("team")
    caller = replace(caller_of(user, team), session=session)
    if Ability.STREAMS_READ not in caller.abilities:
        raise lacks(Ability.STREAMS_READ)
    return caller


def _user(session_key: str) -> User | None:
    """Who has logged in, as Django's middleware finds it out."""
    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if user.is_authenticated else None


def _cookies(text: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _problem(error: Exception) -> Problem:
    problem = problem_of(in_http(error))
    if problem is None:
        _log.error("live view failed", exc_info=error)
    return problem or problems.unforeseen()
