"""The Tailstream agent and client, call by call as their sources make them, from log-in to the last page."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import httpx
import pytest

from tests.journeys.service import Service, every_event

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
FILE = "/var/log/app/production.log"
Clause = dict[str, object]


class TailstreamProgram:
    """What both programs do: log in by device code, then send the access token with each call."""

    client_id: str
    scope: str
    timeout_seconds: float

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, headers=GO, timeout=self.timeout_seconds)

    def begin_log_in(self) -> dict[str, object]:
        answer = self.http.post("/api/oauth/device/code", data={"client_id": self.client_id, "scope": self.scope})
        assert answer.status_code == 200
        codes = answer.json()
        for name in ("device_code", "user_code", "verification_uri", "verification_uri_complete"):
            assert isinstance(codes[name], str), name
        assert codes["expires_in"] >= 60
        assert 0 < codes["interval"] <= 10
        self._device_code = codes["device_code"]
        return codes

    def poll(self) -> str:
        """The `error`, or "" with the token taken. The status is ignored, as they do."""
        form = {"grant_type": GRANT_TYPE, "device_code": self._device_code, "client_id": self.client_id}
        told = self.http.post("/api/oauth/device/token", data=form).json()
        if error := told.get("error", ""):
            return error
        assert told["expires_in"] > 0
        assert told["scope"] == self.scope
        self.http.headers["Authorization"] = f"Bearer {told['access_token']}"
        return ""

    def streams(self) -> list[dict[str, object]]:
        answer = self.http.get("/api/user/streams")
        assert answer.status_code == 200
        streams: list[dict[str, object]] = answer.json()["streams"]
        return streams


class Agent(TailstreamProgram):
    client_id = "tailstream-agent"
    scope = "stream:read stream:write stream:create"
    timeout_seconds = 10

    def may_create_streams(self) -> bool:
        answer = self.http.get("/api/user/plan")
        assert answer.status_code == 200
        plan = answer.json()
        assert isinstance(plan["plan_name"], str)
        assert isinstance(plan["limits"]["max_streams"], int | None)
        assert isinstance(plan["current_usage"]["streams"], int)
        return bool(plan["permissions"]["can_create_streams"])

    def set_up_stream(self, name: str) -> str:
        """The id of a new stream, whose ingest token is kept."""
        made = self.http.post("/api/streams", json={"name": name})
        assert made.status_code == 201
        stream_id = made.json()["stream_id"]
        read = self.http.get(f"/api/streams/{stream_id}")
        assert read.status_code == 200
        assert (read.json()["name"], read.json()["stream_id"]) == (name, stream_id)
        self._key = read.json()["ingest"]["token"]
        assert isinstance(stream_id, str)
        return stream_id

    def ship(self, stream_id: str, lines: Sequence[object]) -> dict[str, object]:
        """One attempt; whatever fails is lost."""
        headers = {**GO, "Authorization": f"Bearer {self._key}", "Content-Type": "application/x-ndjson"}
        body = "".join(json.dumps(line) + "\n" for line in lines)
        answer = httpx.post(
            self.http.base_url.join(f"/api/ingest/{stream_id}"),
            content=body.encode(),
            headers=headers,
            timeout=self.timeout_seconds,
        )
        assert answer.status_code < 300, answer.text
        told: dict[str, object] = answer.json()
        return told


class Client(TailstreamProgram):
    client_id = "tailstream-client"
    scope = "stream:read"
    timeout_seconds = 15

    def pages(self, stream: str, *, start: int, end: int, clauses: Sequence[Clause] = (), direction: str = "desc"):  # type: ignore[no-untyped-def]
        """Page after page, all parameters repeated unchanged."""
        params = {"start_time": str(start), "end_time": str(end), "limit": "200", "direction": direction}
        if clauses:
            params["filters"] = json.dumps(clauses)
        while True:
            answer = self.http.get(f"/api/streams/{stream}/logs", params=params, headers={"Accept": "application/json"})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert isinstance(page["meta"]["total"], int | None)
            yield page["data"]
            if not page["meta"]["has_more"]:
                assert page["meta"]["next_cursor"] is None
                assert page["links"]["next"] is None
                return
            assert page["links"]["next"].startswith(str(self.http.base_url).rstrip("/"))
            params["cursor"] = page["meta"]["next_cursor"]


@pytest.fixture(scope="module")
def browser(service: Service) -> Iterator[httpx.Client]:
    """A person who has logged in on the log-in page."""
    with httpx.Client(base_url=service.address, follow_redirects=True) as browser:
        page = browser.get("/device")
        assert page.url.path == "/login"
        fields = {"username": "admin@localhost", "password": service.secret("admin-password"), "next": "/device"}
        landed = browser.post("/login", data={**fields, "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken")})
        assert (landed.status_code, landed.url.path) == (200, "/device")
        yield browser


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def confirm(browser: httpx.Client, address: str, decision: str = "approve") -> str:
    """Follow the address that the program shows, choose the team, decide; the heading of the page that comes."""
    page = browser.get(address)
    teams = re.findall(r'<option value="(\d+)"', page.text)
    fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "user_code")}
    done = browser.post("/device", data={**fields, "team": teams[0], "decision": decision})
    assert done.status_code == 200, done.text
    heading = re.search("<h1>(.*)</h1>", done.text)
    assert heading
    return heading[1]


def log_in(program: TailstreamProgram, browser: httpx.Client) -> None:
    codes = program.begin_log_in()
    assert program.poll() == "authorization_pending"
    assert confirm(browser, str(codes["verification_uri_complete"])) == "Connected"
    assert program.poll() == ""


@pytest.fixture(scope="module")
def agent(service: Service, browser: httpx.Client) -> Iterator[Agent]:
    agent = Agent(service.address)
    with closing(agent.http):
        log_in(agent, browser)
        yield agent


@pytest.fixture(scope="module")
def client(service: Service, browser: httpx.Client) -> Iterator[Client]:
    client = Client(service.address)
    with closing(client.http):
        log_in(client, browser)
        yield client


def test_a_log_in_that_is_denied_ends(service: Service, browser: httpx.Client) -> None:
    agent = Agent(service.address)
    with closing(agent.http):
        codes = agent.begin_log_in()
        assert confirm(browser, str(codes["verification_uri_complete"]), "deny") == "Denied"
        assert agent.poll() == "access_denied"


def test_the_agent_sets_up_a_stream_and_ships_what_it_reads(service: Service, agent: Agent) -> None:
    assert agent.may_create_streams()
    stream_id = agent.set_up_stream("Agent's stream")
    assert {"stream_id": stream_id, "name": "Agent's stream"}.items() <= by_id(agent.streams())[stream_id].items()

    lines = [f"[2026-01-01 12:00:00] production.ERROR: number {n}" if n % 4 else "" for n in range(121)]
    for batch in (lines[:100], lines[100:]):
        wrapped = [{"log": line, "filename": FILE} for line in batch]
        assert agent.ship(stream_id, wrapped)["accepted"] == len(batch)

    with service.api() as api:
        stored = sorted(every_event(api, stream_id), key=lambda event: event["id"])
    assert [event["raw_message"] for event in stored] == lines
    assert {event["fields"]["filename"] for event in stored} == {FILE}
    assert {event["fields"].get("level") for event in stored if event["raw_message"]} == {"ERROR"}


def test_older_agents_mix_their_forms_of_lines_in_one_batch(service: Service, agent: Agent) -> None:
    stream_id = agent.set_up_stream("Older agent's stream")
    mixed: list[object] = [
        {"log": "wrapped", "filename": FILE},
        "bare",
        {"host": "web-1", "path": "/flat", "method": "GET", "status": 200, "rt": 0.047, "bytes": 12, "src": "web"},
    ]
    assert agent.ship(stream_id, mixed) == {"accepted": 3, "rejected": 0, "duplicates": 0, "errors": []}
    with service.api() as api:
        stored = sorted(every_event(api, stream_id), key=lambda event: event["id"])
    assert [event["raw_message"] for event in stored[:2]] == ["wrapped", "bare"]
    assert {"path": "/flat", "status": 200, "response_time_ms": 47.0}.items() <= stored[2]["fields"].items()


def test_the_client_pages_through_a_window_while_more_arrives(agent: Agent, client: Client) -> None:
    stream_id = agent.set_up_stream("Client's stream")
    start = time.time_ns() // 1_000_000 - 1000
    shipped = 0
    while shipped < 400:
        shipped += ship_hundred(agent, stream_id, shipped)
    end = time.time_ns() // 1_000_000 + 60_000

    assert stream_id in by_id(client.streams())
    for direction in ("asc", "desc"):
        seen, there = [], shipped
        for page in client.pages(stream_id, start=start, end=end, direction=direction):
            seen += [int(event["attributes"]["number"]) for event in page]
            shipped += ship_hundred(agent, stream_id, shipped)
        assert sorted(seen) == list(range(there))

    wanted = [{"field": "level", "operator": "in", "value": ["ERROR", "WARN"]}, {"field": "q", "value": "HELLO"}]
    pages = list(client.pages(stream_id, start=start, end=end, clauses=wanted))
    assert [len(page) for page in pages[:-1]] == [200] * (len(pages) - 1)
    assert sum(map(len, pages)) == sum(n % 3 > 0 for n in range(shipped))
    assert {event["fields"]["level"] for page in pages for event in page} == {"ERROR", "WARN"}


def ship_hundred(agent: Agent, stream_id: str, first: int) -> int:
    levels = ("INFO", "ERROR", "WARN")
    lines = [f"level={levels[n % 3]} number={n} msg=hello" for n in range(first, first + 100)]
    agent.ship(stream_id, [{"log": line, "filename": FILE} for line in lines])
    return len(lines)


def by_id(streams: Sequence[dict[str, object]]) -> dict[object, dict[str, object]]:
    return {stream["stream_id"]: stream for stream in streams}
