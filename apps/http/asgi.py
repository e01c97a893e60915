"""What the plain ASGI endpoints in front of Django share: headers in, answers out."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from apps.http.problems import Problem
from apps.http.request_id import new_request_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = b"application/json"


class ClientGone(Exception):
    """The client hung up before its request was whole."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Header names are lower case in ASGI; of a repeated one the last counts."""
    return dict(scope["headers"])


def text_of(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """None where the header is absent; `name` is in lower case."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


async def answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    request_id: str,
    content_type: bytes = JSON,
    headers: Mapping[str, str] | None = None,
) -> None:
    sent = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
    ]
    if headers:
        sent += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


async def answer_problem(send: Send, problem: Problem, *, request_id: str) -> None:
    await answer(
        send,
        problem.status_code,
        problem.content(),
        request_id=request_id,
        content_type=problem.content_type.encode(),
        headers=problem.headers,
    )


def with_small_bodies(endpoint: Endpoint, limit: int) -> Endpoint:
    """The endpoint without bodies over `limit` bytes: it would put them onto the disk before it looks at them."""

    async def sheltered(scope: Scope, receive: Receive, send: Send) -> None:
        length = headers_of(scope).get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            await _answer_too_long(send, limit)
            return
        received = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # It cleans up as if the client had hung up, and answers nothing.
            return message if received <= limit else {"type": "http.disconnect"}

        await endpoint(scope, counted, send)
        if received > limit:
            await _answer_too_long(send, limit)

    return sheltered


async def _answer_too_long(send: Send, limit: int) -> None:
    problem = Problem(413, f"The body is too large; at most {limit} bytes are taken here.")
    await answer_problem(send, problem, request_id=new_request_id(None))
