"""`tailsvc ship`, `search` and `tail` as people run them: processes of their own against a whole service."""

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from config.runtime.ports import free_port
from tests.factories.accounts import unique
from tests.journeys.service import Service
from tests.journeys.shells import PATIENCE_SECONDS, Shell, Watched, forwarded, on_terminal
from tests.runtime.instances import until


@pytest.fixture
def shell(service: Service, tmp_path: Path) -> Shell:
    return Shell(service, tmp_path)


@pytest.fixture
def stream(service: Service) -> str:
    return service.new_stream(unique("stream")).name


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last))


def expected(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last)]


# ship


def test_lines_of_pipes_and_files_are_shipped(shell: Shell, tmp_path: Path) -> None:
    name = unique("stream")
    missing = shell.run("ship", name, text=b"a\n")
    assert (missing.returncode, f"no stream '{name}'" in missing.stderr) == (2, True)
    made = shell.run("ship", name, "--create", text=b'{"message": "one", "level": "error"}\r\n\ntwo')
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    assert f"Shipped 2 lines to {name} in 1 request" in made.stderr
    (tmp_path / "b").write_bytes(b"\xff\xfe\n" + "drei ß\n".encode())
    assert shell.run("ship", name, "--create", "-", str(tmp_path / "b"), text=b"plain\n").returncode == 0
    assert shell.messages(name) == ['{"message": "one", "level": "error"}', "two", "plain", "\ufffd\ufffd", "drei ß"]


def test_rejected_lines_are_named_by_their_number(shell: Shell, stream: str) -> None:
    old = json.dumps({"ts": "1999-01-01T00:00:00Z", "message": "old"}).encode()
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    mixed = shell.run("ship", stream, text=b"\ngood\n" + old + b"\n" + deep + b"\n")
    assert mixed.returncode == 1
    assert "stdin:4:" in mixed.stderr
    assert "refused" in mixed.stderr
    alone = shell.run("ship", stream, text=b"\n\n" + deep + b"\n")
    assert alone.returncode == 1
    assert "stdin:3:" in alone.stderr
    assert "Shipped 0 lines" in alone.stderr


