"""A client of answers that have no end, on the event loop of the application itself.

async with opened("/api/streams/x/tail", token=token) as answer:
    assert answer.status == 200
    assert await answer.line() == b"retry: 1000"
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.asgi import scope_of

PATIENCE_SECONDS = 60.0


class Streamed:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_whole = False  # it came to a proper end
        self.reads = asyncio.Event()  # cleared: the client does not read
        self.reads.set()
        self._hung_up = asyncio.Event()
        self._sent = False
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._rest = b""

    async def receive(self) -> dict[str, Any]:
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        await self.reads.wait()
        self._parts.put_nowait(bytes(message.get("body", b"")))
        self.is_whole = not message.get("more_body", False)

    def end(self) -> None:
        self._parts.put_nowait(None)

    def hang_up(self) -> None:
        self._hung_up.set()

    async def line(self) -> bytes:
        """The next line without its end; EOFError behind the last one."""
        while b"\n" not in self._rest:
            part = await asyncio.wait_for(self._parts.get(), PATIENCE_SECONDS)
            if part is None:
                raise EOFError(self._rest)
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    async def lines(self, count: int) -> list[bytes]:
        return [await self.line() for _ in range(count)]

    async def all(self) -> bytes:
        """What is left, until it ends."""
        found = self._rest
        while (part := await asyncio.wait_for(self._parts.get(), PATIENCE_SECONDS)) is not None:
            found += part
        return found


@asynccontextmanager
async def opened(
    path: str, *, token: str | None = None, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> AsyncIterator[Streamed]:
    # Late: it makes Django's application, for which the settings must be known.
    from config.asgi import application

    given = {name.lower(): value for name, value in (headers or {}).items()}
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    answer = Streamed()
    call = asyncio.ensure_future(application(scope_of(method, path, given), answer.receive, answer.send))
    call.add_done_callback(lambda _: answer.end())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not answer.status and not call.done():
                await asyncio.sleep(0.001)
        yield answer
    finally:
        answer.reads.set()
        answer.hang_up()
        await asyncio.wait_for(call, PATIENCE_SECONDS)
