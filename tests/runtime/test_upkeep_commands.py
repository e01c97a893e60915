"""`tailsvc compact`, `check` and `stats`, beside a service that runs."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import IncompleteRead
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from redis import Redis

from tests.runtime.instances import Instance, environment, until
from tests.servers import reachable_folder

COMMAND = [sys.executable, "-c", "from config.cli import app; app()"]
ROWS, BLOCK = 10, 500  # so few wait for an hour, as rows and as a recent block
MORE_THAN_A_PAGE = 700  # of an export
NUMBERS = ("events", "rows", "recent_blocks", "segments", "raw_bytes", "bytes")


@pytest.fixture(scope="module")
def service() -> Iterator[Instance]:
    with reachable_folder() as folder:
        instance = Instance([*COMMAND, "up", "--home", str(folder / "home"), "--port", "0"], folder / "home")
        try:
            instance.wait_until_ready()
            until(lambda: worker_listens(instance), "the worker")
            yield instance
        finally:
            instance.close()


def worker_listens(service: Instance) -> bool:
    with Redis.from_url(service.state.redis_url) as client:
        return bool(client.exists("_kombu.binding.celery.pidbox"))


def tailsvc(service: Instance, *arguments: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments, "--home", str(service.home.path)],
        env=environment({"NO_COLOR": "1", **env}),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def call(service: Instance, method: str, path: str, body: bytes = b"", *, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token or service.home.secret('token')}", "Content-Type": "application/json"}
    request = urllib.request.Request(service.address + path, body or None, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def new_stream(service: Instance, name: str, *, events: tuple[int, ...] = ()) -> str:
    """Its uuid; each number of events is a request."""
    made = call(service, "POST", "/api/streams", json.dumps({"name": name}).encode())
    uuid: str = made["uuid"]
    for count in events:
        ingest(service, uuid, count)
    return uuid


def ingest(service: Instance, uuid: str, count: int) -> None:
    token = call(service, "GET", f"/api/streams/{uuid}")["ingest"]["token"]
    lines = json.dumps([{"message": f"line {nth} of {count}"} for nth in range(count)]).encode()
    call(service, "POST", f"/api/ingest/{uuid}", lines, token=token)


def sizes(service: Instance, name: str) -> dict[str, Any]:
    """What `stats --json` says of the stream."""
    told = tailsvc(service, "stats", "--json")
    assert (told.returncode, told.stderr) == (0, "")
    found: dict[str, Any] = next(each for each in json.loads(told.stdout)["streams"] if each["name"] == name)
    return found


def rows_of(service: Instance, uuid: str) -> int:
    with psycopg.connect(service.state.database_url) as connection:
        query = "SELECT count(*) FROM log_event WHERE stream_id = (SELECT id FROM streams_stream WHERE uuid = %s)"
        row = connection.execute(query, [uuid]).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def held_up(service: Instance, uuid: str) -> Iterator[None]:
    """The stream's compaction does not come to its end, as long as its lock can be waited for."""
    with psycopg.connect(service.state.database_url) as connection:
        query = "SELECT 1 FROM log_upkeep WHERE stream_id = (SELECT id FROM streams_stream WHERE uuid = %s) FOR UPDATE"
        assert connection.execute(query, [uuid]).fetchone()
        yield