def test_no_line_is_lost_or_doubled_while_the_web_server_is_killed(shell: Shell, stream: str) -> None:
    home = str(shell.service.instance.home.path)
    lines = 16_000
    with shell.start("ship", stream, "--home", home, stdin=subprocess.PIPE) as process:
        assert process.stdin
        for part in range(2):
            # The pipe takes no more than a few batches: when this returns, some are stored and one is on its way.
            process.stdin.write(numbered(part * lines // 2, (part + 1) * lines // 2))
            shell.kill_web()
        text = process.communicate(timeout=PATIENCE_SECONDS)[1].decode()
    assert process.returncode == 0
    assert "Trying again" in text
    assert f"Shipped {lines:,} lines" in text
    assert shell.messages(stream) == expected(0, lines)


def test_a_batch_is_given_up_in_the_end_and_said_to_be(shell: Shell, stream: str) -> None:
    """An address that leads to the service for the first questions, and to nothing for the batch."""
    with forwarded(shell.service.address) as (address, cut):
        env = {"TAILSVC_URL": address, "TAILSVC_TOKEN": shell.service.secret("token")}
        process = shell.start("ship", stream, "--retry-for", "1s", env=env, stdin=subprocess.PIPE)
        assert process.stdin
        process.stdin.write(numbered(0, 1000))  # a whole batch
        process.stdin.flush()
        until(lambda: len(shell.messages(stream)) == 1000, "the first batch to be stored")
        cut()
        out, err = process.communicate(numbered(1000, 1500), PATIENCE_SECONDS)
    assert (process.returncode, out) == (1, b"")
    said = " ".join(err.decode().split())
    assert "1,000 lines had been shipped before" in said
    assert "Lines 1001 to 1500 of stdin were on their way" in said
    assert env["TAILSVC_TOKEN"] not in said


def test_ctrl_c_sends_what_was_read_and_ends(shell: Shell, stream: str) -> None:
    home = str(shell.service.instance.home.path)
    process = shell.start("ship", stream, "--home", home, stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(numbered(0, 1500) + b"unfinish")
    process.stdin.flush()
    until(lambda: len(shell.messages(stream)) == 1500, "what was read to be shipped")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 130
    assert b"Shipped 1,500 lines" in process.communicate()[1]


def test_ctrl_c_again_gives_up_and_says_what_is_unknown(shell: Shell, stream: str) -> None:
    with forwarded(shell.service.address) as (address, cut):
        env = {"TAILSVC_URL": address, "TAILSVC_TOKEN": shell.service.secret("token")}
        ship = Watched(shell, "ship", stream, env=env, stdin=subprocess.PIPE)
        assert ship.process.stdin
        with ship.process.stdin as pipe:
            pipe.write(numbered(0, 1000))
            pipe.flush()
            until(lambda: len(shell.messages(stream)) == 1000, "the first batch to be stored")
            cut()
            pipe.write(numbered(1000, 2000))
            pipe.flush()
            until(lambda: ship.says("Trying again"), "the next to be sent in vain")
            ship.process.send_signal(signal.SIGINT)
            until(lambda: ship.says("Ctrl-C again"), "the first Ctrl-C to be taken")
            ship.process.send_signal(signal.SIGINT)
            assert ship.end() == 130, ship.said
    said = " ".join(" ".join(ship.said).split())
    assert "Lines 1001 to 2000 of stdin were on their way: it is unknown whether they were stored." in said


def test_a_token_that_may_not_ship_is_told_so(shell: Shell, stream: str) -> None:
    home = {"TAILSVC_HOME": str(shell.service.instance.home.path)}
    made = shell.run("token", "create", "--team", "default", "--ability", "streams:read", at=(), env=home)
    env = {"TAILSVC_URL": shell.service.address, "TAILSVC_TOKEN": made.stdout.strip()}
    refused = shell.run("ship", stream, text=b"a\n", at=(), env=env)
    assert refused.returncode == 1
    assert "streams:issue-token" in refused.stderr


# search


@pytest.fixture
def searched(shell: Shell, stream: str) -> str:
    now = datetime.now(UTC)
    lines = [
        {"ts": now - timedelta(hours=2), "level": "error", "message": "Timeout of \x1b[31mdb", "status": 503},
        {"ts": now - timedelta(minutes=30), "level": "info", "message": "fine", "status": 200},
        {"ts": now - timedelta(minutes=1), "level": "warn", "message": "slow timeout", "status": 200},
    ]
    text = "\n".join(json.dumps(line, default=lambda at: at.isoformat()) for line in lines)
    assert shell.run("ship", stream, text=text.encode()).returncode == 0
    return stream


def test_a_search_prints_what_it_finds(shell: Shell, searched: str) -> None:
    found = shell.ask("search", searched, "timeout")
    assert (found.returncode, found.stderr) == (0, "")
    newest, oldest = found.stdout.splitlines()
    assert newest.endswith("WARN  slow timeout status=200")
    assert oldest.endswith("ERROR Timeout of \\x1b[31mdb status=503")
    assert shell.ask("search", searched, "timeout", "--oldest-first").stdout.splitlines() == [oldest, newest]
    assert shell.ask("search", searched, "timeout", "--limit", "1").stdout.splitlines() == [newest]
    assert shell.ask("search", searched, "timeout", "--since", "1h").stdout.splitlines() == [newest]
    assert shell.ask("search", searched, "timeout", "--until", "1h").stdout.splitlines() == [oldest]
    assert shell.ask("search", searched, "status:5xx OR level:error").stdout.splitlines() == [oldest]
    assert shell.ask("search", searched, "--", "-timeout -level:debug").stdout.count("\n") == 1
    assert shell.ask("search", searched, "nowhere").stdout == ""


def test_a_search_for_programs_gives_the_api_s_events(shell: Shell, searched: str) -> None:
    found = shell.ask("search", searched, "level:error", "--json")
    (event,) = map(json.loads, found.stdout.splitlines())
    with shell.service.api() as api:
        uuid = shell.summary(searched)["uuid"]
        assert event == api.get(f"/api/streams/{uuid}/logs/{event['id']}").json()["data"]
    assert event["fields"]["message"] == "Timeout of \x1b[31mdb"


def test_on_a_terminal_levels_have_colours_and_words_are_marked(shell: Shell, searched: str) -> None:
    shown = on_terminal(shell, "search", searched, "level:error timeout")
    assert "\x1b[31mERROR\x1b[0m" in shown
    assert "\x1b[1;4mTimeout\x1b[0m of \\x1b[31mdb" in shown
    assert "\x1b" not in on_terminal(shell, "search", searched, "level:error timeout", NO_COLOR="1")


def test_a_bad_query_is_shown_in_its_place(shell: Shell, searched: str) -> None:
    refused = shell.ask("search", searched, 'ß "a b" stauts:500')
    assert (refused.returncode, refused.stdout) == (2, "")
    query, caret, told = refused.stderr.splitlines()
    assert query.index("stauts") == caret.index("^")
    assert "Did you mean status?" in told
    window = shell.ask("search", searched, "--since", "1h", "--until", "2h")
    assert (window.returncode, "before start_time" in window.stderr) == (2, True)


def test_streams_are_found_by_name_slug_and_uuid(shell: Shell, searched: str) -> None:
    found = shell.summary(searched)
    for address in (found["name"], found["slug"], found["uuid"]):
        assert shell.ask("search", address).stdout.count("\n") == 3
    wrong = shell.ask("search", searched + "x")
    assert (wrong.returncode, searched in wrong.stderr) == (2, True)


def test_a_token_that_is_refused_is_not_shown(shell: Shell, searched: str) -> None:
    env = {"TAILSVC_URL": shell.service.address, "TAILSVC_TOKEN": "tsp_wrong_and_secret"}
    refused = shell.run("search", searched, at=(), env=env)
    assert (refused.returncode, "refuses the token" in refused.stderr) == (1, True)
    assert "secret" not in refused.stderr + refused.stdout


def test_a_service_that_is_away_is_told_so(shell: Shell, searched: str) -> None:
    env = {"TAILSVC_URL": f"http://127.0.0.1:{free_port()}", "TAILSVC_TOKEN": "tsp_x"}
    away = shell.run("search", searched, at=(), env=env)
    assert (away.returncode, "does not answer: Connection refused" in away.stderr) == (1, True)


def test_who_asks_too_often_is_told_when_to_come_back(shell: Shell) -> None:
    home = {"TAILSVC_HOME": str(shell.service.instance.home.path)}
    abilities = [f"--ability=streams:{may}" for may in ("create", "read", "issue-token")]
    made = shell.run("token", "create", f"--team={unique('team')}", "--plan=free", *abilities, at=(), env=home)
    env = {"TAILSVC_URL": shell.service.address, "TAILSVC_TOKEN": made.stdout.strip()}
    assert shell.run("ship", "web", "--create", text=b"a\n", at=(), env=env).returncode == 0
    authorization = {"Authorization": f"Bearer {env['TAILSVC_TOKEN']}"}
    with httpx.Client(base_url=shell.service.address, headers=authorization) as api:

        def refused() -> bool:
            """A search when the rate is spent; by the time that it asks, the next minute may have begun."""
            until(lambda: api.get("/api/streams/web/logs").status_code == 429, "the rate to be spent")
            search = shell.run("search", "web", at=(), env=env)
            return (search.returncode, search.stdout, "Try again in" in search.stderr) == (1, "", True)

        until(refused, "the search to be refused", seconds=20)


def test_who_has_seen_enough_ends_it_quietly(shell: Shell, stream: str) -> None:
    assert shell.run("ship", stream, text=numbered(0, 5000)).returncode == 0
    home = str(shell.service.instance.home.path)
    process = shell.start("search", stream, "--limit", "5000", "--home", home)
    assert process.stdout
    assert process.stdout.readline().endswith(b"line 4999\n")
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE_SECONDS) == 141


# tail


def test_a_tail_prints_the_newest_and_ends(shell: Shell, stream: str) -> None:
    assert shell.run("ship", stream, text=numbered(0, 30)).returncode == 0
    assert raws(shell.ask("tail", stream, "--json")) == expected(20, 30)
    assert raws(shell.ask("tail", stream, "--json", "-n", "3", "-q", '"line 1"')) == expected(17, 20)
    assert raws(shell.ask("tail", stream, "--json", "--since", "1h")) == expected(0, 30)
    assert shell.ask("tail", stream, "-n", "1").stdout.endswith(" line 29\n")
    bad = shell.ask("tail", stream, "-q", "(a")
    assert (bad.returncode, "column 3" in bad.stderr) == (2, True)


def raws(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["raw_message"] for line in done.stdout.splitlines()]


def test_a_tail_misses_and_doubles_nothing_while_the_web_server_is_killed(shell: Shell, stream: str) -> None:
    assert shell.run("ship", stream, text=numbered(0, 10)).returncode == 0
    tail = following(shell, stream, "-n", "5", "--json", "-q", "line")
    try:
        until(lambda: len(tail.lines) >= 5, "the lines before")
        assert shell.run("ship", stream, text=numbered(10, 15)).returncode == 0
        shell.kill_web()
        until(shell.web_answers, "the web server to be back")
        assert shell.run("ship", stream, text=numbered(15, 20)).returncode == 0
        until(lambda: len(tail.lines) >= 15, "all lines")
        with shell.service.api() as api:
            assert api.delete(f"/api/streams/{shell.summary(stream)['uuid']}").status_code == 204
        assert tail.end() == 1
    finally:
        tail.process.kill()
        tail.end()
    assert [json.loads(line)["raw_message"] for line in tail.lines] == expected(5, 20)
    said = "\n".join(tail.said)
    assert said.count("Connected again") == 1
    assert "The stream was deleted." in said


def following(shell: Shell, *arguments: str) -> Watched:
    return Watched(shell, "tail", "-f", "--home", str(shell.service.instance.home.path), *arguments)


def test_ctrl_c_ends_a_tail(shell: Shell, stream: str) -> None:
    assert shell.run("ship", stream, text=numbered(0, 1)).returncode == 0
    tail = following(shell, stream)
    until(lambda: tail.lines, "the line before")
    tail.process.send_signal(signal.SIGINT)
    assert (tail.end(), tail.said) == (130, [])
