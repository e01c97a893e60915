"""What can be said about commands without a running service."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from config.cli import app
from config.cli.options import duration, one_of
from config.cli.terminal import printable
from config.cli.up import behind, welcome_text
from config.runtime.environment import CODE
from config.runtime.home import Home
from tailsvc.version import __version__
from tests.runtime.instances import environment


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("TAILSVC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TAILSVC_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("TAILSVC_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    return CliRunner()


def test_version_prints_it_and_nothing_else(runner: CliRunner) -> None:
    result = runner.invoke(app, ["version"])
    assert (result.exit_code, result.stdout) == (0, __version__ + "\n")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["tokn"], "token"),
        (["up", "--prot", "1"], "--port"),
        (["token", "creat"], "create"),
        (["doctr"], "doctor"),
        (["compct"], "compact"),
        (["kubconfig"], "kubeconfig"),
        (["clustr"], "cluster"),
        (["cluster", "ad"], "add"),
        (["compact", "--wiat"], "--wait"),
        (["check", "--steam", "a"], "--stream"),
        (["stats", "--jsn"], "--json"),
        (["serch"], "search"),
        (["ship", "web", "--creat"], "--create"),
        (["tail", "web", "--folow"], "--follow"),
    ],
)
def test_a_typo_exits_with_2_and_names_what_was_meant(runner: CliRunner, typed: list[str], meant: str) -> None:
    result = runner.invoke(app, typed)
    assert result.exit_code == 2
    assert meant in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--port", "70000"],
        ["up", "--workers", "0"],
        ["up", "--port", "x"],
        ["up", "--tls", "--tls-port", "65536"],
        ["tls", "--port", "0"],
    ],
)
def test_impossible_numbers_exit_with_2(runner: CliRunner, arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "create", "--team", "a", "--ability", "streams:read"],
        ["user", "create", "--email", "a@b.c", "--password-stdin"],
        ["compact", "--wait"],
        ["check"],
        ["stats", "--json"],
        ["tls"],
        ["kubeconfig"],
        ["kubeconfig", "--team", "default"],
        ["cluster", "list"],
        ["cluster", "remove", "prod", "--team", "default"],
        ["search", "web", "a"],
        ["tail", "web", "-f"],
        ["ship", "web"],
    ],
)
def test_commands_without_a_running_service_say_how_to_start_one(
    runner: CliRunner, arguments: list[str], tmp_path: Path
) -> None:
    result = runner.invoke(app, arguments, input="a long enough password\n")
    assert result.exit_code == 1
    assert "tailsvc up" in result.stderr
    assert str(tmp_path / "home") in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "TAILSVC_DATABASE_POOL",
            "0",
            r"The database does not answer: connection .+ Connection refused .+\. `tailsvc doctor` says what to do\.",
        ),
        ("DATABASE_URL", "mysql://x:secret@host/x", r"DATABASE_URL must be a postgresql:// address\."),
        ("TAILSVC_LOG_LEVEL", "loud", r"TAILSVC_LOG_LEVEL='loud' is none of .+, WARNING, INFO, .+\."),
        ("TAILSVC_PUBLIC_URL", "logs.example", r"TAILSVC_PUBLIC_URL='logs\.example' is no address: .+\."),
    ],
)
def test_what_is_wrong_around_us_is_told_in_a_sentence(tmp_path: Path, name: str, value: str, told: str) -> None:
    nowhere = {"DATABASE_URL": "postgresql://x:secret@127.0.0.1:1/x", "TAILSVC_SECRET_KEY": "x", name: value}
    done = subprocess.run(
        [sys.executable, "-c", "from config.cli import app; app()", "check", "--home", str(tmp_path)],
        cwd=CODE,
        env=environment(nowhere),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"{told}\n", done.stderr)
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "web", "--since", "yesterday"],
        ["search", "web", "--limit", "0"],
        ["tail", "web", "-n", "10001"],
        ["ship", "web", "no/such/file"],
        ["ship", "web", "/"],
        ["ship", "web", "--retry-for", "24h"],
    ],
)
def test_what_cannot_be_meant_exits_with_2_before_anybody_is_asked(runner: CliRunner, arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


def test_a_port_for_tls_without_tls_is_a_mistake(runner: CliRunner) -> None:
    result = runner.invoke(app, ["up", "--tls-port", "8443"])
    assert result.exit_code == 2
    assert "--tls" in result.stderr


@pytest.mark.parametrize(
    "given", [["--grpc-port", "8000"], ["--tls", "--tls-port", "8001"], ["--port", "8001", "--grpc-port", "8001"]]
)
def test_two_servers_cannot_have_one_port(runner: CliRunner, given: list[str], tmp_path: Path) -> None:
    result = runner.invoke(app, ["up", *given])
    assert result.exit_code == 2
    assert "are the same" in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("port", "expected"), [(8000, 8002), (65_533, 65_535), (65_534, 0), (0, 0)])
def test_the_port_of_tls_is_the_second_behind_where_there_is_one(port: int, expected: int) -> None:
    assert behind(port, 2) == expected


def test_a_kubeconfig_of_a_configured_server_trusts_whom_the_system_trusts(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[servers.prod]\nurl = "https://logs.example.org"\ntoken = "tsp_x"\n')
    file.chmod(0o600)
    result = runner.invoke(app, ["kubeconfig", "--server", "prod"])
    found = yaml.safe_load(result.stdout)
    assert found["clusters"] == [{"name": "tailsvc", "cluster": {"server": "https://logs.example.org"}}]
    assert found["users"] == [{"name": "tailsvc", "user": {"token": "tsp_x"}}]
    assert found["contexts"] == [{"name": "tailsvc", "context": {"cluster": "tailsvc", "user": "tailsvc"}}]
    assert found["current-context"] == "tailsvc"


def test_the_doctor_exits_with_1_where_nothing_runs(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--home", str(tmp_path / "other")])
    assert result.exit_code == 1
    assert "FAULT" in result.stdout
    assert str(tmp_path / "other") in result.stdout
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ability", "streams:reed"], "Did you mean streams:read? Valid: lifecycle:write"),
        (["--ability", "streams:read", "--expires", "soon"], "30d"),
        ([], "--ability"),
    ],
)
def test_a_token_is_refused_for_its_options_before_anything_is_asked(
    runner: CliRunner, arguments: list[str], said: str
) -> None:
    result = runner.invoke(app, ["token", "create", "--team", "a", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_empty_password_is_refused(runner: CliRunner) -> None:
    result = runner.invoke(app, ["user", "create", "--email", "a@b.c", "--password-stdin"], input="")
    assert result.exit_code == 2


def test_no_colour_is_no_colour(runner: CliRunner) -> None:
    assert "\x1b" not in runner.invoke(app, ["--help"], color=True).stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("2W", timedelta(weeks=2)),
        (" 90m ", timedelta(minutes=90)),
        ("5 s", timedelta(seconds=5)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "0d", "1.5d", "30days", "999999999w", "٣d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"\w"):
        duration(text)


def test_an_unknown_choice_lists_the_valid_ones_and_guesses() -> None:
    with pytest.raises(typer.BadParameter, match=r"no ability 'stream:read'.*mean streams:read\?.*logs:delete"):
        one_of("stream:read", ["streams:read", "logs:delete"], kind="ability")
    assert one_of("logs:delete", ["streams:read", "logs:delete"], kind="ability") == "logs:delete"


def test_a_great_many_choices_are_not_listed() -> None:
    with pytest.raises(typer.BadParameter, match=r"no stream 'stream-1x'\. Did you mean stream-1[0-9]*\?$"):
        one_of("stream-1x", [f"stream-{number}" for number in range(1_000)], kind="stream")


def test_names_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[31m\n Ü") == "a\\x1b[31m\\n Ü"


def test_lines_to_paste_survive_a_folder_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = welcome_text(Home(tmp_path / "my logs"), "http://127.0.0.1:8000", "first-abc")
    assert "$(cat 'my logs/ingest-token')" in text
    assert "$(cat 'my logs/token')" in text
    assert "my logs/admin-password" in text
