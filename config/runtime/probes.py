"""Whether a server is ready, asked on the wire: no client library, no log-in, no second process."""

import asyncio
import contextlib
import ssl
import struct
from pathlib import Path

_TIMEOUT_SECONDS = 2.0
_PROTOCOL_3 = 196608
_HTTP_2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # an empty frame; its fourth byte is its type


async def postgres_is_ready(host: str, port: int) -> bool:
    """It asks for a password, rather than saying that it is still starting up or recovering."""
    body = struct.pack("!i", _PROTOCOL_3) + b"user\0tailsvc\0database\0tailsvc\0\0"
    answer = await _ask(host, port, struct.pack("!i", len(body) + 4) + body, until=1)
    return answer == b"R"


async def valkey_is_ready(host: str, port: int, password: str) -> bool:
    """It answers PING, rather than LOADING."""
    request = f"AUTH {password}\r\nPING\r\n".encode()
    return await _ask(host, port, request, until=len(b"+OK\r\n+PONG\r\n")) == b"+OK\r\n+PONG\r\n"


async def web_is_ready(host: str, port: int, run_id: str, authority: Path | None = None) -> bool:
    """`/livez` answers 200, and it is this run that answers; with an authority, over TLS that a client would trust."""
    try:
        trusting = ssl.create_default_context(cafile=authority) if authority else None
    except OSError:  # it is not there yet, or is none
        return False
    request = f"GET /livez HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    answer = await _ask(host, port, request.encode(), until=None, trusting=trusting)
    status, _, rest = answer.partition(b"\r\n")
    return status.startswith(b"HTTP/1.1 200") and f"x-tailsvc-run: {run_id}\r\n".encode() in rest.lower()


async def grpc_is_ready(host: str, port: int) -> bool:
    """It greets as an HTTP/2 server does. Which one it is need not be asked: the port is shared with nobody."""
    greeting = await _ask(host, port, _HTTP_2_PREFACE + _SETTINGS, until=len(_SETTINGS))
    return greeting[3:4] == _SETTINGS[3:4]


async def _ask(
    host: str, port: int, request: bytes, *, until: int | None, trusting: ssl.SSLContext | None = None
) -> bytes:
    """The first `until` bytes of the answer (None: up to its end), or nothing if it does not come."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=trusting)
            try:
                writer.write(request)
                return await (reader.read() if until is None else reader.readexactly(until))
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return b""
