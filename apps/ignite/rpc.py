"""Ignite's calls over gRPC, as `dodil.ignite.v1.ComputeService`, with reflection and health."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import grpc
from django.utils import timezone
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from apps.accounts.authentication import authenticate_bearer
from apps.http import metrics
from apps.http.problems import Problem
from apps.http.request_id import new_request_id
from apps.ignite.calls import CALLS, GRPC_BYTES
from apps.ignite.refusals import Refusal, refusal_of
from apps.ignite.requests import SERVICE, request_class
from apps.ignite.streams import STREAMS, log_lines
from apps.ignite.threads import in_thread
from apps.ignite.visitors import Visitor, visit
from tailsvc.events import StoredEvent

# Followers stay for hours: who is gone without a word is noticed by its silence.
_KEEPALIVE_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a forgotten server would go on answering beside this one
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.min_ping_interval_without_data_ms", _KEEPALIVE_TIMEOUT_MS),  # of clients that ping
)
_STATUS = {status.value[0]: status for status in grpc.StatusCode}
_Context = grpc.aio.ServicerContext[Any, Any]


class _Serialized:
    """Messages as they go over the wire: written once for all who follow the same."""

    silence: float | None = None

    def write(self, messages: Iterable[Message]) -> list[bytes]:
        return [message.SerializeToString() for message in messages]

    def lines(self, _epoch: UUID, events: Sequence[StoredEvent]) -> list[bytes]:
        return self.write(log_lines(events))

    def nothing(self) -> list[bytes]:
        return []


_serialized = _Serialized()


def add_services(server: grpc.aio.Server) -> health.aio.HealthServicer:
    """The server's own account of its health, for who stops it to change."""
    handlers = {method.name: _handler(method.name) for method in SERVICE.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    names = (SERVICE.full_name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return status


async def tell_healthy(status: health.aio.HealthServicer) -> None:
    for name in ("", SERVICE.full_name):
        await status.set(name, health_pb2.HealthCheckResponse.SERVING)


def _handler(call: str) -> "grpc.RpcMethodHandler[Any, Any]":
    """Requests come as bytes: they are read behind the token, and what cannot be read is the client's fault."""
    if call in STREAMS:
        return grpc.unary_stream_rpc_method_handler(partial(_stream, call))
    return grpc.unary_unary_rpc_method_handler(partial(_call, call))


async def _call(call: str, content: bytes, context: _Context) -> bytes:
    try:
        answered = await in_thread(partial(_answer, call, content, _prepare(context)))
    except Exception as error:
        await _refuse(call, context, refusal_of(error))
        raise
    _count(call, "OK")
    return answered


async def _stream(call: str, content: bytes, context: _Context) -> None:
    try:
        visitor, request = await in_thread(partial(_understand, call, content, _prepare(context)))
        async with STREAMS[call](visitor, request, _serialized) as (_, pieces):
            await context.send_initial_metadata(())  # it has begun, whether there is anything to tell or not
            async for messages in pieces:
                for message in messages:
                    await context.write(message)
    except Exception as error:
        await _refuse(call, context, refusal_of(error))
        raise
    _count(call, "OK")


def _understand(call: str, content: bytes, authorization: str | None) -> tuple[Visitor, Message]:
    caller = authenticate_bearer(authorization)
    try:
        request = request_class(call).FromString(content)
    except DecodeError:
        raise Problem(400, f"The message is no {request_class(call).DESCRIPTOR.full_name}.") from None
    return visit(caller, request), request


def _answer(call: str, content: bytes, authorization: str | None) -> bytes:
    visitor, request = _understand(call, content, authorization)
    return CALLS[call](visitor, request, timezone.now(), GRPC_BYTES).SerializeToString()


def _prepare(context: _Context) -> str | None:
    """The token; also gives the call its id, for what is logged."""
    told = {str(key): value for key, value in context.invocation_metadata() or ()}
    new_request_id(_text(told.get("x-request-id")))
    return _text(told.get("authorization"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


async def _refuse(call: str, context: _Context, refusal: Refusal) -> None:
    """Raises, as aborting a call does."""
    status = _STATUS[int(refusal.code)]
    _count(call, status.name)
    told = tuple((name.lower(), value) for name, value in refusal.headers.items())
    await context.abort(status, refusal.message, told)


def _count(call: str, status: str) -> None:
    metrics.RPCS.labels(call, status).inc()
