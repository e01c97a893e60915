"""Each service of docker-compose.yml, run as it stands there: its command, environment and health check.

No container engine is needed: what a container would find by name (hosts, ports, /tmp) is mapped to places of this
machine, and nothing else is changed.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.runtime.accounts import server_account
from config.runtime.binaries import find_postgres, find_valkey
from config.runtime.environment import CODE
from config.runtime.home import Home
from config.runtime.ports import free_port
from tests.runtime.instances import until
from tests.servers import reachable_folder, shared_copies, start_postgres

PASSWORD_NAME = "database-password"
OURS = ("prepare", "web", "tls", "grpc", "collector", "worker", "beat")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::([?-])([^}]*))?\})")


def interpolate(value: Any, variables: dict[str, str]) -> Any:
    """As compose does: `${A:?must}`, `${A:-default}`, `$$` for a dollar."""
    if isinstance(value, dict):
        return {key: interpolate(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, variables) for each in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        name, kind, more = match.groups()
        if name is None:
            return "$"
        if name in variables:
            return variables[name]
        assert kind == "-", f"{name} must be given: {more}"
        return more

    return _VARIABLE.sub(replaced, value)


def services(variables: dict[str, str]) -> dict[str, dict[str, Any]]:
    return interpolate(yaml.safe_load((CODE / "docker-compose.yml").read_text()), variables)["services"]


@dataclass
class Stack:
    """Runs services as processes; `places` maps what they name to where it is here."""

    folder: Path
    variables: dict[str, str]
    places: dict[str, str]
    path: str
    running: dict[str, subprocess.Popen] = field(default_factory=dict)

    def here(self, text: str) -> str:
        for theirs, ours in self.places.items():
            text = re.sub(rf"(?<![\w.]){re.escape(theirs)}(?!\w)", ours, text)
        return text

    def service(self, name: str) -> dict[str, Any]:
        return services(self.variables)[name]

    def environment(self, name: str) -> dict[str, str]:
        given = {key: self.here(str(value)) for key, value in self.service(name).get("environment", {}).items()}
        image = {"PATH": self.path, "DJANGO_SETTINGS_MODULE": "config.settings", "LC_ALL": "C"}
        return {**image, "PYTHONPATH": str(CODE), **given}

    def start(self, name: str, *more: str, user: int | None = None, **env: str) -> subprocess.Popen:
        command = [self.here(part) for part in self.service(name)["command"]]
        program = shutil.which(command[0], path=self.path)
        assert program, command[0]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [program, *command[1:], *more],
                env={**self.environment(name), **env},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                start_new_session=True,
            )
        return self.running[name]

    def is_healthy(self, name: str) -> bool:
        process = self.running[name]
        assert process.poll() is None, f"{name} ended:\n{self.log(name)}"
        kind, *rest = self.service(name)["healthcheck"]["test"]
        command = ["/bin/sh", "-c", rest[0]] if kind == "CMD-SHELL" else rest
        checked = subprocess.run(
            [self.here(part) for part in command],
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            check=False,
            timeout=180,
        )
        return checked.returncode == 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-3000:]

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.running.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(8)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with reachable_folder() as folder:
        running = _stack(folder)
        try:
            _start_servers(running)
            yield running
        finally:
            running.stop()


def _stack(folder: Path) -> Stack:
    start_postgres(
        folder / "database", fsync=True
    ).stop()  # the image's entry point makes a cluster; our controller does here
    home = Home(folder / "database")
    programs = folder / "programs"
    programs.mkdir()
    _stand_in_for_valkey_cli(programs / "valkey-cli")
    binaries = find_postgres(account=server_account(), copies=shared_copies(home))
    path = [programs, Path(sys.executable).parent, binaries.folder, find_valkey().parent, "/usr/bin", "/bin"]
    postgres, valkey, web, grpc, tls = (free_port() for _ in range(5))
    return Stack(
        folder,
        variables={"POSTGRES_PASSWORD": home.secret(PASSWORD_NAME), "TAILSVC_SECRET_KEY": "a secret for tests only"},
        places={
            "postgres:5432": f"127.0.0.1:{postgres}",
            "valkey:6379": f"127.0.0.1:{valkey}",
            "5432": str(postgres),
            "6379": str(valkey),
            "8000": str(web),
            "8001": str(grpc),
            "8002": str(tls),
            "/var/lib/tailsvc": str(folder / "volume"),
            "/tmp": str(folder),
        },
        path=":".join(map(str, path)),
    )


def _stand_in_for_valkey_cli(path: Path) -> None:
    """The wheel brings the server alone."""
    script = "import redis, sys\nprint(redis.Redis(port=int(sys.argv[2])).execute_command(*sys.argv[3:]))\n"
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(script)} "$@"\n')
    path.chmod(0o755)


def _start_servers(stack: Stack) -> None:
    data = next(path for path in (stack.folder / "database").glob("postgres-*") if path.is_dir())
    account = server_account()
    port = stack.places["5432"]
    stack.start("postgres", user=account.uid if account else None, PGDATA=str(data), PGPORT=port)
    stack.start("valkey", "--port", stack.places["6379"])


def test_every_server_and_service_becomes_healthy(stack: Stack) -> None:
    for name in ("postgres", "valkey"):
        until(lambda name=name: stack.is_healthy(name), f"{name} to be healthy")
    prepared = stack.start("prepare").wait(180)
    assert prepared == 0, stack.log("prepare")
    del stack.running["prepare"]
    for name in ("web", "tls", "grpc", "collector", "worker", "beat"):
        stack.start(name)
    for name in ("web", "tls", "grpc", "collector", "beat", "worker"):
        seconds = until(lambda name=name: stack.is_healthy(name), f"{name} to be healthy", seconds=180, every=0.5)
        print(f"{name} healthy after {seconds:.1f} s")


@pytest.mark.parametrize(("name", "port"), [("web", "8000"), ("grpc", "8001"), ("tls", "8002")])
def test_a_dead_service_is_not_healthy(stack: Stack, name: str, port: str) -> None:
    health = stack.service(name)["healthcheck"]["test"][1:]
    nowhere = [part.replace(port, str(free_port())) for part in health]
    checked = subprocess.run(nowhere, env=stack.environment(name), cwd=stack.folder, check=False, capture_output=True)
    assert checked.returncode == 1


GIVEN = {"POSTGRES_PASSWORD": "p", "TAILSVC_SECRET_KEY": "k"}


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_as_nobody_special_and_wait_for_what_they_need(name: str) -> None:
    service = services(GIVEN)[name]
    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["depends_on"]
    assert ("healthcheck" in service) is (name != "prepare")


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_a_forgotten_secret_is_an_error_and_no_secret_is_in_the_file(missing: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    with pytest.raises(AssertionError, match=missing):
        services(given)


def test_the_image_is_built_from_what_is_there_and_runs_as_a_plain_user() -> None:
    lines = (CODE / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    for source in (source for sources in copied for source in sources):
        assert (CODE / source).exists(), source
    assert "USER 10001:10001" in lines
    assert any("--require-hashes" in line for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_the_file_has_the_form_that_compose_wants() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*checker, "docker-compose.yml"], cwd=CODE, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