@contextmanager
def stopped(service: Instance, name: str) -> Iterator[None]:
    """The process is there and answers nobody."""
    pid = service.state.children[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_compaction_returns_when_nothing_waits(service: Instance) -> None:
    new_stream(service, "shop", events=(ROWS, BLOCK))
    before = sizes(service, "shop")
    assert [before[name] for name in NUMBERS[:4]] == [ROWS + BLOCK, ROWS, 1, 0]
    done = tailsvc(service, "compact", "--wait")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing is left to do." in done.stderr
    assert "\x1b" not in done.stderr
    after = sizes(service, "shop")
    assert [after[name] for name in NUMBERS[:4]] == [ROWS + BLOCK, 0, 0, 1]
    assert after["raw_bytes"] == before["raw_bytes"] > 0
    well = tailsvc(service, "check", "--team", "default", "--stream", "shop")
    assert (well.returncode, well.stdout) == (0, "")
    assert well.stderr.endswith("Checked 1 stream: all is well.\n")


def test_compaction_is_only_asked_for_where_nobody_waits(service: Instance) -> None:
    uuid = new_stream(service, "asked", events=(ROWS,))
    asked = tailsvc(service, "compact")
    assert (asked.returncode, asked.stdout) == (0, "")
    assert "--wait" in asked.stderr
    until(lambda: rows_of(service, uuid) == 0, "the worker's compaction")


def test_on_a_terminal_one_line_is_renewed_without_colour(service: Instance) -> None:
    ours, theirs = pty.openpty()
    command = [*COMMAND, "compact", "--wait", "--home", str(service.home.path)]
    env = environment({"NO_COLOR": "1", "TERM": "xterm"})
    with subprocess.Popen(command, env=env, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[2K" in shown
    assert b"Nothing is left to do." in shown
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]", shown)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1024)
    except OSError:  # nobody has the other end open any more
        return b""


def test_ctrl_c_ends_the_wait_and_not_the_work(service: Instance) -> None:
    uuid = new_stream(service, "left", events=(ROWS,))
    command = [*COMMAND, "compact", "--wait", "--home", str(service.home.path)]
    with subprocess.Popen(command, env=environment({}), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        with held_up(service, uuid):
            first = process.stderr.readline()  # it waits
            process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert (first + rest).endswith("\nNot waiting any longer; the worker goes on.\n")
    assert process.returncode == 130
    until(lambda: rows_of(service, uuid) == 0, "the worker's compaction")


def test_a_worker_that_does_not_answer_is_told(service: Instance) -> None:
    with stopped(service, "worker"):
        refused = tailsvc(service, "compact", "--wait")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("No worker answers, so nothing is compacted now.")
    assert "tailsvc doctor" in refused.stderr


def test_a_queue_that_is_away_is_told(service: Instance) -> None:
    refused = tailsvc(service, "compact", "--wait", env={"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Redis cannot be reached")


def test_the_table_is_aligned_and_whole_where_nobody_s_window_bounds_it(service: Instance) -> None:
    new_stream(service, "a name" + " that is long" * 12, events=(ROWS,))
    new_stream(service, "[red]\x1b[31m")
    call(service, "DELETE", f"/api/streams/{new_stream(service, 'gone', events=(ROWS,))}")
    told = tailsvc(service, "stats")
    lines = told.stdout.splitlines()
    names = {line.partition("  ")[0]: len(line) for line in lines if line.startswith("default/")}
    assert (told.returncode, told.stderr) == (0, "")
    assert set(names) >= {
        "default/a name" + " that is long" * 12,
        "default/[red]\\x1b[31m",
        "default/gone (deleted)",
        "default/first",
    }
    assert len(set(names.values())) == 1
    assert re.fullmatch(r"The log tables take [\d.]+ kB on the disk, .*: [\d,.]+ bytes for each event\.", lines[-1])


def test_numbers_for_programs_are_whole_and_complete(service: Instance) -> None:
    call(service, "DELETE", f"/api/streams/{new_stream(service, 'taken away', events=(ROWS,))}")
    told = json.loads(tailsvc(service, "stats", "--json", "--team", "default").stdout)
    streams = {each["name"]: each for each in told["streams"]}
    assert set(told) == {"bytes", "streams"}
    assert type(told["bytes"]) is int
    assert told["bytes"] > sum(each["bytes"] for each in streams.values()) > 0
    for each in streams.values():
        assert set(each) == {"team", "name", "uuid", "deleted", *NUMBERS}
        assert {type(each[name]) for name in NUMBERS} == {int}
    assert (streams["taken away"]["deleted"], streams["first"]["deleted"]) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--stream", "frst"], "there is no stream 'frst'. Did you mean first?"),
        (["check", "--stream", "4b0c0a2e-4d3b-4f43-8a52-000000000000"], "there is no stream '4b0c"),
        (["stats", "--team", "defalt"], "Did you mean default?"),
    ],
)
def test_a_name_that_nothing_has_exits_with_2(service: Instance, arguments: list[str], said: str) -> None:
    refused = tailsvc(service, *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in re.sub(r"[\s│]+", " ", refused.stderr)


def test_a_broken_segment_is_named_by_the_check_and_by_answers(service: Instance) -> None:
    """Behind the others of the file, since it breaks something."""
    uuid = new_stream(service, "broken", events=(BLOCK,))
    assert tailsvc(service, "compact", "--wait").returncode == 0
    with psycopg.connect(service.state.database_url) as connection:
        connection.execute(
            "UPDATE log_segment_part SET data = substring(data for 40)"
            " WHERE stream_id = (SELECT id FROM streams_stream WHERE uuid = %s)",
            [uuid],
        )
    found = tailsvc(service, "check")
    assert found.returncode == 1
    assert re.fullmatch(r"default/broken: Unreadable: segment \d+ \(ids 1 to 500\): .+\n", found.stdout)
    assert found.stderr.endswith("streams: 1 problem.\n")
    assert tailsvc(service, "check", "--stream", uuid).stdout == found.stdout
    missing = call(service, "GET", f"/api/streams/{uuid}/logs")["meta"]["incomplete"]
    assert "segment" in missing[0]
    assert "ids 1 to 500" in missing[0]


def test_an_export_that_meets_a_broken_segment_breaks_the_connection_and_can_be_gone_on_with(service: Instance) -> None:
    uuid = new_stream(service, "cut", events=(MORE_THAN_A_PAGE,))
    assert tailsvc(service, "compact", "--wait").returncode == 0
    ingest(service, uuid, BLOCK)
    assert tailsvc(service, "compact", "--wait").returncode == 0
    with psycopg.connect(service.state.database_url) as connection:
        connection.execute(
            "UPDATE log_segment_part SET data = overlay(data PLACING 'zzz'::bytea FROM length(data) - 2)"
            " WHERE part = 0 AND (stream_id, segment_id) = (SELECT stream_id, segment_id FROM log_segment"
            " WHERE stream_id = (SELECT id FROM streams_stream WHERE uuid = %s) AND first_id > 1)",
            [uuid],
        )
    lines, cuts, told = export(service, f"/api/streams/{uuid}/export")
    assert [json.loads(line)["id"] for line in lines] == [*range(1, MORE_THAN_A_PAGE + 1)]
    assert cuts >= 1  # of each process that did not know of it
    assert told == "1"


def export(service: Instance, path: str) -> tuple[list[bytes], int, str | None]:
    """As the documentation says: gone on with until it ends well. Its lines, how often it was cut, and what is told."""
    lines: list[bytes] = []
    params: dict[str, str] = {}
    for cuts in range(20):
        headers = {"Authorization": f"Bearer {service.home.secret('token')}"}
        request = urllib.request.Request(f"{service.address}{path}?{urlencode(params)}", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            try:
                lines += answer.read().splitlines()
            except IncompleteRead as error:
                lines += error.partial.splitlines(keepends=True)[: error.partial.count(b"\n")]
            else:
                return lines, cuts, answer.headers["X-Export-Incomplete"]
            last = json.loads(lines[-1])
            params = {"cursor": answer.headers["X-Export-Cursor"], "after": f"{last['timestamp']},{last['id']}"}
    raise AssertionError("cut again and again")
