"""Which service a command speaks to."""

from pathlib import Path

import pytest
import typer

from config.cli.servers import Server, choose, config_path
from config.runtime.home import Home, State

SECRET = "tsp_secret"
FILE = f"""
default = "prod"
[servers.prod]
url = "https://logs.example.org/"
token = "{SECRET}"
[servers.test]
url = "http://127.0.0.1:9"
"""


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TAILSVC_URL", "TAILSVC_TOKEN", "TAILSVC_CONFIG", "TAILSVC_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / ".config" / "tailsvc" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(FILE)
    path.chmod(0o600)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """One that looks as while a service runs on it."""
    place = Home(tmp_path / ".tailsvc")
    place.create()
    place.claim(address="http://127.0.0.1:7")
    place.publish(State(pid=1, run_id="x", address="http://127.0.0.1:7", database_url="", redis_url=""))
    place.keep("token", "tsp_home")
    return place.path


def refused(capsys: pytest.CaptureFixture[str], name: str | None = None, home: Path | None = None) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as ended:
        choose(name, home)
    told = capsys.readouterr()
    assert told.out == ""
    assert SECRET not in told.err
    return ended.value.exit_code, told.err.replace("\n", " ")


def test_the_file_names_servers_and_their_default(config: Path) -> None:
    assert choose(None, None) == Server("https://logs.example.org", SECRET)
    assert choose("prod", None).url == "https://logs.example.org"
    assert SECRET not in repr(choose("prod", None))


def test_the_environment_gives_a_token_that_the_file_lacks(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILSVC_TOKEN", "tsp_other")
    assert choose("test", None) == Server("http://127.0.0.1:9", "tsp_other")
    assert choose("prod", None).token == SECRET


def test_what_is_typed_comes_before_the_environment_and_that_before_the_file_and_that_before_the_machine(
    config: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(None, None).token == SECRET
    monkeypatch.setenv("TAILSVC_URL", "http://other.example")
    monkeypatch.setenv("TAILSVC_TOKEN", "tsp_other")
    assert choose(None, None) == Server("http://other.example", "tsp_other")
    assert choose("prod", None).token == SECRET
    assert choose(None, home).url == "http://127.0.0.1:7"


def test_where_a_service_runs_nothing_need_be_configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = choose(None, None)
    assert (chosen.url, chosen.token) == ("http://127.0.0.1:7", "tsp_home")
    monkeypatch.chdir("/")
    monkeypatch.setenv("TAILSVC_HOME", str(home))
    chosen = choose(None, None)
    assert (chosen.url, chosen.token) == ("http://127.0.0.1:7", "tsp_home")


def test_the_file_is_looked_for_where_it_is_said_to_be(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config_path() == config
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    assert config_path() == Path("/x/tailsvc/config.toml")
    monkeypatch.setenv("TAILSVC_CONFIG", "~/mine.toml")
    assert config_path() == tmp_path / "mine.toml"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_token_that_others_can_read_is_refused(config: Path, capsys: pytest.CaptureFixture[str], mode: int) -> None:
    config.chmod(mode)
    code, said = refused(capsys)
    assert (code, f"chmod 600 {config}" in said) == (2, True)


def test_a_file_without_tokens_may_be_read_by_all(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('default = "a"\n[servers.a]\nurl = "http://a.example"\n')
    config.chmod(0o644)
    monkeypatch.setenv("TAILSVC_TOKEN", "tsp_x")
    assert choose(None, None) == Server("http://a.example", "tsp_x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'token = "{SECRET}"', "[servers.NAME]"),
        (f'[servers.a]\nurl = "http://a"\ntokn = "{SECRET}"', "'tokn'"),
        (f'[servers.a]\ntoken = "{SECRET}"', "needs a url"),
        (f'[servers.a]\nurl = "http://a"\ntoken = "{SECRET}', "not TOML"),
        ('default = "b"\n[servers.a]\nurl = "http://a"', "no server has that name"),
        ('default = "a"\n[servers.a]\nurl = "http://a"', "there is no token"),
        (f'default = "a"\n[servers.a]\nurl = "ftp://a"\ntoken = "{SECRET}"', "http://"),
        (f'default = "a"\n[servers.a]\nurl = "http://u:{SECRET}@a"\ntoken = "{SECRET}"', "neither a user"),
        (f'default = "a"\n[servers.a]\nurl = "http://a"\ntoken = "{SECRET}\\n"', "characters"),
        ("servers = 1", "[servers.NAME]"),
    ],
)
def test_what_is_written_wrongly_is_told_without_the_token(
    config: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    config.write_text(text)
    code, told = refused(capsys)
    assert (code, said in told) == (2, True), told


def test_an_unknown_server_is_told_with_what_is_near(config: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"no server 'prd'\. Did you mean prod"):
        choose("prd", None)


def test_where_there_is_nothing_all_ways_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = refused(capsys)
    assert code == 1
    assert all(way in said for way in ("TAILSVC_URL", "config.toml", "--home", "tailsvc up"))
    assert refused(capsys, home=tmp_path / "none")[0] == 1
    assert refused(capsys, "prod")[0] == 2
    assert refused(capsys, "prod", tmp_path)[0] == 2
