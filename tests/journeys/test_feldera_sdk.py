"""Feldera's own SDK, and curl for what the SDK hides: framing, headers, bursts, and how a connection ends."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import client_python
from tests.debian import required_tree
from tests.journeys.service import Service, Stream
from tests.runtime.instances import until

PROGRAM = Path(__file__).with_name("feldera_program.py")
# `fda logs` takes so much silence for the end of what there is so far.
SILENCE_SECONDS = 0.25
# Curl, or whoever reads from it here, may be kept waiting for a processor; if the service paused, it did so each time.
ATTEMPTS = 5


class Told:
    """A program that runs; what it prints is read line by line, as it comes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        assert process.stdout
        self._lines = iter(process.stdout.readline, b"")

    def next(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(next(self._lines))
        return told

    def lines(self, count: int) -> list[str]:
        return [self.next()["line"] for _ in range(count)]

    def rest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines]


@contextmanager
def running(command: Sequence[str | Path], env: dict[str, str] | None = None) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Sdk:
    def __init__(self, service: Service, key: str) -> None:
        # Its client looks for proxies and for a .netrc; it shall find neither.
        self._env = {"PATH": os.environ["PATH"], "FELDERA_HOST": service.address, "FELDERA_API_KEY": key}
        self._python = client_python()

    def ask(self, *arguments: str, **env: str) -> dict[str, Any]:
        with self.running(*arguments, **env) as told:
            return told.next()

    @contextmanager
    def running(self, *arguments: str, **env: str) -> Iterator[Told]:
        with running([self._python, PROGRAM, *arguments], self._env | env) as process:
            yield Told(process)


@pytest.fixture(scope="module")
def sdk(service: Service) -> Sdk:
    """With an API key that the SDK itself asked for."""
    made = Sdk(service, service.secret("token")).ask("key", "the-sdks", "read")
    return Sdk(service, made["api_key"])


