"""A real `tailsvc up` on an empty home, and what the harness asks of it and of its database."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg
from psycopg import sql

from benchmarks.client import Address, Door
from benchmarks.processes import cpu_seconds, wait_until_idle
from config.runtime.environment import CODE
from config.runtime.home import Home, State

_TAILSVC = Path(sys.executable).with_name("tailsvc")
_READY_SECONDS = 120.0
_STOP_SECONDS = 60.0
# Longer than any pause after which background work begins (blocks are compacted 5 s after the last append).
_SETTLING_SECONDS = 6.0
_TEAM = "bench"
_ABILITIES = ("streams:create", "streams:read", "streams:issue-token", "objects:read", "objects:write")
_LOG_TABLES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relname LIKE 'log\\_%' AND relnamespace = 'public'::regnamespace
"""


class Failed(Exception):
    """The service did not start, or answered what it should not."""


@contextmanager
def fresh_service(folder: Path, streams: list[str], options: Sequence[str] = ()) -> Iterator["Service"]:
    """A service that runs on an empty home in this folder, with these streams; afterwards both are gone."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.log").open("wb") as output:
        command = [str(_TAILSVC), "up", "--home", str(home), "--port", "0", *options]
        process = subprocess.Popen(command, cwd=CODE, env=_environment(), stdout=output, stderr=output)
        try:
            service = Service(Home(home), process)
            service.open_streams(streams)
            wait_until_idle(service.roots, limit_seconds=30)
            yield service
        finally:
            _stop(process)
            shutil.rmtree(home, ignore_errors=True)


def _environment() -> dict[str, str]:
    """Without what would point the service at another database, or change how it runs."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL"} and not name.startswith(("TAILSVC_", "DJANGO_"))
    }


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Service:
    def __init__(self, home: Home, process: "subprocess.Popen[bytes]") -> None:
        self.home = home
        self.roots = [process.pid]  # the supervisor: everything else is below it
        self.doors: dict[str, Door] = {}
        self._connection: http.client.HTTPConnection | None = None
        self.state = self._wait_until_ready(process)
        found = urlsplit(self.state.address)
        self.address: Address = (found.hostname or "", found.port or 80)
        self._token = self._make_token()

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> State:
        """All of its processes run and it answers."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            state = self.home.running()
            if state is not None and {"web", "worker", "beat", "collector"} <= state.children.keys():
                return state
            time.sleep(0.1)
        raise Failed(f"tailsvc did not start; see {self.home.path.parent / 'up.log'}")

    def _make_token(self) -> str:
        abilities = [part for ability in _ABILITIES for part in ("--ability", ability)]
        return self._command("token", "create", "--team", _TEAM, "--plan", "unlimited", *abilities).strip()

    def _command(self, *arguments: str, text: str = "") -> str:
        command = [str(_TAILSVC), *arguments, "--home", str(self.home.path)]
        return subprocess.run(
            command, cwd=CODE, env=_environment(), check=True, input=text, capture_output=True, text=True
        ).stdout

    def add_cluster(self, kubeconfig: str) -> None:
        """Whose pods are collected, those of the namespace `default`."""
        names = ("cluster", "add", "default", "--team", _TEAM, "--namespace", "default", "--kubeconfig", "-")
        self._command(*names, text=kubeconfig)

    def streams(self) -> list[str]:
        """The UUIDs of all."""
        return [stream["uuid"] for stream in self.ask("GET", "/api/streams?limit=500")["data"]]

    def open_streams(self, names: list[str]) -> None:
        for name in names:
            made = self.ask("POST", "/api/streams", {"name": name})
            self.doors[name] = Door(made["stream_id"], made["ingest"]["token"])

    def ask(self, method: str, path: str, content: object = None) -> Any:
        body = None if content is None else json.dumps(content)
        status, answer = self.call(method, path, body)
        if status >= 300:
            raise Failed(f"{method} {path}: {status} {answer[:300].decode('utf-8', 'replace')}")
        return json.loads(answer)

    def query_path(self, stream: str, what: str, params: Mapping[str, str | int]) -> str:
        return f"/api/streams/{self.doors[stream].stream_id}/{what}?{urlencode(params)}"

    def get_head(self, path: str) -> bytes:
        """A GET as bytes, for a connection of one's own."""
        host, port = self.address
        return f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode()

    def call(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        """On one kept connection; once more where the server had closed it while it was idle."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        for is_last in (False, True):
            connection = self._connection or http.client.HTTPConnection(*self.address, timeout=600)
            self._connection = connection
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()
                self._connection = None
                if is_last:
                    raise
        raise AssertionError  # the loop returns or raises

    def cpu_by_part(self) -> dict[str, float]:
        """CPU seconds of the supervisor's children by name, and of itself."""
        parts = {name: cpu_seconds([pid]) for name, pid in self.state.children.items()}
        return {**parts, "supervisor": max(0.0, cpu_seconds(self.roots) - sum(parts.values()))}

    def settle(self) -> None:
        """Return when all that was sent is in its final form and on disk, and nothing is left to do."""
        wait_until_idle(self.roots, quiet_seconds=_SETTLING_SECONDS)
        with psycopg.connect(self.state.database_url, autocommit=True) as connection:
            names = [sql.Identifier(name) for name, _ in connection.execute(_LOG_TABLES)]
            # What autovacuum would do within minutes, at a moment that differs from run to run.
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.SQL(", ").join(names)))
            connection.execute("CHECKPOINT")
        wait_until_idle(self.roots)

    def log_bytes(self) -> dict[str, int]:
        """Bytes on disk of each log table, with its TOAST and its indexes."""
        with psycopg.connect(self.state.database_url, autocommit=True) as connection:
            return dict(connection.execute(_LOG_TABLES).fetchall())
