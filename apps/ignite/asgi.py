"""Ignite's calls over HTTP: plain ASGI, JSON in Ignite's form, errors as {code, message, details}.

A stream is one message a line (NDJSON), or server-sent events where those are asked for. How Ignite itself frames its
streams over HTTP is not documented; this is ours.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from google.protobuf.message import Message

from apps.accounts.authentication import authenticate_bearer
from apps.http import metrics
from apps.http.asgi import JSON, Endpoint, Receive, Scope, Send, answer, headers_of
from apps.http.problems import Problem
from apps.http.request_id import new_request_id
from apps.http.routing import LiveRoute, Params
from apps.http.streaming import Reply, replying
from apps.ignite.calls import CALLS, HTTP_BYTES
from apps.ignite.refusals import Refusal, refusal_of
from apps.ignite.requests import read_request
from apps.ignite.streams import STREAMS, log_lines
from apps.ignite.threads import in_thread
from apps.ignite.visitors import Visitor, visit
from apps.tail.ends import ClientGone, Ended
from apps.tail.serving import serve_pieces
from tailsvc.dialects.ignite.canonical import json_of
from tailsvc.events import StoredEvent

PREFIX = "v1/ignite/"
_APP = f"{PREFIX}app/<str:organization_name>/<str:app_name>"
ROUTES = {
    "GetAppLogs": f"{_APP}/logs",
    "StreamAppLogs": f"{_APP}/logs/stream",
    "GetAppEvents": f"{_APP}/events",
    "StreamAppEvents": f"{_APP}/events/stream",
    "ListAppReplicas": f"{_APP}/replicas",
    "GetBuildLog": f"{_APP}/builds/<str:build_id>/log",
    "StreamCompileLogs": f"{PREFIX}compile/<str:deploy_id>/logs",
}
_NDJSON = b"application/x-ndjson"
_SSE = b"text/event-stream"
_SILENCE_SECONDS = 15.0


class _Ndjson:
    content_type = _NDJSON
    silence: float | None = None

    def write(self, messages: Iterable[Message]) -> bytes:
        return b"".join(json_of(message) + b"\n" for message in messages)

    def lines(self, _epoch: UUID, events: Sequence[StoredEvent]) -> bytes:
        return self.write(log_lines(events))

    def nothing(self) -> bytes:
        return b""

    def end(self, reason: Ended) -> bytes:
        return b'{"error":' + refusal_of(reason).body() + b"}\n"


class _Sse:
    content_type = _SSE + b"; charset=utf-8"
    silence: float | None = _SILENCE_SECONDS

    def write(self, messages: Iterable[Message]) -> bytes:
        return b"".join(b"data: " + json_of(message) + b"\n\n" for message in messages)

    def lines(self, _epoch: UUID, events: Sequence[StoredEvent]) -> bytes:
        return self.write(log_lines(events))

    def nothing(self) -> bytes:
        """A comment, by which proxies see that somebody is still there."""
        return b":\n\n"

    def end(self, reason: Ended) -> bytes:
        return b"event: error\ndata: " + refusal_of(reason).body() + b"\n\n"


_ndjson, _sse = _Ndjson(), _Sse()


def live_routes() -> list[LiveRoute]:
    return [LiveRoute(route, partial(_endpoint, call), _refuse) for call, route in ROUTES.items()]


def without_others(otherwise: Endpoint) -> Endpoint:
    """What else is asked for below the prefix is not there, and that is said in Ignite's form."""

    async def looked_at(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/" + PREFIX):
            await _refuse(send, Problem(404, "There is no such call."), new_request_id(None))
        else:
            await otherwise(scope, receive, send)

    return looked_at


async def _endpoint(call: str, scope: Scope, receive: Receive, send: Send, params: Params) -> None:
    started, headers = time.perf_counter(), headers_of(scope)
    request_id = new_request_id(_text(headers, b"x-request-id"))
    understand = partial(_understand, call, params, scope["query_string"], _text(headers, b"authorization"))
    status = 200
    async with replying(scope, receive, send) as reply:
        try:
            visitor, request = await in_thread(understand)
            if call in STREAMS:
                await _stream(call, visitor, request, reply, headers, request_id)
            else:
                body = await in_thread(partial(_call, call, visitor, request))
                await answer(send, 200, body, request_id=request_id, content_type=JSON)
        except Exception as error:  # noqa: BLE001 (the last door: nothing may pass it unanswered)
            refusal = refusal_of(error)
            status = refusal.status
            if not reply.is_started:
                await _answer_refusal(send, refusal, request_id)
    metrics.REQUESTS.labels(metrics.method_of(scope["method"]), ROUTES[call], str(status)).inc()
    if call in CALLS:
        metrics.REQUEST_SECONDS.labels("ignite").observe(time.perf_counter() - started)


async def _stream(
    call: str, visitor: Visitor, request: Message, reply: Reply, headers: Mapping[bytes, bytes], request_id: str
) -> None:
    form: _Sse | _Ndjson = _sse if _SSE in headers.get(b"accept", b"").lower() else _ndjson
    async with STREAMS[call](visitor, request, form) as (follower, pieces):
        reply.on_gone = lambda: follower.end(ClientGone())
        await reply.start(form.content_type, {"X-Request-Id": request_id})
        await reply.write(form.nothing())
        await serve_pieces(reply, pieces, form.end)


def _understand(call: str, params: Params, query: bytes, authorization: str | None) -> tuple[Visitor, Message]:
    request = read_request(call, params, QueryDict(query))
    return visit(authenticate_bearer(authorization), request), request


def _call(call: str, visitor: Visitor, request: Message) -> bytes:
    return json_of(CALLS[call](visitor, request, timezone.now(), HTTP_BYTES))


async def _answer_refusal(send: Send, refusal: Refusal, request_id: str) -> None:
    await answer(send, refusal.status, refusal.body(), request_id=request_id, headers=refusal.headers)


async def _refuse(send: Send, problem: Problem, request_id: str) -> None:
    await _answer_refusal(send, refusal_of(problem), request_id)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
