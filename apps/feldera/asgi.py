"""Every error below /v0 in Feldera's form, whoever answered it: also Django, of a path that there is not."""

from collections.abc import MutableMapping
from typing import Any

import orjson

from apps.feldera.errors import in_form
from apps.http.asgi import Endpoint, Receive, Scope, Send
from apps.http.problems import CONTENT_TYPE, Problem

PREFIX = "/v0/"
# Of the answer that is replaced; the rest is kept.
_REPLACED = {b"content-type", b"content-length"}


def in_feldera_form(endpoint: Endpoint) -> Endpoint:
    async def formed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await endpoint(scope, receive, _Formed(send))
        else:
            await endpoint(scope, receive, send)

    return formed


class _Formed:
    """A `send` that holds a problem+json back until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._problem: MutableMapping[str, Any] | None = None
        self._body: list[bytes] = []

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._problem = message
        elif self._problem is None:
            await self._send(message)
        else:
            self._body.append(message.get("body", b""))
            if not message.get("more_body"):
                await self._answer(self._problem)

    async def _answer(self, start: MutableMapping[str, Any]) -> None:
        body = b"".join(self._body)
        told = orjson.loads(body) if body else {}
        problem = in_form(Problem(start["status"], told.get("message", ""), field_errors=told.get("errors")))
        content = problem.content() if body else b""  # none for HEAD
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in _REPLACED]
        headers += [(b"content-type", problem.content_type.encode()), (b"content-length", b"%d" % len(content))]
        await self._send({**start, "status": problem.status_code, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})


def _is_problem(start: MutableMapping[str, Any]) -> bool:
    return (b"content-type", CONTENT_TYPE.encode()) in [(name.lower(), value) for name, value in start["headers"]]
