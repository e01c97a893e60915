"""`GET /api/streams/{stream}/builds/{build}/follow`: a build's log as plain text, from a byte on, until it is finished.

Plain text has no word for silence, or for why it ends early: there the connection breaks, so that nobody takes a part
for the whole.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from django.db import connections
from django.http import QueryDict
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.accounts.api import in_http
from apps.accounts.authentication import authenticate_bearer
from apps.accounts.callers import Caller
from apps.accounts.permissions import lacks
from apps.accounts.scope import team_scope
from apps.http import metrics, problems
from apps.http.asgi import Receive, Scope, Send, headers_of, text_of
from apps.http.parameters import whole_number
from apps.http.problems import Problem, problem_of
from apps.http.routing import Params
from apps.http.streaming import Reply, answering
from apps.lifecycle import builds, limits
from apps.lifecycle.following import ChangeFollower, change_follower, follow_build
from apps.lifecycle.models import BuildLog
from apps.streams.services import find_stream
from apps.tail.ends import ClientGone, Ended
from apps.tail.serving import serve_pieces

ROUTE = "api/streams/<str:stream>/builds/<str:build>/follow"
_TEXT = b"text/plain; charset=utf-8"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    caller: Caller
    build: BuildLog
    offset: int


async def follow(scope: Scope, receive: Receive, send: Send, params: Params) -> None:
    async with answering(scope, receive, send, route=ROUTE, problem=_problem) as (reply, request_id):
        query = QueryDict(scope["query_string"])
        asked = await asyncio.to_thread(_understand, text_of(headers_of(scope), b"authorization"), params, query)
        await _follow(asked, reply, request_id)


async def _follow(asked: _Asked, reply: Reply, request_id: str) -> None:
    async with change_follower(asked.caller, asked.build.stream.ref) as follower:
        reply.on_gone = lambda: follower.end(ClientGone())
        metrics.REQUESTS.labels("GET", ROUTE, "200").inc()
        await reply.start(_TEXT, {"X-Request-Id": request_id})
        await serve_pieces(reply, _bytes(follower, asked), _broken)


async def _bytes(follower: ChangeFollower, asked: _Asked) -> AsyncIterator[bytes]:
    async for chunks in follow_build(follower, asked.build, start=asked.offset):
        yield b"".join(chunk.data for chunk in chunks)


def _broken(reason: Ended) -> bytes:
    raise reason


def _understand(authorization: str | None, params: Params, query: QueryDict) -> _Asked:
    """In a thread: it asks the database."""
    try:
        caller = authenticate_bearer(authorization)
        if Ability.STREAMS_READ not in caller.abilities:
            raise lacks(Ability.STREAMS_READ)
        with team_scope(caller.team_id):
            stream = find_stream(params["stream"])
            build = builds.find(stream, params["build"], plan=caller.plan, now=timezone.now())
        return _Asked(caller, build, whole_number(query, "offset", default=0, low=0, high=limits.BUILD_BYTES))
    finally:
        connections.close_all()  # gives this thread's connection back to the pool


def _problem(error: Exception) -> Problem:
    problem = problem_of(in_http(error))
    if problem is None and not isinstance(error, Ended):
        _log.error("following a build failed", exc_info=error)
    return problem or problems.unforeseen()
