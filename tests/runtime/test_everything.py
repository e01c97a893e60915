"""The real thing, once: `tailsvc up` with our own applications, and the commands beside it."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.debian import required_tree
from tests.rpc import client, refusal
from tests.runtime.instances import Instance, busy_seconds, environment, until
from tests.servers import reachable_folder

COMMAND = [sys.executable, "-c", "from config.cli import app; app()"]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with reachable_folder() as path:
        yield path


@pytest.fixture(scope="module")
def first(folder: Path) -> Iterator[Instance]:
    instance = Instance([*COMMAND, "up", "--home", str(folder / "home"), "--port", "0", "--tls"], folder / "home")
    try:
        instance.wait_until_ready()
        yield instance
    finally:
        instance.close()


def tailsvc(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments, "--home", str(home)],
        env=environment({"NO_COLOR": "1"}),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_the_first_start_prints_two_lines_that_work_when_pasted(first: Instance) -> None:
    first.line_with("Find it")
    find = first.line_with("curl")
    ship = next(line for line in first.output if line.startswith("curl") and line != find)
    assert "admin@localhost" in first.text

    def paste(line: str) -> str:
        return subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True, timeout=30).stdout

    assert '"accepted":1' in paste(ship).replace(" ", "")
    assert "hello from curl" in paste(find)


def test_its_secrets_are_for_us_alone_and_in_no_log(first: Instance) -> None:
    for name in ("token", "ingest-token", "admin-password"):
        path = first.home.path / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text().strip() not in first.text
        assert not any(path.read_bytes().strip() in log.read_bytes() for log in first.home.log.iterdir())


def test_a_token_is_all_that_is_printed(first: Instance) -> None:
    made = tailsvc(
        first.home.path, "token", "create", "--team", "shop", "--ability", "streams:read", "--expires", "30d"
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert re.fullmatch(r"tsp_\w+\n", made.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--team", "a", "--ability", "streams:read", "--plan", "fre"], "Valid: business, free, team, unlimited"),
        (["--team", "default", "--ability", "streams:read", "--plan", "free"], "is on plan unlimited"),
        (["--team", "No Slug", "--ability", "streams:read"], "slug"),
    ],
)
def test_a_token_that_cannot_be_made_exits_with_2_and_says_why(
    first: Instance, arguments: list[str], said: str
) -> None:
    refused = tailsvc(first.home.path, "token", "create", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in re.sub(r"[\s│]+", " ", refused.stderr)


def test_a_user_is_made_once(first: Instance) -> None:
    arguments = ("user", "create", "--email", "ops@example.org", "--password-stdin", "--superuser")
    assert tailsvc(first.home.path, *arguments, stdin="correct horse battery\n").returncode == 0
    again = tailsvc(first.home.path, *arguments, stdin="correct horse battery\n")
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_the_doctor_finds_everything_well(first: Instance) -> None:
    until(lambda: set(first.state.children) >= {"worker", "beat"}, "the worker")
    checked = tailsvc(first.home.path, "doctor")
    if "worker" in checked.stdout and checked.returncode:  # it had only just been started
        until(lambda: tailsvc(first.home.path, "doctor").returncode == 0, "the worker to answer")
        checked = tailsvc(first.home.path, "doctor")
    report = checked.stdout
    assert checked.returncode == 0, report
    for subject in ("disk", "instance", "version", "durability", "roles", "migrations", "redis", "worker"):
        assert re.search(rf"^ok +{subject}", report, re.MULTILINE), report
    assert first.home.secret("database-password") not in report


@pytest.mark.parametrize("team", [[], ["--team", "default"]], ids=["the home's token", "a token of its own"])
def test_a_kubeconfig_works_at_once_and_shows_no_token_to_ps(first: Instance, folder: Path, team: list[str]) -> None:
    made = tailsvc(first.home.path, "kubeconfig", *team)
    assert (made.returncode, made.stderr) == (0, "")
    token = re.search(r'token: "(tsp_\w+)"', made.stdout)
    assert token
    assert (token[1] == first.home.secret("token")) is (team == [])
    path = folder / "kubeconfig"
    path.write_text(made.stdout)
    kubectl = required_tree("kubernetes-client", provide=["usr/bin/kubectl"]).program("usr/bin/kubectl")
    # The path of a view that wants a token: it was sent, and is the team's.
    asked = subprocess.run(
        [kubectl, "--kubeconfig", path, "get", "--raw", "/api/streams"],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert asked.returncode == 0, asked.stderr
    assert [one["name"] for one in json.loads(asked.stdout)["data"]] == ["first"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--team", "deflaut"], 2, "There is no team 'deflaut'"),
        (["--team", "default", "--address", "http://localhost:1"], 1, "up --tls"),
        (["--address", "http://localhost:1"], 1, "up --tls"),
        (["--team", "default", "--server", "prod"], 2, "leave --server out"),
    ],
)
def test_a_kubeconfig_that_could_not_work_is_refused(
    first: Instance, arguments: list[str], code: int, said: str
) -> None:
    refused = tailsvc(first.home.path, "kubeconfig", *arguments)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert said in refused.stderr


def grpc_port(instance: Instance) -> int:
    found = re.search(r"gRPC on port ([0-9]+)", instance.text)
    assert found
    return int(found[1])


def names_of(instance: Instance) -> dict[str, str]:
    """Of the first stream, as Ignite has it."""
    first_stream = json.loads((instance.home.path / "first-stream.json").read_text())["stream"]
    return {"organization_name": "default", "app_name": first_stream}


def test_grpc_answers_as_soon_as_the_welcome_is_printed(first: Instance) -> None:
    with client(grpc_port(first), first.home.secret("token")) as ignite:
        assert "hello from curl" in ignite.GetAppLogs(**names_of(first)).lines[0].line
    assert "grpc" in first.state.children


def test_a_second_server_does_not_share_the_port_of_grpc(first: Instance) -> None:
    command = [sys.executable, "-m", "config.grpc", "--port", str(grpc_port(first))]
    env = environment({"TAILSVC_SECRET_KEY": "x", "DATABASE_URL": first.state.database_url})
    second = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=180)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {grpc_port(first)}" in second.stderr


def test_a_killed_worker_and_a_killed_clockwork_come_back(first: Instance) -> None:
    for name in ("worker", "beat", "grpc"):
        until(lambda name=name: name in first.state.children, name)
        killed = first.state.children[name]
        os.kill(killed, 9)
        until(lambda name=name, killed=killed: first.state.children[name] != killed, f"a new {name}", seconds=15)


class Shown(NamedTuple):
    at: float
    state: str


def shown_behind(printed: list[Shown], moment: float, *, active: bool) -> float:
    """The seconds from then to the first line that says so."""

    def found() -> list[float]:
        return [one.at - moment for one in printed if one.at > moment and ("active" in one.state) is active]

    until(found, f"a line that says {'' if active else 'no more '}that it is active")
    return found()[0]


@contextmanager
def watched_target(instance: Instance, folder: Path, name: str) -> Iterator[list[Shown]]:
    """Its states, as kubectl's watch of the session prints them."""
    path = folder / "watching"
    path.write_text(tailsvc(instance.home.path, "kubeconfig").stdout)
    shape = f'{{.status.targets[?(@.name=="{name}")].state}}{{"\\n"}}'
    options = ["get", "session", "Tiltfile", "--watch", "-o", f"jsonpath={shape}"]
    kubectl = required_tree("kubernetes-client", provide=["usr/bin/kubectl"]).program("usr/bin/kubectl")
    printed: list[Shown] = []
    watching = subprocess.Popen(
        [kubectl, "--kubeconfig", path, *options],
        env=environment({}),
        stdout=subprocess.PIPE,
        text=True,
    )

    def read() -> None:
        assert watching.stdout
        for line in watching.stdout:
            printed.append(Shown(time.monotonic(), line))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield printed
    finally:
        watching.terminate()
        watching.wait()
        reader.join()
        assert watching.stdout
        watching.stdout.close()


