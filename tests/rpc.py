"""Ignite over gRPC: our server on a thread of this process, and a client with stubs made of the repository's protos.

with grpc_server() as port, client(port, token) as ignite:
    ignite.GetAppLogs(limit=5, organization_name="acme", app_name="web")
"""

import asyncio
import importlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = "dodil/ignite/v1/compute.proto"
PATIENCE_SECONDS = 60.0
SERVICE = "dodil.ignite.v1.ComputeService"


@cache
def stubs() -> tuple[ModuleType, ModuleType]:
    """(messages, stubs), as a client makes them for itself."""
    folder = tempfile.mkdtemp(prefix="tailsvc-stubs-")
    options = [f"-I{ROOT / 'protos'}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    assert protoc.main(["protoc", *options, PROTO]) == 0
    sys.path.insert(0, folder)
    try:
        return (
            importlib.import_module("dodil.ignite.v1.compute_pb2"),
            importlib.import_module("dodil.ignite.v1.compute_pb2_grpc"),
        )
    finally:
        sys.path.remove(folder)


class Ignite:
    """The service's methods, with the fields of their requests as arguments."""

    def __init__(self, channel: grpc.Channel, token: str | None) -> None:
        self._stub = stubs()[1].ComputeServiceStub(channel)
        self._metadata = [("authorization", f"Bearer {token}")] if token is not None else []

    def __getattr__(self, call: str) -> Any:
        request = getattr(stubs()[0], f"{call}Request")
        method = getattr(self._stub, call)
        return lambda **fields: method(request(**fields), metadata=self._metadata, timeout=PATIENCE_SECONDS)


@contextmanager
def client(port: int, token: str | None) -> Iterator[Ignite]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Ignite(channel, token)


def refusal(call: Any) -> tuple[str, str, Mapping[str, str]]:
    """(code, message, trailers) of a call that is refused; a stream's first message is asked for."""
    try:
        answered = call()
        if hasattr(answered, "__next__"):
            answered = next(answered)
    except grpc.RpcError as error:
        return error.code().name, error.details() or "", {key: str(value) for key, value in error.trailing_metadata()}
    raise AssertionError(f"answered: {answered}")


@contextmanager
def grpc_server() -> Iterator[int]:
    """The port."""
    started: Future[tuple[int, Callable[[], None]]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(started)), name="grpc", daemon=True)
    thread.start()
    port, stop = started.result(PATIENCE_SECONDS)
    yield port
    stop()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


async def _serve(started: "Future[tuple[int, Callable[[], None]]]") -> None:
    from apps.ignite import rpc
    from apps.tail.following import following

    server = grpc.aio.server(options=rpc.OPTIONS)
    health = rpc.add_services(server)
    bound = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await rpc.tell_healthy(health)
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    started.set_result((bound, lambda: loop.call_soon_threadsafe(stopping.set)))
    await stopping.wait()
    following().stop()
    await server.stop(1)
