"""`GET /v0/pipelines/{pipeline_name}/logs`: the lines so far in one burst, then each as it comes, as plain text."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
from apps.engine import store
from apps.feldera import errors
from apps.feldera.asking import Question, read_question
from apps.feldera.catch_up import CatchUp, catch_up, render
from apps.feldera.control_plane import ENDED, Pipeline
from apps.feldera.errors import FelderaError, in_form, too_many_followers
from apps.feldera.pipelines import find_pipeline, pipeline_name
from apps.feldera.tenancy import HEADER, check_tenant
from apps.http import metrics, problems
from apps.http.asgi import Receive, Scope, Send, answer_problem, headers_of, text_of
from apps.http.problems import Problem, problem_of
from apps.http.routing import Params
from apps.http.streaming import Reply, answering
from apps.query.throttling import count_request
from apps.query.walks import micros
from apps.tail.ends import Ended, RightsEnded, ServerStopping, StreamDeleted
from apps.tail.following import following
from apps.tail.serving import serve
from tailsvc import retention
from tailsvc.errors import TooManyFollowers
from tailsvc.filters import EVERYTHING
from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.tail import Chunk, Follower, Start

ROUTE = "v0/pipelines/<str:pipeline_name>/logs"
CONTENT_TYPE = b"text/plain; charset=utf-8"
# As many follows of one pipeline may be on their way at once, in each process.
MOST_OPENINGS = 100
# Whoever reads nothing for a while is cut once so many lines wait for them.
MOST_BEHIND = 100_000
_SILENCE_SECONDS = 3600.0  # nothing is ever sent in it: the text has no place for a heartbeat
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Logs:
    """A request, understood."""

    caller: Caller
    ref: StreamRef
    pipeline: Pipeline
    created_at: datetime
    question: Question
    edge: int

    def opening(self, begun: CatchUp) -> bytes:
        """The first line tells whether these are all lines that there ever were. Not where they are counted."""
        if self.question.counts_lines:
            return b""
        return self.pipeline.discarded(begun.seq, _now()) if begun.seq else self.pipeline.fresh_start(self.created_at)

    def headers(self, begun: CatchUp) -> dict[str, str]:
        headers = {"Content-Encoding": "identity"}
        if self.question.counts_lines:
            headers |= {"Feldera-Logs-Epoch": str(begun.epoch)}
            headers |= {"Feldera-Logs-Seq": str(begun.seq), "Feldera-Logs-Gap": str(begun.gap)}
        return headers


@dataclass(slots=True)
class _Begun:
    found: CatchUp = field(init=False)


class _Restored(Ended):
    reason = "restored"


class _Text:
    """What is written between the lines."""

    heartbeat_seconds = _SILENCE_SECONDS

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def heartbeat(self, _follower: Follower[bytes]) -> bytes:
        return b""

    def notice(self, chunk: Chunk[bytes]) -> bytes:
        now = _now()
        return self.pipeline.fresh_start(now) if chunk.restored else self.pipeline.discarded(chunk.missing, now)

    def end(self, reason: Ended) -> bytes:
        if isinstance(reason, StreamDeleted):
            return ENDED
        return self.pipeline.line(_now(), "WARN", str(reason)) if isinstance(reason, RightsEnded) else b""


class _CountedText(_Text):
    """For who counts lines, to go on behind the last one another time: nothing but lines of the log."""

    def notice(self, chunk: Chunk[bytes]) -> bytes:
        if chunk.restored:
            raise _Restored  # what was counted means nothing any more
        return b""

    def end(self, _reason: Ended) -> bytes:
        return b""


async def logs(scope: Scope, receive: Receive, send: Send, params: Params) -> None:
    async with answering(scope, receive, send, route=ROUTE, problem=_problem) as (reply, request_id):
        await _answer(scope, headers_of(scope), params["pipeline_name"], reply, request_id)


async def refuse(send: Send, problem: Problem, request_id: str) -> None:
    await answer_problem(send, in_form(problem), request_id=request_id)


async def _answer(scope: Scope, headers: Mapping[bytes, bytes], name: str, reply: Reply, request_id: str) -> None:
    asked = await asyncio.to_thread(_understand, headers, name, QueryDict(scope["query_string"]))
    if asked.question.follow:
        await _follow(asked, reply, request_id)
        return
    begun = await asyncio.to_thread(_catch_up, asked, store())
    await _open(asked, begun, reply, request_id)
    await reply.finish()


async def _follow(asked: _Logs, reply: Reply, request_id: str) -> None:
    begun = _Begun()

    def begin(events: EventStore) -> Start:
        begun.found = _catch_up(asked, events)
        return Start(begun.found.last_id, begun.found.epoch)

    async with AsyncExitStack() as stack:
        with _opening(asked.ref.stream_id):
            follower = await stack.enter_async_context(
                following().follow(asked.caller, asked.ref, begin, EVERYTHING, render)
            )
        reply.on_gone = lambda: follower.end(Ended())
        reply.is_hopeless = lambda: follower.behind > MOST_BEHIND
        await _open(asked, begun.found, reply, request_id)
        form = (_CountedText if asked.question.counts_lines else _Text)(asked.pipeline)
        await serve(reply, follower, form)


async def _open(asked: _Logs, begun: CatchUp, reply: Reply, request_id: str) -> None:
    metrics.REQUESTS.labels("GET", ROUTE, "200").inc()
    await reply.start(CONTENT_TYPE, {"X-Request-Id": request_id, **asked.headers(begun)})
    await reply.write(asked.opening(begun) + begun.text)


def _understand(headers: Mapping[bytes, bytes], name: str, query: QueryDict) -> _Logs:
    """In a thread: it asks the database."""
    try:
        caller = authenticate_bearer(text_of(headers, b"authorization"))
        if Ability.STREAMS_READ not in caller.abilities:
            raise lacks(Ability.STREAMS_READ)
        check_tenant(caller, text_of(headers, HEADER.lower().encode()))
        question = read_question(query)
        if not question.follow:
            count_request(caller)
        with team_scope(caller.team_id):
            stream = find_pipeline(name)
        pipeline = Pipeline(stream.uuid, pipeline_name(stream))
        edge = retention.edge(stream.retention(caller.plan.retention_hours), micros(timezone.now()))
        return _Logs(caller, stream.ref, pipeline, stream.created_at, question, edge)
    finally:
        connections.close_all()  # gives this thread's connection back to the pool


def _catch_up(asked: _Logs, events: EventStore) -> CatchUp:
    question = asked.question
    return catch_up(events, asked.ref, edge=asked.edge, cursor=question.cursor, tail=question.tail)


_openings: Counter[int] = Counter()


@contextmanager
def _opening(stream: int) -> Iterator[None]:
    if _openings[stream] >= MOST_OPENINGS:
        raise errors.too_many_openings()
    _openings[stream] += 1
    try:
        yield
    finally:
        _openings[stream] -= 1
        if not _openings[stream]:
            del _openings[stream]


def _problem(error: Exception) -> FelderaError:
    if isinstance(error, ServerStopping):
        return errors.unreachable(str(error))
    problem = problem_of(in_http(error))
    if problem is None:
        _log.error("logs failed", exc_info=error)
    elif problem.status_code == 503 and not isinstance(problem, FelderaError):
        return errors.unreachable(problem.message)
    if problem is not None and isinstance(error, TooManyFollowers):
        return too_many_followers(problem)
    return in_form(problem or problems.unforeseen())


def _now() -> datetime:
    return datetime.now(UTC)
