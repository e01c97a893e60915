"""A gateway in front of a service that refuses some requests before it passes the others on, as busy ones do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_NOT_PASSED_ON = {"host", "connection", "content-length", "accept-encoding"}


@dataclass(slots=True)
class Gateway:
    """`refuses(n)` says whether the n-th request (from 0) is answered 503."""

    target: str
    refuses: Callable[[int], bool]
    address: str = ""
    refused: int = 0
    passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self) -> bool:
        with self._lock:
            refused = self.refuses(self.refused + self.passed)
            self.refused += refused
            self.passed += not refused
            return not refused


@contextmanager
def gateway(target: str, *, refuses: Callable[[int], bool]) -> Iterator[Gateway]:
    found = Gateway(target, refuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # else the head and the body of an answer go out in two packets, 40 ms apart

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not found.admits():
                self._answer(503, b"busy", {"Retry-After": "1"})
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            answer = httpx.post(found.target + self.path, content=body, headers=headers, timeout=20)
            self._answer(answer.status_code, answer.content, {"Content-Type": answer.headers["Content-Type"]})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
