"""What the plain ASGI endpoints in front of Django share: headers in, answers out."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from apps.http.problems import CONTENT_TYPE, Problem

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
        content_type=CONTENT_TYPE.encode(),
        headers=problem.headers,
    )
