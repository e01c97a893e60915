"""POST /api/ingest/{stream}: plain ASGI, in front of Django, because this is the path that pays for every log line.

Who (the token), may they (stream, quota), what (the body); then one append, and the answer after its COMMIT.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

import structlog
from prometheus_client import Counter

from apps.http import metrics
from apps.http.asgi import ClientGone, Receive, Scope, Send, answer, answer_problem, headers_of
from apps.http.problems import RETRY_AFTER_SECONDS, Problem, problem_of
from apps.http.request_id import new_request_id
from apps.ingest import authentication, services
from apps.ingest.bridge import bridge
from apps.ingest.meter import QuotaSpent, meter
from apps.ingest.room import Room, Share
from apps.streams.lookups import IngestGrant
from tailsvc import crunching, limits
from tailsvc.bodies import BodyCollector
from tailsvc.clock import system_clock
from tailsvc.errors import BodyTooLarge
from tailsvc.parsing import BodyKind, body_kind
from tailsvc.storage.base import Replayed

ROUTE = "api/ingest/<stream>"
PREFIX = "/api/ingest/"
# Smaller bodies are parsed on the event loop: a thread costs more than they do, and 5 ms is what the loop may be held.
_INLINE_BYTES = 128 * 1024
_INLINE_PACKED_BYTES = 8 * 1024  # may become a thousand times as much

log = structlog.get_logger(__name__)
# Bodies that take long (a million broken lines: seconds) have a thread of their own, so that nobody waits for them.
_LARGE_BYTES = 4 * limits.MIB
_large = ThreadPoolExecutor(1, thread_name_prefix="large")
_room = Room()
# Finding a metric by its labels costs more than counting.
_seconds = metrics.REQUEST_SECONDS.labels("native")
_sizes = metrics.REQUEST_BYTES.labels("native")
T = TypeVar("T")


async def ingest(scope: Scope, receive: Receive, send: Send) -> None:
    started = time.perf_counter()
    headers = headers_of(scope)
    offered = headers.get(b"x-request-id")
    request_id = new_request_id(offered.decode("latin-1") if offered else None)
    try:
        body, extra = await _accept(scope, headers, receive)
    except ClientGone:
        return
    except Exception as error:  # noqa: BLE001 (the last door: nothing may pass it unanswered)
        problem = _problem(error, request_id)
        status = problem.status_code
        await answer_problem(send, problem, request_id=request_id)
    else:
        status = 200
        await answer(send, status, body, request_id=request_id, headers=extra)
    _answers(status).inc()
    _seconds.observe(time.perf_counter() - started)


async def _accept(scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> tuple[bytes, dict[str, str] | None]:
    if scope["method"] != "POST":
        raise Problem(405, "Use POST.", headers={"Allow": "POST"})
    grant = await _grant(scope["path"], headers)
    meter().check(grant)
    kind = body_kind(_text(headers, b"content-type"))
    key = services.checked_key(_text(headers, b"idempotency-key"))
    with _room.enter() as share:
        body = await _read_body(headers, receive, share)
        return await _store(grant, body, kind, key)


async def _store(
    grant: IngestGrant, body: bytes, kind: BodyKind, key: str | None
) -> tuple[bytes, dict[str, str] | None]:
    _sizes.observe(len(body))
    prepared = await _prepare(grant, body, kind, key)
    outcome = await bridge().append(services.intake(), grant.stream, prepared.batch)
    if isinstance(outcome, Exception):
        raise outcome
    if isinstance(outcome, Replayed):
        metrics.INGEST_REPLAYS.inc()
        return outcome.answer, {"Idempotency-Replayed": "true"}
    _count(grant, prepared)
    if not prepared.usable:
        raise _nothing_usable(prepared)  # its lines are kept for the team to see
    return prepared.answer, None


async def _grant(path: str, headers: dict[bytes, bytes]) -> IngestGrant:
    token = authentication.bearer(headers.get(b"authorization"))
    grant = authentication.known_grant(token)
    if grant is None:
        grant = await asyncio.to_thread(authentication.grant, token)
    if not authentication.belongs(path[len(PREFIX) :], grant):
        raise Problem(403, "The ingest token is for another stream.")
    return grant


async def _read_body(headers: dict[bytes, bytes], receive: Receive, share: Share) -> bytes:
    """The whole body, decompressed. Raises before more is held than a limit allows."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limits.BODY_BYTES:
        raise BodyTooLarge(f"The body has {int(length)} bytes; at most {limits.BODY_BYTES} are taken.")
    coding = _text(headers, b"content-encoding")
    collector = BodyCollector(coding or "identity")
    inline = _INLINE_BYTES if coding is None else _INLINE_PACKED_BYTES
    missing = int(length) if length.isdigit() and b"transfer-encoding" not in headers else None
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        if len(chunk) > inline:
            await _apart(partial(collector.feed, chunk), len(chunk))
        elif chunk:
            collector.feed(chunk)
        await share.grow_to(collector.size)
        if missing is not None:
            missing -= len(chunk)
        # Of a body whose length was told the end is known; to ask for it is another way through the server's threads.
        if missing == 0 or not message.get("more_body"):
            return collector.finish()


async def _prepare(grant: IngestGrant, body: bytes, kind: BodyKind, key: str | None) -> services.Prepared:
    def work() -> services.Prepared:
        return services.prepare(grant, body, kind=kind, key=key, received_at=system_clock())

    if len(body) <= _INLINE_BYTES:
        return work()
    return await _apart(work, len(body))


async def _apart(work: Callable[[], T], size: int) -> T:
    return await asyncio.wrap_future(_large.submit(work) if size > _LARGE_BYTES else crunching.submit(work))


def _nothing_usable(prepared: services.Prepared) -> Problem:
    told = [f"line {one.line}: {one.reason}" for one in prepared.batch.rejections[: limits.REJECTIONS_ANSWERED]]
    return Problem(400, f"No line of the body is usable; {told[0].rstrip('.')}.", field_errors={"body": told})


def _count(grant: IngestGrant, prepared: services.Prepared) -> None:
    if prepared.rejected:
        metrics.INGEST_REJECTIONS.inc(prepared.rejected)
    meter().add(grant, events=len(prepared.batch.events), rejected=prepared.rejected, size=prepared.batch.size)


@cache
def _answers(status: int) -> Counter:
    return metrics.REQUESTS.labels("POST", ROUTE, str(status))


def _problem(error: Exception, request_id: str) -> Problem:
    if isinstance(error, QuotaSpent):
        return Problem(429, str(error), headers={"Retry-After": str(error.retry_after)})
    problem = problem_of(error)
    if problem is not None:
        return problem
    log.error("ingest failed", request_id=request_id, exc_info=error)
    return Problem(503, "The events could not be stored; try again.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
