"""The short cut to what is read all the time: plain ASGI in front of Django, whose way costs more than the answer.

It takes what nearly all clients send, and answers as the views do, by the same functions. Whatever is out of the
ordinary - another method, a body, another format than JSON, a foreign host - it leaves to the views.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial

import structlog
from django.conf import settings
from django.db import connections
from django.http import QueryDict
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from prometheus_client import Counter

from apps.accounts.abilities import Ability
from apps.accounts.api import in_http
from apps.accounts.authentication import authenticate_bearer
from apps.accounts.permissions import lacks
from apps.http import metrics, problems
from apps.http.asgi import JSON, Endpoint, Receive, Scope, Send, answer, headers_of, text_of
from apps.http.problems import Problem, problem_of
from apps.http.rendering import json_text
from apps.http.request_id import new_request_id
from apps.query.reads import Read, read_facets, read_histogram, read_logs
from apps.query.throttling import count_request
from apps.query.walks import Asked
from apps.streams.lookups import recent_stream

PREFIX = "/api/streams/"
READS: dict[str, Read] = {"logs": read_logs, "histogram": read_histogram, "facets": read_facets}
# What Django's middleware and DRF put on these answers.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_JSON_TYPES = {b"*/*", b"application/*", b"application/json"}

log = structlog.get_logger(__name__)
# Many more than compute at a time: most wait, for one of the store's connections or for another's count. Apart from
# the default executor, so that slow queries keep nobody's look-up waiting.
_readers = ThreadPoolExecutor(32, thread_name_prefix="read")
# Finding a metric by its labels costs more than counting.
_seconds = metrics.REQUEST_SECONDS.labels("native")
_sizes = metrics.RESPONSE_BYTES.labels("native")


@dataclass(frozen=True, slots=True)
class _Request:
    what: str
    address: str
    authorization: str | None
    query: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def in_front_of(views: Endpoint) -> Endpoint:
    async def short_cut(scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        request = _taken(scope, headers)
        if request is None:
            await views(scope, receive, send)
        else:
            await _serve(request, headers, send)

    return short_cut


def _taken(scope: Scope, headers: dict[bytes, bytes]) -> _Request | None:
    """None: for the views."""
    path: str = scope["path"]
    if not path.startswith(PREFIX):
        return None
    address, _, what = path[len(PREFIX) :].partition("/")
    if what not in READS or not address or not _is_plain(scope, headers):
        return None
    return _Request(what, address, text_of(headers, b"authorization"), scope["query_string"].decode("ascii"))


def _is_plain(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    query: bytes = scope["query_string"]
    return (
        scope["method"] == "GET"
        and headers.get(b"content-length", b"0") == b"0"
        and b"transfer-encoding" not in headers
        and query.isascii()
        and b"format=" not in query  # DRF's, instead of Accept
        and _takes_json(headers.get(b"accept", b"*/*"))
        and _is_our_host(headers.get(b"host", b""))
    )


def _takes_json(accept: bytes) -> bool:
    return accept in _JSON_TYPES or any(one.partition(b";")[0].strip() in _JSON_TYPES for one in accept.split(b","))


@lru_cache(256)
def _is_our_host(host: bytes) -> bool:
    return validate_host(split_domain_port(host.decode("latin-1"))[0], settings.ALLOWED_HOSTS)


async def _serve(request: _Request, headers: dict[bytes, bytes], send: Send) -> None:
    started = time.perf_counter()
    request_id = new_request_id(text_of(headers, b"x-request-id"))
    work = partial(copy_context().run, _answer, request, request_id)
    done = await asyncio.get_running_loop().run_in_executor(_readers, work)
    await answer(
        send,
        done.status,
        done.body,
        request_id=request_id,
        content_type=done.content_type,
        headers={**_HEADERS, **done.headers},
    )
    route = f"api/streams/<str:stream>/{request.what}"
    _answers(route, done.status).inc()
    _seconds.observe(time.perf_counter() - started)
    _sizes.observe(len(done.body))
    if done.status >= 500:
        log.error("request failed", method="GET", route=route, status=done.status, request_id=request_id)


def _answer(request: _Request, request_id: str) -> _Answer:
    structlog.contextvars.bind_contextvars(request_id=request_id)
    try:
        return _read(request)
    except Exception as error:  # noqa: BLE001 (the last door: nothing may pass it unanswered)
        problem = _problem(error)
        return _Answer(problem.status_code, problem.content(), problems.CONTENT_TYPE.encode(), problem.headers)
    finally:
        connections.close_all()  # gives this thread's connection, if it took one, back to the pool


def _read(request: _Request) -> _Answer:
    caller = authenticate_bearer(request.authorization)
    if Ability.STREAMS_READ not in caller.abilities:
        raise lacks(Ability.STREAMS_READ)
    rate = count_request(caller)
    stream = recent_stream(caller.team_id, request.address)
    asked = Asked.of(stream, caller.plan)
    reply = READS[request.what](asked, QueryDict(request.query), timezone.now())
    return _Answer(200, json_text(reply.data), headers={**rate, **reply.headers})


def _problem(error: Exception) -> Problem:
    problem = problem_of(in_http(error))
    if problem is None:
        log.error("query failed", exc_info=error)
    return problem or problems.unforeseen()


@cache
def _answers(route: str, status: int) -> Counter:
    return metrics.REQUESTS.labels("GET", route, str(status))
