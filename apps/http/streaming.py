"""Answers that have no end, sent piece by piece to clients that may hang up or stop reading."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from apps.http import metrics
from apps.http.asgi import Receive, Scope, Send, answer_problem, headers_of, text_of
from apps.http.problems import Problem
from apps.http.request_id import new_request_id

# A client whose socket took nothing for so long does not read.
SLOW_SECONDS = 10.0
# Each piece must be taken within that time: whoever reads slowly, but reads, is not cut.
PIECE_BYTES = 64 * 1024
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx in front must not collect it
    (b"x-content-type-options", b"nosniff"),
]


class NotRead(Exception):
    """The client takes nothing any more, so nothing more can be sent to it."""


class Reply:
    """Chunked, never compressed. `on_gone` is called when the client hangs up; at once where it has already.

    `is_hopeless` is asked when a piece was not taken for SLOW_SECONDS; unless it says so, the client is waited for.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self.is_started = False
        self._on_gone: Callable[[], None] = lambda: None
        self.is_hopeless: Callable[[], bool] = lambda: True
        self._is_gone = False
        self._send = send
        self._has_body = scope["method"] != "HEAD"
        self._loop = asyncio.get_running_loop()

    @property
    def on_gone(self) -> Callable[[], None]:
        return self._on_gone

    @on_gone.setter
    def on_gone(self, call: Callable[[], None]) -> None:
        self._on_gone = call
        if self._is_gone:  # while it was found out who asks, and for what
            call()

    async def start(self, content_type: bytes, headers: Mapping[str, str]) -> None:
        sent = [(b"content-type", content_type), *_HEADERS]
        sent += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": sent})
        self.is_started = True
        if not self._has_body:
            await self.finish()
            self.leave()
            return
        # The server holds the headers back until there is something of the body, be it empty.
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})

    async def write(self, text: bytes) -> None:
        """Waits until all of it is taken. Raises NotRead."""
        for start in range(0, len(text), PIECE_BYTES):
            if self._is_gone:
                return
            await self._write(text[start : start + PIECE_BYTES])

    async def finish(self, text: bytes = b"") -> None:
        if not self._is_gone:
            await self._send({"type": "http.response.body", "body": text})

    def leave(self) -> None:
        """The client is gone, or is to be treated so."""
        self._is_gone = True
        self.on_gone()

    async def _write(self, piece: bytes) -> None:
        try:
            async with asyncio.timeout(None) as limit:
                self._timer = self._loop.call_later(SLOW_SECONDS, self._judge, limit)
                try:
                    await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                finally:
                    self._timer.cancel()
        except TimeoutError:
            self._is_gone = True
            raise NotRead from None

    def _judge(self, limit: asyncio.Timeout) -> None:
        if self.is_hopeless():
            limit.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(SLOW_SECONDS, self._judge, limit)


@asynccontextmanager
async def replying(scope: Scope, receive: Receive, send: Send) -> AsyncIterator[Reply]:
    reply = Reply(scope, send)
    listening = asyncio.ensure_future(_listen(receive, reply))
    try:
        yield reply
    finally:
        listening.cancel()


@asynccontextmanager
async def answering(
    scope: Scope, receive: Receive, send: Send, *, route: str, problem: Callable[[Exception], Problem]
) -> AsyncIterator[tuple[Reply, str]]:
    """A reply and its request's id. The last door of a live endpoint: what goes wrong before anything was sent is
    answered, with what `problem` makes of it."""
    request_id = new_request_id(text_of(headers_of(scope), b"x-request-id"))
    async with replying(scope, receive, send) as reply:
        try:
            yield reply, request_id
        except Exception as error:  # noqa: BLE001 (nothing may pass unanswered)
            found = problem(error)
            metrics.REQUESTS.labels("GET", route, str(found.status_code)).inc()
            if not reply.is_started:
                await answer_problem(send, found, request_id=request_id)


async def _listen(receive: Receive, reply: Reply) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # what is left of the request's body
    reply.leave()
