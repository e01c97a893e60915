"""The door: who may, and every answer and error in Kubernetes' form."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import structlog
from django.http import QueryDict
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.accounts.authentication import authenticate_bearer
from apps.accounts.callers import Caller
from apps.accounts.permissions import lacks
from apps.http import metrics
from apps.http.asgi import ClientGone, Endpoint, Receive, Scope, Send, answer, headers_of
from apps.http.problems import Problem
from apps.http.request_id import new_request_id
from apps.http.routing import LiveRoute, Params
from apps.http.streaming import Reply, replying
from apps.objects import limits
from apps.objects.http import about, verbs
from apps.objects.http.asking import Query, flag
from apps.objects.http.negotiation import JSON, YAML, negotiate
from apps.objects.http.refusals import in_form, refusal
from apps.objects.http.rendering import Shape, plain
from apps.objects.http.verbs import Asked, Verb
from apps.objects.http.watch import watch
from apps.objects.watching import in_thread
from tailsvc.objects.catalogue import KINDS
from tailsvc.objects.kinds import API_VERSION, Kind
from tailsvc.objects.statuses import ApiError, bad_request, no_such_path, too_large, unsupported_media_type
from tailsvc.objects.tables import Include

# What none of the routes is, below these.
PREFIXES = ("/apis/", "/openapi/")
_COLLECTION: dict[str, Verb] = {"GET": verbs.list_, "POST": verbs.create, "DELETE": verbs.delete_collection}
_SINGLE: dict[str, Verb] = {"GET": verbs.get, "PUT": verbs.update, "PATCH": verbs.patch_, "DELETE": verbs.delete}
_STATUS: dict[str, Verb] = {"GET": verbs.get, "PUT": verbs.update, "PATCH": verbs.patch_}
_INCLUDES: dict[str, Include] = {"": "Metadata", "Metadata": "Metadata", "None": "None", "Object": "Object"}
_WARNINGS_CHARS = 4096
_HEADERS = {"Cache-Control": "no-cache, private", "X-Content-Type-Options": "nosniff"}
_log = structlog.get_logger(__name__)


class _Request:
    """One request, and the only way to answer it."""

    def __init__(self, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        self.route = route
        self.scope = scope
        self.headers = headers_of(scope)
        self.request_id = new_request_id(self.header(b"x-request-id") or None)
        self._receive = receive
        self._send = send
        self._started = time.perf_counter()

    @property
    def method(self) -> str:
        """HEAD asks what GET asks."""
        return "GET" if self.scope["method"] == "HEAD" else str(self.scope["method"])

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def query(self) -> Query:
        try:
            return QueryDict(self.scope["query_string"]).dict()
        except (ValueError, UnicodeError):
            raise bad_request("the query string cannot be read") from None

    async def body(self) -> bytes:
        """Raises ApiError 413, 415 and ClientGone."""
        if self.header(b"content-encoding") not in {"", "identity"}:
            raise unsupported_media_type((JSON, YAML))
        found, more = bytearray(), True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            found += message.get("body", b"")
            more = message.get("more_body", False)
            if len(found) > limits.BODY_BYTES:
                raise too_large(limits.BODY_BYTES)
        return bytes(found)

    def answer_headers(self) -> dict[str, str]:
        return {**_HEADERS, "Audit-Id": str(uuid4()), "X-Request-Id": self.request_id}

    async def answer(self, status: int, body: bytes, content_type: bytes, headers: Mapping[str, str]) -> None:
        await answer(
            self._send,
            status,
            b"" if self.scope["method"] == "HEAD" else body,
            request_id=self.request_id,
            content_type=content_type,
            headers={**_HEADERS, "Audit-Id": str(uuid4()), **headers},
        )
        self.count(status)
        metrics.REQUEST_SECONDS.labels("kubernetes").observe(time.perf_counter() - self._started)
        metrics.RESPONSE_BYTES.labels("kubernetes").observe(len(body))

    def count(self, status: int) -> None:
        metrics.REQUESTS.labels(metrics.method_of(self.scope["method"]), self.route, str(status)).inc()

    async def refuse(self, error: ApiError) -> None:
        body = plain(timezone.now()).write(error.status)
        await self.answer(error.code, body, JSON.encode(), error.headers)


def routes() -> list[LiveRoute]:
    found = [_about_route("version", about.version, is_open=True)]
    found += [_about_route(route, tell, is_open=False) for route, tell in about.ROUTES.items()]
    for kind in KINDS.values():
        collection = f"apis/{API_VERSION}/{kind.plural}"
        single = f"{collection}/<str:{kind.singular}>"
        for route, offered, part in (
            (collection, _COLLECTION, ""),
            (single, _SINGLE, ""),
            (f"{single}/status", _STATUS, "status"),
        ):
            found.append(LiveRoute(route, _Resource(route, kind, offered, part), refuse, tuple(offered)))
    return found


def _about_route(route: str, tell: about.Tell, *, is_open: bool) -> LiveRoute:
    """Some of Kubernetes' own clients end these in a slash."""
    return LiveRoute(route, partial(_about, route, tell, is_open=is_open), refuse, may_end_in_slash=True)


