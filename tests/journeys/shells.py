"""Where the commands are typed: processes of their own, or a call within this one, against a whole service."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from config.cli import app
from config.runtime.environment import CODE
from config.runtime.ports import free_port
from tests.journeys.service import TAILSVC, Service
from tests.runtime.instances import environment

PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Shell:
    service: Service
    folder: Path

    def start(self, *arguments: str, **kwargs: Any) -> subprocess.Popen[bytes]:
        env = environment({"HOME": str(self.folder), "TZ": "UTC", **kwargs.pop("env", {})})
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
        return subprocess.Popen([TAILSVC, *arguments], cwd=CODE, env=env, **streams)

    def run(self, *arguments: str, text: bytes = b"", **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """With the service's own home, unless `at` says otherwise."""
        at = kwargs.pop("at", ("--home", str(self.service.instance.home.path)))
        process = self.start(arguments[0], *at, *arguments[1:], stdin=subprocess.PIPE, **kwargs)
        out, err = process.communicate(text, PATIENCE_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, out.decode(), err.decode())

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same for commands that only read, in this process: half a second is spared with each."""
        home = str(self.service.instance.home.path)
        done = CliRunner().invoke(app, [arguments[0], "--home", home, *arguments[1:]], env={"HOME": str(self.folder)})
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    def messages(self, stream: str) -> list[str]:
        """All that the stream holds, oldest first, as the command finds it."""
        found = self.ask("search", stream, "--json", "--oldest-first", "--limit", "1000000")
        assert found.returncode == 0, found.stderr
        return [json.loads(line)["raw_message"] for line in found.stdout.splitlines()]

    def summary(self, stream: str) -> dict[str, Any]:
        with self.service.api() as api:
            found = api.get("/api/streams", params={"limit": 500}).json()["data"]
        return next(one for one in found if one["name"] == stream)

    def web_answers(self) -> bool:
        with self.service.api() as api, suppress(httpx.TransportError):
            return api.get("/livez").is_success
        return False

    def kill_web(self) -> None:
        os.kill(self.service.instance.state.children["web"], signal.SIGKILL)


class Watched:
    """A command that stays, and what it has printed and said."""

    def __init__(self, shell: Shell, *arguments: str, **kwargs: Any) -> None:
        self.lines: list[str] = []
        self.said: list[str] = []
        self.process = shell.start(*arguments, **kwargs)
        sinks = ((self.process.stdout, self.lines), (self.process.stderr, self.said))
        self._readers = [threading.Thread(target=self._read, args=each) for each in sinks]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: Any, into: list[str]) -> None:
        with pipe:
            for line in pipe:
                into.append(line.decode().rstrip("\n"))

    def says(self, text: str) -> bool:
        return any(text in line for line in self.said)

    def end(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join()
        return code


def on_terminal(shell: Shell, *arguments: str, **env: str) -> str:
    """What a terminal is sent on standard output."""
    ours, theirs = pty.openpty()
    home = str(shell.service.instance.home.path)
    command = [TAILSVC, *arguments, "--home", home]
    whole = {**environment({"HOME": str(shell.folder)}), "TERM": "xterm-256color", **env}
    process = subprocess.Popen(command, cwd=CODE, env=whole, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    found = b""
    with suppress(OSError):  # EIO: the other end is closed
        while chunk := os.read(ours, 65536):
            found += chunk
    os.close(ours)
    assert process.wait(PATIENCE_SECONDS) == 0, process.communicate()[1]
    process.communicate()
    return found.decode()


@contextmanager
def forwarded(address: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Another address of the service, and how to cut what leads there; nobody else can answer there afterwards."""
    port, target = free_port(), address.removeprefix("http://")
    command = [sys.executable, "-c", FORWARDER, str(port), *target.split(":")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as forwarder:
        assert forwarder.stdout
        forwarder.stdout.readline()

        def cut() -> None:
            forwarder.send_signal(signal.SIGUSR1)
            assert forwarder.stdout
            forwarder.stdout.readline()

        try:
            yield f"http://127.0.0.1:{port}", cut
        finally:
            forwarder.kill()


FORWARDER = """
import asyncio, signal, sys
port, host, to = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
is_cut, writers = False, []
async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def serve(reader, writer):
    writers.append(writer)
    if is_cut:
        return writer.transport.abort()
    there = await asyncio.open_connection(host, to)
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)
def cut():
    global is_cut
    is_cut = True
    for writer in writers:
        writer.transport.abort()
    print("cut", flush=True)
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cut)
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
