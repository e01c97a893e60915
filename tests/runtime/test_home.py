import os
from pathlib import Path

import pytest

from config.runtime.faults import AlreadyRunning
from config.runtime.home import Home, State
from config.runtime.ports import in_url, local_address

STATE = State(pid=1, run_id="r", address="http://a", database_url="postgresql://x:secret@h/d", redis_url="redis://r")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a" / "b" / "home")
    home.create()
    return home


def test_folders_that_are_made_are_closed_and_others_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir(mode=0o755)
    previous = os.umask(0)
    try:
        Home(tmp_path / "foreign" / "new" / "home").create()
    finally:
        os.umask(previous)
    assert (tmp_path / "foreign").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "foreign" / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "foreign" / "new" / "home" / "run").stat().st_mode & 0o777 == 0o700


def test_a_secret_is_made_once_and_only_ours_to_read(home: Home) -> None:
    first = home.secret("secret-key")
    assert len(first) >= 40
    assert home.secret("secret-key") == first
    assert (home.path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_one_claim_at_a_time_and_the_refusal_names_the_holder(home: Home) -> None:
    claim = home.claim(address="http://127.0.0.1:8000")
    with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}, at http://127.0.0.1:8000"):
        home.claim(address="http://127.0.0.1:9000")
    os.close(claim)
    os.close(home.claim(address="http://127.0.0.1:9000"))


def test_only_an_instance_that_holds_the_lock_is_running(home: Home) -> None:
    assert home.running() is None
    claim = home.claim(address="x")
    assert home.running() is None  # still starting
    home.publish(STATE)
    assert home.running() == STATE
    os.close(claim)
    assert home.running() is None  # what a dead one left behind


def test_the_state_is_only_ours_to_read(home: Home) -> None:
    home.publish(STATE)
    assert (home.path / "state.json").stat().st_mode & 0o777 == 0o600


def test_the_option_wins_over_the_environment_and_that_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILSVC_HOME", raising=False)
    assert Home.at(None).path == tmp_path / ".tailsvc"
    monkeypatch.setenv("TAILSVC_HOME", str(tmp_path / "given"))
    assert Home.at(None).path == tmp_path / "given"
    assert Home.at(tmp_path / "option").path == tmp_path / "option"


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.0.0.1", "10.0.0.1"), ("::1", "[::1]")]
)
def test_an_address_that_listens_everywhere_is_reached_on_the_loopback(host: str, url: str) -> None:
    assert in_url(local_address(host)) == url
