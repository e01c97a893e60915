"""Calls the whole ASGI application in process: what stands in front of Django is reached by no Django client.

For a test: `asgi.post("/api/ingest/1", b"...", token=...)`; many at once: `asgi.together(*[asgi.call(...), ...])`.
"""

import asyncio
import gc
import json
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are lower case; of a repeated one the last is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Asgi:
    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, body: bytes | Iterable[bytes] = b"", **kwargs: Any) -> Answer:
        return self.request("POST", path, body, **kwargs)

    def request(self, method: str, path: str, body: bytes | Iterable[bytes] = b"", **kwargs: Any) -> Answer:
        return asyncio.run(self.call(method, path, body, **kwargs))

    def together(self, *calls: Coroutine[Any, Any, Answer]) -> list[Answer]:
        """All at once, on one event loop."""

        async def gather() -> list[Answer]:
            return list(await asyncio.gather(*calls))

        return asyncio.run(gather())

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A body that is no bytes is sent in chunks, without its length, and only as far as it is asked for."""
        # Late: it makes Django's application, for which the settings must be known.
        from config.asgi import application

        given = {name.lower(): value for name, value in (headers or {}).items()}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        if isinstance(body, bytes):
            given.setdefault("content-length", str(len(body)))
        receiver, sender = _Receiver(body), _Sender()
        await application(scope_of(method, path, given), receiver, sender)
        return sender.answer()


def scope_of(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    raw_path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *((n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items())],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


class _Receiver:
    """The client's side of the connection: the body, then silence until the server has answered."""

    def __init__(self, body: bytes | Iterable[bytes]) -> None:
        self._chunks = iter([body] if isinstance(body, bytes) else body)
        self._whole = False

    async def __call__(self) -> dict[str, Any]:
        if self._whole:
            await asyncio.Event().wait()  # whoever listens on hears of no disconnect
        chunk = next(self._chunks, None)
        self._whole = chunk is None
        return {"type": "http.request", "body": chunk or b"", "more_body": not self._whole}


class _Sender:
    def __init__(self) -> None:
        self._start: Mapping[str, Any] = {}
        self._body: list[bytes] = []

    async def __call__(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body.append(bytes(message.get("body", b"")))

    def answer(self) -> Answer:
        assert self._start, "the application answered nothing"
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._start["headers"]}
        return Answer(self._start["status"], headers, b"".join(self._body))


@pytest.fixture
def asgi(database: None) -> Asgi:
    return Asgi()


def forget_the_loop() -> None:
    """A closed one is kept until somebody follows on another one, and with it the request that has failed."""
    from apps.tail import following

    following._followings.clear()
    gc.collect()
