"""Ignite's calls by real clients: `buf curl` over gRPC, `curl -N` over HTTP, against a whole `tailsvc up`."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.service import Service, Stream
from tests.npm import npm_program
from tests.rpc import SERVICE

PATIENCE_SECONDS = "60"
ORG = "default"  # the team of a new home


@pytest.fixture(scope="module")
def buf() -> Path:
    return npm_program("@bufbuild/buf", "1.75.0", "buf")


@pytest.fixture(scope="module")
def app(service: Service) -> Stream:
    return service.new_stream("ignite-app")


def named(**more: Any) -> dict[str, Any]:
    return {"organization_name": ORG, "app_name": "ignite-app", **more}


def ship(app: Stream, *lines: dict[str, Any]) -> None:
    body = "".join(json.dumps(line) + "\n" for line in lines)
    authorization = f"Authorization: Bearer {app.ingest_token}"
    command = ["curl", "-fsS", "-H", authorization, "-H", "Content-Type: application/x-ndjson", "--data-binary", "@-"]
    subprocess.run([*command, app.ingest_url], input=body, text=True, check=True, capture_output=True, timeout=30)


def calling(buf: Path, service: Service, call: str, data: Any, *, token: str | None = None) -> Sequence[str | Path]:
    command = [
        buf,
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "--timeout",
        f"{PATIENCE_SECONDS}s",
        "-d",
        json.dumps(data),
    ]
    authorization = f"Authorization: Bearer {token or service.secret('token')}"
    return [*command, "-H", authorization, f"http://127.0.0.1:{service.grpc_port}/{SERVICE}/{call}"]


def call(buf: Path, service: Service, name: str, data: Any, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = calling(buf, service, name, data, **kwargs)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def answered(buf: Path, service: Service, name: str, data: Any) -> Any:
    done = call(buf, service, name, data)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def curled(service: Service, path: str, *options: str) -> Sequence[str]:
    authorization = f"Authorization: Bearer {service.secret('token')}"
    return ["curl", "-sS", "-N", "--max-time", PATIENCE_SECONDS, "-H", authorization, *options, service.address + path]


def over_http(service: Service, path: str, *options: str) -> Any:
    done = subprocess.run(curled(service, path, *options), capture_output=True, text=True, check=True, timeout=180)
    return json.loads(done.stdout)


@contextmanager
def running(command: Sequence[str | Path]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # npm's programs run in a child of their own
        process.communicate()


def next_object(process: "subprocess.Popen[bytes]") -> Any:
    """buf prints one over several lines, curl on one."""
    text = b""
    assert process.stdout
    while True:
        text += process.stdout.readline()
        try:
            return json.loads(text)
        except ValueError:
            assert process.poll() is None, text


def test_reflection_tells_every_method(buf: Path, service: Service) -> None:
    command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--list-methods"]
    place = f"http://127.0.0.1:{service.grpc_port}"
    done = subprocess.run([*command, place], capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    calls = ("GetAppLogs", "StreamAppLogs", "GetAppEvents", "StreamAppEvents", "ListAppReplicas", "GetBuildLog")
    told = set(done.stdout.split())
    assert {f"{SERVICE}/{name}" for name in (*calls, "StreamCompileLogs")} <= told
    assert "grpc.health.v1.Health/Check" in told


def test_what_an_agent_ships_both_clients_read(buf: Path, service: Service, app: Stream) -> None:
    ship(app, {"message": "one", "replica": "web-1", "stdio": "stdout"}, {"message": "two", "replica": "web-2"})
    told = over_http(service, f"/v1/ignite/app/{ORG}/ignite-app/logs")
    assert told["truncated"] is False
    assert [one["replicaId"] for one in told["lines"]] == ["web-1", "web-2"]
    for spelled in ({"replica_id": "web-1"}, {"replicaId": "web-1"}):
        (line,) = answered(buf, service, "GetAppLogs", named(**spelled, limit=10))["lines"]
        assert line == told["lines"][0]
        assert json.loads(line["line"])["message"] == "one"
    replicas = over_http(service, f"/v1/ignite/app/{ORG}/ignite-app/replicas")["replicas"]
    assert [(one["replicaId"], one["status"]) for one in replicas] == [
        ("web-1", "STATUS_RUNNING"), ("web-2", "STATUS_RUNNING"),
    ]  # fmt: skip


def test_both_follow_the_same_lines(buf: Path, service: Service, app: Stream) -> None:
    ship(app, {"message": "before", "replica": "live", "stdio": "stderr"})
    path = f"/v1/ignite/app/{ORG}/ignite-app/logs/stream"
    with (
        running(calling(buf, service, "StreamAppLogs", named(replica_id="live", from_start=True))) as grpc,
        running(curled(service, f"{path}?replicaId=live&fromStart=true")) as http,
        running(curled(service, path, "-H", "Accept: text/event-stream")) as sse,
    ):
        assert sse.stdout
        assert sse.stdout.readline() == b":\n"  # it has begun
        first = [next_object(one) for one in (grpc, http)]
        assert first[0] == first[1]
        assert "before" in first[0]["line"]
        ship(app, {"message": "live", "replica": "live", "stdio": "stderr"})
        assert next_object(grpc) == next_object(http)
        data = next(line for line in sse.stdout if line.startswith(b"data: "))
        assert "live" in json.loads(data.removeprefix(b"data: "))["line"]


def test_a_build_is_written_natively_and_followed_by_its_deploy(buf: Path, service: Service, app: Stream) -> None:
    builds = f"/api/streams/{app.uuid}/builds"
    with service.api() as api:
        assert api.post(builds, json={"build_id": "bld_1", "deploy_id": "dpl_1"}).status_code == 201
        with running(curled(service, "/v1/ignite/compile/dpl_1/logs?fromStart=true")) as follower:
            kind = {"Content-Type": "application/octet-stream"}
            sent = api.post(f"{builds}/bld_1/chunks?offset=0", content=b"Step 1/8\n", headers=kind)
            assert sent.json() == {"size": 9, "duplicate": False}
            assert next_object(follower)["data"] == "U3RlcCAxLzgK"
            api.post(f"{builds}/bld_1/finish", json={"status": "succeeded"})
            assert follower.wait(20) == 0
    told = answered(buf, service, "GetBuildLog", named(build_id="bld_1"))
    assert told == {"log": "U3RlcCAxLzgK", "found": True}
    assert answered(buf, service, "GetBuildLog", named(build_id="none")) == {}
    chunks = call(buf, service, "StreamCompileLogs", {"deployId": "dpl_1", "fromStart": True})
    assert (chunks.returncode, json.loads(chunks.stdout)["data"]) == (0, "U3RlcCAxLzgK")


def test_events_are_written_natively_and_followed(buf: Path, service: Service, app: Stream) -> None:
    path = f"/v1/ignite/app/{ORG}/ignite-app/events/stream"
    with service.api() as api, running(curled(service, path, "-H", "Accept: text/event-stream")) as follower:
        assert follower.stdout
        assert follower.stdout.readline() == b":\n"  # it has begun
        event = {"reason": "OOMKilling", "message": "Killed process 1", "replica": "web-1"}
        assert api.post(f"/api/streams/{app.uuid}/lifecycle-events", json=event).status_code == 201
        data = next(line for line in follower.stdout if line.startswith(b"data: "))
        assert json.loads(data.removeprefix(b"data: "))["kind"] == "APP_EVENT_KIND_OOM_KILLED"
    (told,) = answered(buf, service, "GetAppEvents", named(severity="Warning"))["events"]
    assert (told["count"], told["severity"], told["reason"]) == (1, "Warning", "OOMKilling")


@pytest.mark.parametrize(
    ("name", "data", "token", "code", "said"),
    [
        ("GetAppLogs", named(app_name="nothing"), None, 5, "No such stream."),
        ("GetAppLogs", named(organization_name="others"), None, 7, "not for this organisation"),
        ("GetAppLogs", named(limit=-1), None, 3, "limit"),
        ("ListAppReplicas", named(), "tsp_nonsense", 16, "not valid"),
        ("StreamAppLogs", named(app_name="nothing"), None, 5, "No such stream."),
        ("StreamCompileLogs", {"deploy_id": "nobody"}, None, 5, "No such build."),
    ],
)
def test_errors_are_google_rpc_s(
    buf: Path, service: Service, app: Stream, name: str, data: Any, token: str | None, code: int, said: str
) -> None:
    done = call(buf, service, name, data, token=token)
    assert done.returncode == code << 3, done.stderr
    assert said in done.stderr
