"""An answer that goes on and on: a followed log or a watch, with what goes wrong with it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

from aiohttp import web

from tests.cluster.containers import Bell
from tests.cluster.faults import KUBELETS_WORDS, Connection, Faults, How


class Ended(Exception):
    """The connection is to end, in this way."""

    def __init__(self, how: How) -> None:
        self.how = how


class Stream:
    """Chunked, and cut, stalled or trickling as the faults say."""

    def __init__(
        self, request: web.Request, response: web.StreamResponse, faults: Faults, connection: Connection
    ) -> None:
        self._request, self.response, self._faults, self.connection = request, response, faults, connection

    async def send(self, data: bytes) -> None:
        """Raises Ended; ConnectionError where nobody listens any more."""
        for piece in self._faults.pieces(data):
            await self.wait_while_stalled()
            cut = self.connection.cut
            if cut is not None and cut.after < len(piece):
                if cut.after:
                    await self.response.write(piece[: cut.after])
                raise Ended(cut.how)
            if cut is not None:
                cut.after -= len(piece)
            await self.response.write(piece)
            self.connection.sent += len(piece)
            if self._faults.scatters:
                await asyncio.sleep(self._faults.trickle_seconds)

    async def wait_while_stalled(self) -> None:
        while self._faults.stalls(self.connection.path):
            self.check_cut()
            self.connection.event.clear()
            await self.wait(1.0)

    async def wait(self, seconds: float) -> None:
        """For a ring or a cut, or so long. Clear the event before looking at what it tells of."""
        if self._request.transport is None or self._request.transport.is_closing():
            raise ConnectionResetError
        # A hundred logs wait a thousand times a second: wait_for would make a task each time.
        timer = asyncio.get_running_loop().call_later(seconds, self.connection.event.set)
        try:
            await self.connection.event.wait()
        finally:
            timer.cancel()
        self.check_cut()

    def check_cut(self) -> None:
        """Raises Ended where the connection is to be cut at once; otherwise it is when more is sent."""
        if self.connection.cut is not None and self.connection.cut.after <= 0:
            raise Ended(self.connection.cut.how)

    async def end(self, how: How) -> None:
        transport = self._request.transport
        if how == "text":
            await self.response.write(KUBELETS_WORDS)
        elif how == "reset" and transport is not None:
            reset(transport)
        elif how == "chunk" and transport is not None:
            transport.write(b"400\r\n2026-11-22T10:00:00.00")
            transport.close()


async def serve(
    request: web.Request,
    faults: Faults,
    kind: Literal["log", "watch"],
    bell: Bell,
    content_type: str,
    say: Callable[[Stream], Awaitable[None]],
) -> web.StreamResponse:
    """Answers 200 with its headers at once, and then what `say` sends, until it ends or the faults say so."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    connection = Connection(request.path_qs, kind, partial(loop.call_soon_threadsafe, event.set), event)
    connection.cut = faults.planned_cut(request.path_qs)
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    stream = Stream(request, response, faults, connection)
    faults.add(connection)
    how: How | None = None
    try:
        with bell.listening(event):
            await stream.wait_while_stalled()
            await response.prepare(request)
            stream.check_cut()
            await say(stream)
    except Ended as ended:
        how = ended.how
        with contextlib.suppress(ConnectionError):
            await stream.end(how)
    except ConnectionError:
        pass  # nobody listens any more
    finally:
        faults.remove(connection, how)
    return response


def reset(transport: asyncio.BaseTransport) -> None:
    """Close with RST."""
    found = transport.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()  # type: ignore[attr-defined]