def without_others(endpoint: Endpoint) -> Endpoint:
    """What is none of the routes is told so in Kubernetes' form."""

    async def looked_at(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIXES):
            await _Request("none", scope, receive, send).refuse(no_such_path())
        else:
            await endpoint(scope, receive, send)

    return looked_at


async def refuse(send: Send, problem: Problem, request_id: str) -> None:
    error = in_form(problem)
    body = plain(timezone.now()).write(error.status)
    await answer(
        send, error.code, body, request_id=request_id, content_type=JSON.encode(), headers={**_HEADERS, **error.headers}
    )


async def _about(
    route: str, tell: about.Tell, scope: Scope, receive: Receive, send: Send, _params: Params, *, is_open: bool
) -> None:
    request = _Request(route, scope, receive, send)
    try:
        if not is_open:
            await in_thread(lambda: authenticate_bearer(request.header(b"authorization")))
        found = tell(about.read_accept(request.header(b"accept")))
        headers = {"ETag": found.etag, "Vary": "Accept"}
        if request.header(b"if-none-match") == found.etag:
            await request.answer(304, b"", found.content_type.encode(), headers)
        else:
            await request.answer(200, found.body, found.content_type.encode(), headers)
    except Exception as error:  # noqa: BLE001 (the last door: nothing may pass it unanswered)
        await request.refuse(refusal(error))


@dataclass(frozen=True, slots=True)
class _Resource:
    """All of a kind, one of them, or a part of one."""

    route: str
    kind: Kind
    offered: Mapping[str, Verb]
    part: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send, params: Params) -> None:
        request = _Request(self.route, scope, receive, send)
        name = params.get(self.kind.singular, "")
        try:
            caller = await in_thread(lambda: _admitted(request))
            if request.method == "GET" and flag(request.query(), "watch") and not self.part:
                await _watch(request, receive, send, partial(_asked, request, caller, self, name, b""))
                return
            asked = _asked(request, caller, self, name, await request.body())
            reply = await in_thread(lambda: self.offered[request.method](asked))
            headers = {"Warning": _warnings(reply.warnings)} if reply.warnings else {}
            await request.answer(reply.status, asked.shape.write(reply.document), asked.shape.content_type, headers)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 (the last door: nothing may pass it unanswered)
            await request.refuse(refusal(error))


async def _watch(request: _Request, receive: Receive, send: Send, ask: Callable[[], Asked]) -> None:
    async with replying(request.scope, receive, send) as reply:
        try:
            await _answer_watch(request, reply, ask())
        except Exception as error:  # noqa: BLE001 (as above)
            told = refusal(error)
            if not reply.is_started:
                await request.refuse(told)


async def _answer_watch(request: _Request, reply: Reply, asked: Asked) -> None:
    request.count(200)
    await watch(asked, reply, request.answer_headers())


def _admitted(request: _Request) -> Caller:
    """In a thread: it may ask the database. Raises Problem 401, 403."""
    caller = authenticate_bearer(request.header(b"authorization"))
    needed = Ability.OBJECTS_READ if request.method == "GET" else Ability.OBJECTS_WRITE
    if needed not in caller.abilities:
        raise lacks(needed)
    return caller


def _asked(request: _Request, caller: Caller, resource: _Resource, name: str, body: bytes) -> Asked:
    """Raises ApiError."""
    query, now = request.query(), timezone.now()
    if name and request.method == "GET" and flag(query, "watch"):
        query = {**query, "fieldSelector": f"metadata.name={name}"}
    include = _INCLUDES.get(query.get("includeObject", ""))
    if include is None:
        raise bad_request("includeObject must be one of None, Metadata, Object")
    shape = Shape(negotiate(request.header(b"accept")), include, flag(query, "pretty"), now)
    return Asked(
        caller=caller,
        kind=resource.kind,
        name=name,
        subresource=resource.part,
        query=query,
        shape=shape,
        content_type=request.header(b"content-type"),
        user_agent=request.header(b"user-agent"),
        body=body,
        now=now,
    )


def _warnings(told: list[str]) -> str:
    """RFC 7234's header; its text is quoted, and printable ASCII."""
    texts = (one.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"') for one in told)
    printable = ("".join(letter if letter.isprintable() else "?" for letter in text) for text in texts)
    found = ""
    for text in printable:
        if len(found) + len(text) > _WARNINGS_CHARS:
            break
        found += f'{", " if found else ""}299 - "{text}"'
    return found