def ship(stream: Stream, *lines: str) -> None:
    answer = httpx.post(
        stream.ingest_url,
        content="".join(json.dumps({"log": line}) + "\n" for line in lines).encode(),
        headers={"Authorization": f"Bearer {stream.ingest_token}", "Content-Type": "application/x-ndjson"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == len(lines)


def numbered(count: int, *, start: int = 0) -> list[str]:
    return [f"line {nth}" for nth in range(start, start + count)]


def restart_web(service: Service, number: signal.Signals) -> None:
    state = service.instance.state
    os.kill(state.children["web"], number)
    until(lambda: service.instance.state.children.get("web") != state.children["web"], "a new web server")
    until(lambda: _answers(service), "the web server to answer")


def _answers(service: Service) -> bool:
    try:
        return httpx.get(f"{service.address}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def curl(service: Service, path: str, *options: str) -> list[str | Path]:
    program = required_tree("curl", provide=["usr/bin/curl"]).program("usr/bin/curl")
    secret = service.instance.home.path / "token"
    bearer = f"Authorization: Bearer {secret.read_text().strip()}"
    return [program, "--silent", "--show-error", "--no-buffer", "--header", bearer, *options, service.address + path]


# The SDK


def test_the_sdk_finds_pipelines_and_their_status(service: Service, sdk: Sdk) -> None:
    stream = service.new_stream("sdk-get")
    found = sdk.ask("get", stream.name)
    assert (found["name"], found["id"], found["status"]) == (stream.name, stream.uuid, "RUNNING")
    assert stream.name in sdk.ask("list")["names"]
    assert sdk.ask("get", stream.name, FELDERA_TENANT="default")["id"] == stream.uuid


def test_the_sdk_understands_refusals(service: Service, sdk: Sdk) -> None:
    unknown = sdk.ask("get", "nobody")
    assert (unknown["error"], unknown["status_code"], unknown["error_code"]) == (
        "FelderaAPIError",
        404,
        "UnknownPipelineName",
    )
    assert unknown["details"] == {"pipeline_name": "nobody"}
    no_key = sdk.ask("list", FELDERA_API_KEY="apikey:" + "x" * 128)
    assert (no_key["status_code"], no_key["error_code"]) == (401, "AuthenticationFailed")
    elsewhere = sdk.ask("list", FELDERA_TENANT="another")
    assert (elsewhere["status_code"], elsewhere["error_code"]) == (403, "NotATenantMember")
    too_little = sdk.ask("key", "another", "read")
    assert (too_little["status_code"], too_little["error_code"]) == (403, "InsufficientPermissions")


def test_the_sdk_reads_live_over_two_restarts_of_the_web_server(service: Service, sdk: Sdk) -> None:
    """One is asked for, the other a kill. Each breaks the connection; the next one has all lines again, none twice.

    curl tells the break from an end by its code.
    """
    stream = service.new_stream("sdk-live")
    there, cursor = 0, ""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with sdk.running("logs", stream.name) as logs, sdk.running("resume", stream.name, cursor) as resumed:
            assert "Fresh start of pipeline logs" in logs.next()["line"]
            assert logs.lines(there) == numbered(there)
            assert resumed.next() == {"gap": 0}
            for _ in range(3):
                ship(stream, *numbered(5, start=there))
                assert logs.lines(5) == resumed.lines(5) == numbered(5, start=there)
                there += 5
            with running(curl(service, f"/v0/pipelines/{stream.name}/logs")) as process:
                assert process.stdout
                assert b"Fresh start" in process.stdout.readline()
                restart_web(service, number)
                assert process.stdout.read().decode().splitlines() == numbered(there)
                assert process.wait(10) != 0
            (broken,) = logs.rest()
            assert broken["error"] == "ChunkedEncodingError", broken
            told, broken = resumed.rest()
            assert broken["error"] == "ChunkedEncodingError", broken
            cursor = told["cursor"]
    with sdk.running("logs", stream.name) as logs, sdk.running("resume", stream.name, cursor) as resumed:
        assert logs.lines(1 + there)[1:] == numbered(there)
        assert resumed.next() == {"gap": 0}
        ship(stream, "after all")
        assert logs.lines(1) == resumed.lines(1) == ["after all"]
        with service.api() as api:
            assert api.delete(f"/api/streams/{stream.uuid}").status_code == 204
        assert logs.rest() == [{"line": "Logs have ended"}, {"end": "the logs have come to their end"}]


# curl


def test_curl_sees_chunks_of_plain_text(service: Service) -> None:
    stream = service.new_stream("curl-head")
    ship(stream, "one", "", "three")
    with running(curl(service, f"/v0/pipelines/{stream.name}/logs", "--raw", "--include", "--compressed")) as process:
        assert process.stdout
        head = list(iter(lambda: process.stdout.readline().decode().lower().rstrip("\r\n"), ""))  # type: ignore[union-attr]
        assert head[0] == "http/1.1 200 ok"
        assert {
            "content-type: text/plain; charset=utf-8",
            "content-encoding: identity",
            "x-content-type-options: nosniff",
            "transfer-encoding: chunked",
        } <= set(head)
        assert not [line for line in head if line.startswith("content-length")]
        size = int(process.stdout.readline(), 16)
        chunk = process.stdout.read(size)
        first, *lines = chunk.split(b"\n")
        assert b"Fresh start of pipeline logs" in first
        assert lines == [b"one", b"", b"three", b""]


def test_curl_gets_what_there_is_in_one_burst(service: Service) -> None:
    stream = service.new_stream("curl-burst")
    for start in range(0, 60_000, 10_000):
        ship(stream, *numbered(10_000, start=start))
    longest: list[float] = []
    while not longest or (min(longest) >= SILENCE_SECONDS and len(longest) < ATTEMPTS):
        with running(curl(service, f"/v0/pipelines/{stream.name}/logs")) as process:
            assert process.stdout
            found, silences = read_until(process.stdout.fileno(), b"line 59999\n")
            first, *lines = found.decode().splitlines()
            assert "... 10000 prior log lines were discarded" in first
            assert lines == numbered(50_000, start=10_000)
            longest.append(max(silences))
    assert min(longest) < SILENCE_SECONDS, longest


def read_until(descriptor: int, end: bytes) -> tuple[bytes, list[float]]:
    """What is read, and how long nothing came between its pieces."""
    found, silences = bytearray(os.read(descriptor, 65_536)), [0.0]
    while not found.endswith(end):
        started = time.monotonic()
        piece = os.read(descriptor, 65_536)
        assert piece, found[-100:]
        silences.append(time.monotonic() - started)
        found += piece
    return bytes(found), silences


def test_curl_sees_the_proper_end_of_a_deleted_stream(service: Service) -> None:
    stream = service.new_stream("curl-ends")
    with running(curl(service, f"/v0/pipelines/{stream.name}/logs")) as process:
        assert process.stdout
        assert b"Fresh start" in process.stdout.readline()
        with service.api() as api:
            assert api.delete(f"/api/streams/{stream.uuid}").status_code == 204
        assert process.stdout.read() == b"Logs have ended\n"
        assert process.wait(10) == 0


def test_200_connections_each_begin_with_the_fresh_start_or_the_discard_notice(service: Service) -> None:
    """Feldera's own test of a race between catching up and what comes; lines come all the while here too."""
    fresh, full = service.new_stream("many-fresh"), service.new_stream("many-full")
    ship(full, *["line " + "x" * 50_000] * 21)
    with service.api() as api:
        for nth in range(100):
            for stream, expected in ((fresh, "Fresh start of pipeline logs"), (full, "prior log lines were discarded")):
                if nth % 10 == 0:
                    ship(stream, f"more {nth}")
                with api.stream("GET", f"/v0/pipelines/{stream.name}/logs") as answer:
                    lines = answer.iter_lines()
                    assert expected in next(lines)
                    assert next(lines).startswith("more " if stream is fresh else "line ")


def test_a_killed_database_is_waited_for(service: Service) -> None:
    """Who follows stays, and goes on where it was; who asks is answered, be it that the runner cannot be reached."""
    stream = service.new_stream("no-database")
    path = f"/v0/pipelines/{stream.name}/logs"
    with service.api() as api, api.stream("GET", path) as followed:
        lines = followed.iter_lines()
        assert "Fresh start" in next(lines)
        killed = service.instance.state.children["postgres"]
        os.kill(killed, signal.SIGKILL)
        answers = []
        while service.instance.state.children.get("postgres") in {killed, None}:
            answers.append(api.get(path, params={"follow": "false"}))
        assert {answer.status_code for answer in answers} <= {200, 503}
        until(lambda: api.get(path, params={"follow": "false"}).status_code == 200, "the database to be back")
        ship(stream, "after")
        assert next(lines) == "after"
