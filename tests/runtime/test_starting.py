"""`tailsvc up` from nothing to ready, and what keeps it from starting."""

import os
import pwd
import signal
import socket
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from config.runtime.ports import free_port
from tests.runtime.instances import stub_instance, until
from tests.servers import start_postgres, start_valkey

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_a_first_start_is_ready_and_a_later_one_takes_about_a_second(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    with stub_instance(folder / "home") as first:
        first.wait_until_ready()
        with psycopg.connect(first.state.database_url) as connection:
            row = connection.execute("SHOW synchronous_commit").fetchone()
        assert row == ("on",)
        with Redis.from_url(first.state.redis_url) as client:
            assert client.ping()
        first.stop()
        assert first.code() == 0
        assert first.processes() == set()
        assert first.home.running() is None
    with stub_instance(folder / "home") as later:
        seconds = until(later.home.running, "a state to be published") + until(lambda: "ready" in later.text, "ready")
        with capsys.disabled():
            print(f"\n  later start, without our own applications: {seconds:.2f} s")
        assert seconds < 10


def test_nothing_secret_is_readable_by_others(folder: Path) -> None:
    with stub_instance(folder / "home") as instance:
        instance.wait_until_ready()
        home = instance.home
        secrets = {"database-password", "redis-password", "secret-key", "state.json", "run/valkey.conf"}
        for name in secrets:
            assert (home.path / name).stat().st_mode & 0o077 == 0, name
        arguments = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in instance.processes())
        assert home.secret("database-password").encode() not in arguments
        assert home.secret("redis-password").encode() not in arguments
        assert (home.path / "log").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "with SO_REUSEPORT"])
def test_a_taken_port_is_named_and_so_is_the_option(folder: Path, shared: bool) -> None:
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with stub_instance(folder / "home", port=port) as instance:
            assert instance.code() == 1
            assert f"Port {port} on 127.0.0.1 is taken" in instance.text
            assert "--port" in instance.text
            assert instance.processes() == set()


def test_a_second_instance_is_told_of_the_first(folder: Path) -> None:
    with stub_instance(folder / "home") as first:
        address = first.wait_until_ready()
        with stub_instance(folder / "home") as second:
            assert second.code() == 1
            assert f"process {first.process.pid}" in second.text
            assert address in second.text
        assert first.answers()


def test_servers_that_are_configured_are_not_started(folder: Path) -> None:
    postgres, valkey = start_postgres(folder / "database"), start_valkey(folder / "queue")
    try:
        given = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
        with stub_instance(folder / "home", env=given) as instance:
            instance.wait_until_ready()
            until(lambda: set(instance.state.children) == {"web", "worker"}, "web and worker alone")
            assert not list(instance.home.path.glob("postgres*"))
            assert not (instance.home.path / "valkey").exists()
    finally:
        postgres.stop()
        valkey.stop()


def test_a_stop_during_the_first_start_is_obeyed_and_the_next_start_works(folder: Path) -> None:
    home = folder / "home"
    with stub_instance(home) as instance:
        until(lambda: list(home.glob("postgres-*.tmp")), "initdb to begin")
        assert instance.stop(signal.SIGINT) < 5
        assert instance.processes() == set()
    with stub_instance(home) as instance:
        instance.wait_until_ready()
        assert not list(home.glob("*.tmp"))


def test_an_initdb_that_was_killed_leaves_nothing_half_done(folder: Path) -> None:
    home = folder / "home"
    with stub_instance(home) as instance:
        until(lambda: list(home.glob("postgres-*.tmp")), "initdb to begin")
        instance.process.kill()
        assert not [path for path in home.glob("postgres-*") if path.suffix != ".tmp" and path.is_dir()]
        until(lambda: not instance.processes(), "initdb to end with its parent")
    with stub_instance(home) as instance:
        instance.wait_until_ready()


@AS_ROOT
def test_a_plain_user_can_run_it_whatever_the_environment_holds(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    # Each of these has broken a server or a client before.
    hostile = {"PGSSLMODE": "require", "PGOPTIONS": "-c nonsense=1", "LC_ALL": "no_such", "GRANIAN_PORT": "1"}
    with stub_instance(folder / "home", uid=nobody.pw_uid, env=hostile) as instance:
        instance.wait_until_ready()
        assert instance.home.path.stat().st_mode & 0o777 == 0o700
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in instance.processes()}
        assert owners == {nobody.pw_uid}
        assert not instance.home.binaries.exists()


@AS_ROOT
def test_root_is_told_which_folder_is_closed_and_it_is_left_alone(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with stub_instance(closed / "inside" / "home") as instance:
        assert instance.code() == 1
        assert f"{closed} is closed to others" in instance.text
        assert "--home" in instance.text
    assert closed.stat().st_mode & 0o777 == 0o700


@AS_ROOT
def test_a_user_without_a_name_is_told_what_postgres_lacks(folder: Path) -> None:
    nameless = 54321
    os.chown(folder, nameless, nameless)
    with stub_instance(folder / "home", uid=nameless) as instance:
        assert instance.code() == 1
        assert f"user id {nameless}" in instance.text
        assert "DATABASE_URL" in instance.text


def test_a_folder_that_cannot_be_made_is_a_sentence_and_not_a_traceback(folder: Path) -> None:
    (folder / "file").write_text("")
    with stub_instance(folder / "file" / "home", port=free_port()) as instance:
        assert instance.code() == 1
        assert "cannot be used as data folder" in instance.text
        assert "Traceback" not in instance.text
