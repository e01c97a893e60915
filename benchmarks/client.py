"""The load client: one keep-alive connection and one process each, on raw sockets, so that it costs little itself."""

import multiprocessing
import queue
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmarks.dataset import Slice, mapped
from benchmarks.generate import stream_file

_POLL_SECONDS = 0.2

Address = tuple[str, int]
Request = tuple[bytes, memoryview]  # head, body


@dataclass(frozen=True, slots=True)
class Door:
    """Where a stream takes its lines."""

    stream_id: str
    token: str

    def head(self, address: Address, size: int) -> bytes:
        host, port = address
        return (
            f"POST /api/ingest/{self.stream_id} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Content-Type: application/x-ndjson\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Length: {size}\r\n\r\n"
        ).encode()


@dataclass(frozen=True, slots=True)
class Load:
    """What all connections need to know."""

    address: Address
    place: Path
    doors: dict[str, Door]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one connection saw. Times of one clock for all processes (monotonic), in seconds."""

    started: float
    ended: float
    cpu_seconds: float
    latencies: list[float]
    errors: int
    first_error: str | None


class Clients:
    """Prepared connections. `go` sends everything and waits; nothing is sent before."""

    def __init__(self, load: Load, shares: Sequence[Sequence[Slice]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._done = context.RawArray("Q", len(shares))
        self._go = context.Barrier(len(shares) + 1)
        self._answers: multiprocessing.Queue[Sent] = context.Queue()
        self._processes = [self._start(context, load, nth, share) for nth, share in enumerate(shares)]
        self._go.wait()  # all have connected and know what to send

    def _start(self, context: SpawnContext, load: Load, nth: int, share: Sequence[Slice]) -> BaseProcess:
        arguments = (load, share, self._done, nth, self._go, self._answers)
        process = context.Process(target=_connection, args=arguments, daemon=True)
        process.start()
        return process

    def go(self, progress: Callable[[int], None]) -> list[Sent]:
        """`progress` is told now and then how many requests are answered."""
        self._go.wait()
        sent: list[Sent] = []
        while len(sent) < len(self._processes):
            try:
                sent.append(self._answers.get(timeout=_POLL_SECONDS))
            except queue.Empty:
                if any(process.exitcode for process in self._processes):
                    raise RuntimeError("a client died") from None
            progress(sum(self._done))
        for process in self._processes:
            process.join()
        return sent


def _connection(load: Load, share: Sequence[Slice], done: Any, nth: int, go: Any, answers: Any) -> None:
    with ExitStack() as stack:
        maps = {stream: stack.enter_context(mapped(stream_file(load.place, stream))) for stream in load.doors}
        views = {stream: stack.enter_context(memoryview(lines)) for stream, lines in maps.items()}
        requests = [
            (load.doors[each.stream].head(load.address, each.size), views[each.stream][each.start : each.stop])
            for each in share
        ]
        sock = _connect(load.address)
        go.wait()
        go.wait()
        answers.put(_send_all(sock, load.address, requests, done, nth))
        for _, body in requests:
            body.release()


def _send_all(sock: socket.socket, address: Address, requests: Sequence[Request], done: Any, nth: int) -> Sent:
    latencies, errors, first_error = [], 0, None
    clock = time.monotonic
    cpu, started = time.process_time(), clock()
    for head, body in requests:
        at = clock()
        _send(sock, head, body)
        status, answer, is_closing = _receive(sock)
        latencies.append(clock() - at)
        done[nth] += 1
        if status >= 300:
            errors += 1
            first_error = first_error or f"{status}: {answer[:300].decode('utf-8', 'replace')}"
        if is_closing:
            sock.close()
            sock = _connect(address)
    ended, cpu = clock(), time.process_time() - cpu
    sock.close()
    return Sent(started, ended, cpu, latencies, errors, first_error)


def _connect(address: Address) -> socket.socket:
    sock = socket.create_connection(address)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _send(sock: socket.socket, head: bytes, body: memoryview) -> None:
    sent = sock.sendmsg((head, body))
    if sent < len(head):
        sock.sendall(head[sent:])
        sent = len(head)
    if sent < len(head) + len(body):
        sock.sendall(body[sent - len(head) :])


def _receive(sock: socket.socket) -> tuple[int, bytes, bool]:
    """(status, body, whether the server closes the connection)."""
    chunks = _chunks(sock)
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += next(chunks)
    head, body = received[:end].lower(), received[end + 4 :]
    _, has_length, rest = head.partition(b"content-length:")
    if has_length:
        length = int(rest.split(b"\r\n", 1)[0])
        while len(body) < length:
            body += next(chunks)
    elif b"chunked" in head:
        while not body.endswith(b"0\r\n\r\n"):
            body += next(chunks)
    return int(head[9:12]), body, b"connection: close" in head


def _chunks(sock: socket.socket) -> Iterator[bytes]:
    while chunk := sock.recv(65536):
        yield chunk
    raise ConnectionError("the server closed the connection inside an answer")
