"""`GET /api/streams/{stream}/tail`: the native live tail, as server-sent events or NDJSON."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import connections
from django.http import QueryDict
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.accounts.api import in_http
from apps.accounts.authentication import authenticate_bearer
from apps.accounts.callers import Caller
from apps.accounts.permissions import lacks
from apps.http import metrics, problems
from apps.http.asgi import Receive, Scope, Send, headers_of, text_of
from apps.http.problems import Problem, problem_of
from apps.http.routing import Params
from apps.http.streaming import Reply, answering
from apps.query.questions import TailQuestion, read_tail
from apps.query.rendering import NDJSON, render_event
from apps.query.walks import Asked, micros
from apps.streams.lookups import recent_stream
from apps.tail.ends import Ended
from apps.tail.following import following
from apps.tail.serving import serve
from tailsvc import retention
from tailsvc.events import StoredEvent
from tailsvc.queries import Head
from tailsvc.storage.base import EventStore
from tailsvc.tail import Chunk, Follower, Start, newest_matching
from tailsvc.tail.places import before_id, write_place

ROUTE = "api/streams/<str:stream>/tail"
SSE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
RECONNECT_MILLISECONDS = 1_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Tail:
    """A request, understood: who follows what from where."""

    caller: Caller
    asked: Asked
    question: TailQuestion
    edge: int


@dataclass(slots=True)
class _Begun:
    """What was found out when the follower began."""

    head: Head = field(init=False)
    lines: Sequence[StoredEvent] = ()
    before: int = 0  # the id behind which all is sent


class _Sse:
    content_type = b"text/event-stream; charset=utf-8"
    heartbeat_seconds = HEARTBEAT_SECONDS

    @staticmethod
    def opening(place: str) -> bytes:
        return f"retry: {RECONNECT_MILLISECONDS}\nid: {place}\n\n".encode()

    @staticmethod
    def events(epoch: UUID, events: Sequence[StoredEvent]) -> bytes:
        parts: list[bytes] = []
        before = before_id(epoch)
        for stored in events:
            parts += (
                f"id: {before}{stored.id}\ndata: ".encode(),
                orjson.dumps(render_event(stored)),
                b"\n\n",
            )
        return b"".join(parts)

    def heartbeat(self, follower: Follower[bytes]) -> bytes:
        """A comment; and how far it is, since the events behind its last one may all not match."""
        return f":\nid: {write_place(follower.epoch, follower.after)}\n\n".encode()

    def notice(self, chunk: Chunk[bytes]) -> bytes:
        before = write_place(chunk.epoch, chunk.after)
        return b"event: gap\nid: " + before.encode() + b"\ndata: " + orjson.dumps(_notice(chunk)) + b"\n\n"

    def end(self, reason: Ended) -> bytes:
        return b"event: end\ndata: " + orjson.dumps(_end(reason)) + b"\n\n"


class _Ndjson:
    content_type = NDJSON.encode()
    heartbeat_seconds = HEARTBEAT_SECONDS

    @staticmethod
    def opening(_place: str) -> bytes:
        return b""

    @staticmethod
    def events(epoch: UUID, events: Sequence[StoredEvent]) -> bytes:
        before = before_id(epoch)
        return b"".join(
            orjson.dumps({"position": f"{before}{stored.id}", **render_event(stored)}, option=orjson.OPT_APPEND_NEWLINE)
            for stored in events
        )

    def heartbeat(self, _follower: Follower[bytes]) -> bytes:
        return b"\n"

    def notice(self, chunk: Chunk[bytes]) -> bytes:
        return orjson.dumps({"gap": _notice(chunk)}, option=orjson.OPT_APPEND_NEWLINE)

    def end(self, reason: Ended) -> bytes:
        return orjson.dumps({"end": _end(reason)}, option=orjson.OPT_APPEND_NEWLINE)


_Form = _Sse | _Ndjson
_FORMS: dict[str, _Form] = {SSE: _Sse(), NDJSON: _Ndjson()}


async def tail(scope: Scope, receive: Receive, send: Send, params: Params) -> None:
    async with answering(scope, receive, send, route=ROUTE, problem=_problem) as (reply, request_id):
        await _tail(scope, headers_of(scope), params["stream"], reply, request_id)


async def _tail(scope: Scope, headers: Mapping[bytes, bytes], address: str, reply: Reply, request_id: str) -> None:
    form = _form(text_of(headers, b"accept") or "*/*")
    query = QueryDict(scope["query_string"])
    resumed = text_of(headers, b"last-event-id")
    tail = await asyncio.to_thread(_understand, text_of(headers, b"authorization"), address, query, resumed)
    begun = _Begun()
    condition, begin = tail.question.condition, partial(_begin, tail, begun)
    async with following().follow(tail.caller, tail.asked.ref, begin, condition, form.events) as follower:
        reply.on_gone = lambda: follower.end(Ended())
        metrics.REQUESTS.labels("GET", ROUTE, "200").inc()
        await reply.start(form.content_type, {"X-Request-Id": request_id})
        opening = form.opening(write_place(follower.epoch, begun.before))
        await reply.write(opening + form.events(follower.epoch, begun.lines))
        await serve(reply, follower, form, until=None if tail.question.follow else begun.head.last_id)


def _understand(authorization: str | None, address: str, query: QueryDict, resumed: str | None) -> _Tail:
    """In a thread: it may ask the database."""
    try:
        caller = authenticate_bearer(authorization)
        if Ability.STREAMS_READ not in caller.abilities:
            raise lacks(Ability.STREAMS_READ)
        asked = Asked.of(recent_stream(caller.team_id, address), caller.plan)
        question = read_tail(query, resumed)
        return _Tail(caller, asked, question, retention.edge(asked.retention, micros(timezone.now())))
    finally:
        connections.close_all()  # gives this thread's connection back to the pool


def _begin(tail: _Tail, begun: _Begun, store: EventStore) -> Start:
    """In a thread: where to begin, and the lines before."""
    question, stream = tail.question, tail.asked.ref
    begun.head = head = store.head(stream)
    edge = max(tail.edge, question.since or 0)
    start = Start.now(head)
    if question.after is not None:
        start = Start.resumed(head, question.after, edge=tail.edge)
    elif question.lines is not None:
        begun.lines = newest_matching(store, stream, head, question.condition, edge=edge, events=question.lines)
    elif question.since is not None:
        start = Start.since_time(store, stream, head, edge)
    # Who is cut off between the lines and asks for what comes behind this, misses none of them.
    begun.before = begun.lines[0].id - 1 if begun.lines else start.after
    return start


def _form(accept: str) -> _Form:
    """Server-sent events, unless only NDJSON is asked for."""
    asked = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    for one in asked:
        if one in _FORMS:
            return _FORMS[one]
    if {"*/*", "text/*", "application/*"} & set(asked):
        return _FORMS[NDJSON if "application/*" in asked else SSE]
    raise Problem(406, f"The tail is sent as {SSE} or {NDJSON}.")


def _notice(chunk: Chunk[bytes]) -> dict[str, Any]:
    if chunk.restored:
        return {"reason": "restored", "after": chunk.after}
    return {"reason": "deleted", "after": chunk.after, "upto": chunk.upto, "missing": chunk.missing}


def _end(reason: Ended) -> dict[str, str]:
    return {"reason": reason.reason, "message": str(reason)}


def _problem(error: Exception) -> Problem:
    problem = problem_of(in_http(error))
    if problem is None:
        _log.error("tail failed", exc_info=error)
    return problem or problems.unforeseen()
