"""Processes are killed, in every place and way; what was committed stays, and nothing is left behind."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis, RedisError

from tests.runtime.instances import Instance, stub_instance, until
from tests.servers import reachable_folder

HEALED_WITHIN_SECONDS = 15


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with reachable_folder() as folder, stub_instance(folder / "home", workers=2) as running:
        running.wait_until_ready()
        until(lambda: len(running.state.children) == 4, "all four children")
        yield running


def database_works(instance: Instance) -> bool:
    try:
        psycopg.connect(instance.state.database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def queue_works(instance: Instance) -> bool:
    try:
        with Redis.from_url(instance.state.redis_url, socket_timeout=2) as client:
            return bool(client.ping())
    except (OSError, RedisError):
        return False


@pytest.mark.parametrize("name", ["postgres", "valkey", "web", "worker"])
def test_a_child_that_was_killed_is_started_again(instance: Instance, name: str) -> None:
    killed = instance.state.children[name]
    held = {pid for pid in instance.processes() if os.getpgid(pid) == killed}
    os.kill(killed, signal.SIGKILL)
    until(lambda: instance.state.children[name] != killed, f"a new {name}", seconds=HEALED_WITHIN_SECONDS)
    until(lambda: database_works(instance), "the database", seconds=HEALED_WITHIN_SECONDS)
    until(lambda: queue_works(instance), "the queue", seconds=HEALED_WITHIN_SECONDS)
    until(instance.answers, "the web", seconds=HEALED_WITHIN_SECONDS)
    until(lambda: not held & instance.processes(), "its own children to be gone")


def test_a_web_process_that_was_killed_is_replaced(instance: Instance) -> None:
    serving = int(instance.get())
    assert serving != instance.state.children["web"]
    os.kill(serving, signal.SIGKILL)
    until(instance.answers, "the other web process to answer", seconds=HEALED_WITHIN_SECONDS)
    master = instance.state.children["web"]

    def workers() -> int:
        return sum(_parent(pid) == master for pid in instance.processes())

    until(lambda: workers() == 2, "two web processes", seconds=HEALED_WITHIN_SECONDS)


def _parent(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("PPid:")[2].split()[0])


def is_active(url: str, backend: int) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [backend]).fetchone()
    return row == ("active",)


def test_a_backend_that_outlives_its_postmaster_does_not_keep_the_next_one_from_starting(instance: Instance) -> None:
    """It spins where it never looks whether the postmaster is there, with the shared memory attached."""
    url = instance.state.database_url
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
        backend = connection.info.backend_pid
        until(lambda: is_active(url, backend), "the query to run")
        killed = instance.state.children["postgres"]
        os.kill(killed, signal.SIGKILL)
        until(lambda: instance.state.children["postgres"] != killed, "a new postgres", seconds=HEALED_WITHIN_SECONDS)
        until(lambda: database_works(instance), "the database", seconds=HEALED_WITHIN_SECONDS)
    assert backend not in instance.processes()


def test_a_killed_supervisor_leaves_no_process_and_the_next_run_has_every_committed_row(folder: Path) -> None:
    home = folder / "home"
    with stub_instance(home, workers=2) as instance:
        instance.wait_until_ready()
        until(lambda: len(instance.state.children) == 4, "all four children")
        with psycopg.connect(instance.state.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            for number in range(200):
                connection.execute("INSERT INTO kept VALUES (%s)", [number])
            with Redis.from_url(instance.state.redis_url) as client:
                client.set("kept", "yes")
            assert len(instance.processes()) > 6
            instance.process.kill()
        seconds = until(lambda: not instance.processes(), "every process to end", seconds=10)
        print(f"gone after {seconds:.2f} s")
        assert instance.home.running() is None
    with stub_instance(home) as again:
        again.wait_until_ready()
        with psycopg.connect(again.state.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (200,)


def test_a_new_run_waits_for_what_a_killed_one_left(folder: Path) -> None:
    """Started at once, while the old servers are still on their way out."""
    home = folder / "home"
    with stub_instance(home) as instance:
        instance.wait_until_ready()
        port = int(instance.address.rpartition(":")[2])
        with stub_instance(home, port=port) as refused:
            assert refused.code() == 1
        instance.process.kill()
        with stub_instance(home, port=port) as again:
            again.wait_until_ready()
            assert database_works(again)


def test_a_stop_with_an_upload_open_takes_less_than_five_seconds(folder: Path) -> None:
    with stub_instance(folder / "home", workers=2) as instance:
        instance.wait_until_ready()
        port = int(instance.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as upload:
            upload.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            until(instance.answers, "the request to be under way")
            seconds = instance.stop(signal.SIGINT)
        print(f"stopped in {seconds:.2f} s")
        assert seconds < 5
        assert instance.code() == 0
        assert instance.processes() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_it_too_even_when_they_come_twice(folder: Path, number: signal.Signals) -> None:
    with stub_instance(folder / "home") as instance:
        instance.wait_until_ready()
        instance.process.send_signal(number)
        assert instance.stop(number) < 5
        assert instance.code() == 0
        assert instance.processes() == set()
        assert json.loads((instance.home.path / "lock").read_text())["pid"] == instance.process.pid
