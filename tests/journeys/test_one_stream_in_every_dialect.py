"""syslog-ng ships a web server's log; four dialects follow the stream at once, and each ends in its own way."""

import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.clients import client_python
from tests.journeys.programs import Nginx, running_nginx, running_syslog_ng, stop
from tests.journeys.service import Service, Stream
from tests.npm import npm_program
from tests.rpc import SERVICE
from tests.servers import reachable_folder

FELDERA_PROGRAM = Path(__file__).with_name("feldera_program.py")
NAME = "every-dialect"
VISITS = 40
PATIENCE_SECONDS = 60


@pytest.fixture
def nginx() -> Iterator[Nginx]:
    with reachable_folder() as folder, running_nginx(folder, statuses=(200, 404, 500)) as running:
        yield running


class Program:
    """A client that runs until its stream ends; `line_of` finds the shipped line in one of its own, or None."""

    def __init__(self, command: Sequence[str | Path], line_of: Callable[[str], str | None], **env: str) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env or None
        )
        self.told: list[str] = []
        self._line_of = line_of
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for text in self.process.stdout:
            self.told.append(text.rstrip("\n"))
            line = self._line_of(text)
            if line is not None:
                self._lines.put(line)

    def lines(self, count: int) -> list[str]:
        try:
            return [self._lines.get(timeout=PATIENCE_SECONDS) for _ in range(count)]
        except queue.Empty:
            raise AssertionError(f"{self.process.args} said {self.told[-20:]}") from None

    def ended(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def of_sse(text: str) -> str | None:
    return json.loads(text.removeprefix("data: "))["raw_message"] if text.startswith('data: {"id"') else None


def of_feldera(text: str) -> str | None:
    line: str = json.loads(text).get("line", "[manager]")
    return None if line.startswith("[manager]") or line == "Logs have ended" else line


def of_ignite(text: str) -> str | None:
    line: str | None = json.loads(text).get("line")
    return line


class _Objects:
    """buf prints an object over several lines."""

    def __init__(self) -> None:
        self._text = ""

    def __call__(self, text: str) -> str | None:
        self._text += text
        try:
            line: str = json.loads(self._text)["line"]
        except ValueError:
            return None
        self._text = ""
        return line


def followers(service: Service, stream: Stream) -> dict[str, Program]:
    token = service.secret("token")
    authorization = f"Authorization: Bearer {token}"
    curl = ["curl", "-sS", "-N", "-H", authorization]
    buf = [npm_program("@bufbuild/buf", "1.75.0", "buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge"]
    request = json.dumps({"organization_name": "default", "app_name": NAME, "from_start": True})
    grpc = f"http://127.0.0.1:{service.grpc_port}/{SERVICE}/StreamAppLogs"
    ignite = f"{service.address}/v1/ignite/app/default/{NAME}/logs/stream?fromStart=true"
    return {
        "sse": Program([*curl, f"{service.address}/api/streams/{stream.uuid}/tail?since=0"], of_sse),
        "ignite": Program([*curl, ignite], of_ignite),
        "grpc": Program([*buf, "-d", request, "-H", authorization, grpc], _Objects()),
        "feldera": Program(
            [client_python(), FELDERA_PROGRAM, "logs", NAME],
            of_feldera,
            FELDERA_HOST=service.address,
            FELDERA_API_KEY=token,
        ),
    }


def visit(nginx: Nginx, numbers: range) -> None:
    with httpx.Client(base_url=nginx.address) as browser:
        for number in numbers:
            browser.get(f"/{(200, 404, 500)[number % 3]}/page-{number}", headers={"User-Agent": f"browser/{number}"})


def test_all_see_the_same_lines_in_the_same_order_and_each_its_end(
    service: Service, nginx: Nginx, tmp_path: Path
) -> None:
    stream = service.new_stream(NAME)
    with ExitStack() as running:
        programs = followers(service, stream)
        for program in programs.values():
            running.callback(program.close)
        with running_syslog_ng(
            tmp_path, log=nginx.access_log, url=stream.ingest_url, token=stream.ingest_token
        ) as shipper:
            visit(nginx, range(VISITS))
            seen = {name: program.lines(VISITS) for name, program in programs.items()}
            stop(shipper)
        assert sorted(seen["sse"]) == sorted(nginx.logged())
        assert [name for name, lines in seen.items() if lines != seen["sse"]] == []
        with service.api() as api:
            assert api.delete(f"/api/streams/{stream.uuid}").status_code == 204
        codes = {name: program.ended() for name, program in programs.items()}
    assert '"reason":"stream_deleted"' in programs["sse"].told[-2]
    assert json.loads(programs["feldera"].told[-2])["line"] == "Logs have ended"
    assert json.loads(programs["ignite"].told[-1])["error"]["code"] == 5
    assert codes == {"sse": 0, "ignite": 0, "feldera": 0, "grpc": 5 << 3}