def test_the_session_shows_a_killed_worker_within_five_seconds(
    first: Instance, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    with watched_target(first, folder, "worker") as printed:
        until(lambda: printed and "active" in printed[-1].state, "the worker to be active")
        killed = time.monotonic()
        os.kill(first.state.children["worker"], 9)
        missed = shown_behind(printed, killed, active=False)
        back = shown_behind(printed, killed + missed, active=True)
    assert missed < 5
    with capsys.disabled():
        print(f"\n  a killed worker is missed after {missed:.1f} s, the next one is active {back:.1f} s later")


def test_a_change_of_a_stream_reaches_who_watches_the_session(
    first: Instance, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    stream = json.loads((first.home.path / "first-stream.json").read_text())["stream"]
    replica = urllib.request.Request(
        f"{first.address}/api/streams/{stream}/replicas/one",
        data=b"{}",
        headers={"Authorization": f"Bearer {first.home.secret('token')}", "Content-Type": "application/json"},
        method="PUT",
    )
    with watched_target(first, folder, "first:runtime") as printed:
        until(lambda: printed, "the watch to have begun")
        begun = time.monotonic()
        with urllib.request.urlopen(replica, timeout=20) as answer:
            assert answer.status in {200, 201}
        seconds = shown_behind(printed, begun, active=True)
    assert seconds < 5
    with capsys.disabled():
        print(f"\n  a replica is a target after {seconds:.2f} s")


def begins(call: Any) -> bool:
    call.initial_metadata()
    try:
        return bool(call.is_active())
    finally:
        call.cancel()


def test_it_stops_in_seconds_and_starts_again_in_about_two(first: Instance, capsys: pytest.CaptureFixture) -> None:
    """The last test of the file, since it ends the instance."""
    home, port = first.home.path, grpc_port(first)
    with client(port, first.home.secret("token")) as ignite:
        until(lambda: begins(ignite.StreamAppEvents(**names_of(first))), "gRPC to be back")
        calls = [ignite.StreamAppLogs(**names_of(first)), ignite.StreamAppEvents(**names_of(first))]
        for call in calls:
            call.initial_metadata()
        stopped = first.stop()
        # Each is told, and none is taken for the end of the log.
        assert [refusal(lambda call=call: call)[0] for call in calls] == ["UNAVAILABLE"] * 2
    assert (first.code(), first.processes()) == (0, set())
    assert tailsvc(home, "doctor").returncode == 1
    before = busy_seconds()
    later = Instance([*COMMAND, "up", "--home", str(home), "--port", "0"], home)
    try:
        started = until(lambda: "ready" in later.text, "ready")
        others = max(0.0, busy_seconds() - before - later.cpu_seconds())
        assert "curl" not in later.text
        later.stop()
        assert later.code() == 0
    finally:
        later.close()
    with capsys.disabled():
        print(f"\n  later start: {started:.2f} s; clean stop: {stopped:.2f} s")
    assert stopped < 5
    # About 2 on a quiet machine; what its processors did for others does not count.
    assert started - others / (os.cpu_count() or 1) < 20
