"""GET /api/streams/{stream}/export, through the whole ASGI application: the test client would read ahead."""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import orjson
import pytest

from apps.engine import store
from apps.query import exports
from apps.tail import following
from apps.tail.ends import RightsEnded
from tailsvc import limits
from tailsvc.errors import StorageUnavailable
from tailsvc.events import Event
from tailsvc.queries import Page, Scan
from tailsvc.storage.base import StreamRef
from tests.api.query.asking import address, clause
from tests.asgi import Answer, Asgi, forget_the_loop
from tests.factories.accounts import revoke
from tests.factories.streams import World, lines, make_stream, make_world, now_micros

pytestmark = pytest.mark.contract
HOUR = 3_600_000_000
EVENTS = 5_000


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def now() -> int:
    return now_micros()


def export(asgi: Asgi, world: World, *, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
    return asgi.get(address(world, "export", **params), token=world.token, headers=headers)


def events(answer: Answer) -> list[Any]:
    assert answer.status == 200, answer.body
    return [orjson.loads(line) for line in answer.body.splitlines()]


def messages(answer: Answer) -> list[str]:
    return [event["raw_message"] for event in events(answer)]


async def hang_up_at_the_first_part(path: str, world: World) -> None:
    """Takes nothing more once the first lines came, and then is gone."""
    from config.asgi import application

    asked, gone = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not asked.is_set():
            asked.set()
            return {"type": "http.request"}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body"):
            gone.set()
            await asyncio.Event().wait()

    await application(scope_of(path, world), receive, send)


async def read_slowly(path: str, world: World, read: list[bytes], *, then: Callable[[], None]) -> None:
    """A part at a time, which are kept in `read`; behind the first, `then` is done."""
    from config.asgi import application

    asked = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if asked.is_set():
            await asyncio.Event().wait()
        asked.set()
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body"):
            if not read:
                await asyncio.to_thread(then)
            read.append(message["body"])
            await asyncio.sleep(0.02)  # as slow as the client is

    await application(scope_of(path, world), receive, send)


def scope_of(path: str, world: World) -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {world.token}".encode())]
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}


def place(event: Any) -> str:
    return f"{event['timestamp']},{event['id']}"


class Scans:
    """Stands before the store: remembers the scans, and fails from the nth on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails_from: int | None = None, incomplete: bool = False):
        self.seen: list[Scan] = []
        self._real, self._fails_from, self._incomplete = store().scan, fails_from, incomplete
        monkeypatch.setattr(store(), "scan", self._scan)

    def _scan(self, stream: StreamRef, scan: Scan) -> Page:
        self.seen.append(scan)
        if self._fails_from is not None and len(self.seen) >= self._fails_from:
            raise StorageUnavailable("The database does not answer.")
        page = self._real(stream, scan)
        lost = ("segment 7", "segment 9") if self._incomplete else ()
        return Page(page.events, page.has_more, page.head, lost)


# What is sent


def test_each_line_is_an_event_as_a_query_shows_it(asgi: Asgi, world: World, now: int) -> None:
    world.append([Event(now - HOUR, b"GET /x", "INFO", "GET", "/x", status=200), Event(now, b"a\xff\nb")])
    answer = export(asgi, world)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body.endswith(b"}\n")
    page = asgi.get(address(world, "logs", direction="asc"), token=world.token).json()
    assert events(answer) == page["data"]


def test_nothing_is_an_empty_body(asgi: Asgi, world: World) -> None:
    answer = export(asgi, world)
    assert (answer.status, answer.body) == (200, b"")
    assert "x-export-cursor" in answer.headers


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_large_events_make_short_pages_and_none_is_lost(
    asgi: Asgi, world: World, now: int, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_BYTES", 20)
    world.append(lines(60, start=now - HOUR, step=0))
    scans = Scans(monkeypatch)
    found = messages(export(asgi, world, direction=direction))
    assert found == [f"line {nth}" for nth in range(60)][:: -1 if direction == "desc" else 1]
    assert len(scans.seen) > 15


@pytest.mark.parametrize("direction", [None, "asc", "desc"])
def test_there_is_no_ceiling(asgi: Asgi, world: World, now: int, direction: str | None) -> None:
    world.append(lines(EVENTS, start=now - HOUR, step=0))
    found = messages(export(asgi, world, **({"direction": direction} if direction else {})))
    expected = [f"line {nth}" for nth in range(EVENTS)]
    assert found == (expected[::-1] if direction == "desc" else expected)


def test_window_and_filters_are_those_of_the_query(asgi: Asgi, world: World, now: int) -> None:
    at = (now - HOUR) // 1000 * 1000
    world.append([Event(at - 1, b"a"), Event(at, b"b", "INFO"), Event(at + 999, b"c"), Event(at + 1000, b"d")])
    window = {"start_time": at // 1000, "end_time": at // 1000}
    assert messages(export(asgi, world, **window)) == ["b", "c"]
    assert messages(export(asgi, world, **window, filters=[clause("level", "INFO")])) == ["b"]
    assert messages(export(asgi, world, filters=[clause("colour", "red")])) == ["a", "b", "c", "d"]


def test_what_is_behind_retention_is_not_sent(asgi: Asgi, world: World, now: int) -> None:
    stream, _ = make_stream(world.team, retention_hours=1)
    short = World(world.team, world.token, stream, "")
    short.append([Event(now - 2 * HOUR, b"hidden"), Event(now, b"seen")])
    assert messages(export(asgi, short)) == ["seen"]


@pytest.mark.parametrize("accept", ["*/*", "application/x-ndjson", "application/json", "text/html, */*;q=0.1"])
def test_usual_clients_are_answered(asgi: Asgi, world: World, now: int, accept: str) -> None:
    world.append(lines(1, start=now))
    answer = export(asgi, world, headers={"accept": accept})
    assert (len(events(answer)), answer.headers["content-type"]) == (1, "application/x-ndjson")
    refused = export(asgi, world, headers={"accept": accept}, start_time="x")
    assert (refused.status, refused.headers["content-type"]) == (422, "application/problem+json")


def test_head_tells_the_headers_and_reads_one_page(
    asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.append(lines(EVENTS, start=now - HOUR))
    scans = Scans(monkeypatch)
    answer = asgi.request("HEAD", address(world, "export"), token=world.token)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["x-export-cursor"]
    assert len(scans.seen) == 1


def test_it_counts_against_the_token_s_rate(asgi: Asgi, database: None) -> None:
    assert export(asgi, make_world("free")).headers["ratelimit"].startswith('"logs";r=')


# What is refused


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"start_time": "-1"}, "start_time"),
        ({"start_time": "2", "end_time": "1"}, "end_time"),
        ({"direction": "sideways"}, "direction"),
        ({"filters": [{"field": "status", "value": "abc"}]}, "filters"),
        ({"filters": [{"field": "colour", "value": "red"}], "strict": "1"}, "filters"),
        ({"after": "5"}, "after"),
        ({"after": "2026-01-01T00:00:00Z"}, "after"),
        ({"after": "yesterday,5"}, "after"),
        ({"after": "2026-01-01T00:00:00Z,five"}, "after"),
        ({"after": "2026-01-01T00:00:00Z,5,6"}, "after"),
        ({"after": "9999-01-01T00:00:00Z,5"}, "after"),
        ({"after": "2026-01-01T00:00:00Z," + "9" * 30}, "after"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(asgi: Asgi, world: World, params: dict[str, Any], field: str) -> None:
    answer = export(asgi, world, **params)
    assert answer.status == 422, answer.body
    assert list(answer.json()["errors"]) == [field]


def test_who_may_not_and_what_is_not_there(asgi: Asgi, world: World, database: None) -> None:
    assert asgi.get(address(world, "export")).status == 401
    assert asgi.get(address(world, "export"), token=make_world().token).status == 404


def test_a_database_that_is_away_is_told_before_the_first_line(
    asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.append(lines(1, start=now))
    Scans(monkeypatch, fails_from=1)
    assert export(asgi, world).status == 503


# Going on


def test_a_broken_export_goes_on_behind_its_last_line(asgi: Asgi, world: World, now: int) -> None:
    world.append(lines(EVENTS, start=now - HOUR, step=0, level="INFO"))
    params = {"start_time": (now - 2 * HOUR) // 1000, "filters": [clause("level", "INFO")]}
    whole = export(asgi, world, **params)
    arrived = events(whole)[:1234]
    world.append(lines(3, start=now - HOUR // 2, level="INFO"))  # none of its business
    rest = export(asgi, world, cursor=whole.headers["x-export-cursor"], after=place(arrived[-1]))
    assert arrived + events(rest) == events(whole)
    again = export(asgi, world, cursor=rest.headers["x-export-cursor"], after=place(events(rest)[9]))
    assert events(again) == events(rest)[10:]
    assert events(export(asgi, world, cursor=rest.headers["x-export-cursor"])) == events(rest)


def test_newest_first_goes_on_too(asgi: Asgi, world: World, now: int) -> None:
    world.append(lines(1000, start=now - HOUR))
    whole = export(asgi, world, direction="desc")
    rest = export(asgi, world, cursor=whole.headers["x-export-cursor"], after=place(events(whole)[699]))
    assert events(rest) == events(whole)[700:]


def test_the_last_line_leads_on_without_a_cursor(asgi: Asgi, world: World, now: int) -> None:
    world.append(lines(10, start=now - HOUR))
    whole = events(export(asgi, world))
    assert events(export(asgi, world, after=place(whole[3]))) == whole[4:]
    assert events(export(asgi, world, after=place(whole[9]))) == []


def test_a_cursor_of_a_page_leads_on_as_well(asgi: Asgi, world: World, now: int) -> None:
    world.append(lines(10, start=now - HOUR))
    page = asgi.get(address(world, "logs", limit=4), token=world.token).json()
    assert messages(export(asgi, world, cursor=page["meta"]["next_cursor"])) == [f"line {n}" for n in range(5, -1, -1)]


def test_a_cursor_belongs_to_its_question(asgi: Asgi, world: World, now: int) -> None:
    world.append(lines(3, start=now - HOUR))
    cursor = export(asgi, world, end_time=now // 1000).headers["x-export-cursor"]
    assert len(events(export(asgi, world, cursor=cursor, end_time=now // 1000, direction="asc"))) == 3
    assert export(asgi, world, cursor=cursor, end_time=now // 1000 + 1).status == 422
    assert export(asgi, world, cursor=cursor, direction="desc").status == 422
    assert export(asgi, world, cursor=cursor[:-2] + "AA").status == 400
    assert export(asgi, make_world(), cursor=cursor).status == 400


def test_retention_may_pass_a_cursor(asgi: Asgi, world: World, now: int) -> None:
    stream, _ = make_stream(world.team, retention_hours=1)
    short = World(world.team, world.token, stream, "")
    short.append([Event(now - 2 * HOUR, b"gone"), Event(now, b"kept")])
    gone = {"timestamp": "2026-01-01T00:00:00Z", "id": 1}
    assert messages(export(asgi, short, after=place(gone))) == ["kept"]


# How it is sent


def test_a_page_at_a_time_bounded_by_what_had_arrived(
    asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.append(lines(EVENTS, start=now - HOUR))
    scans = Scans(monkeypatch)
    assert len(events(export(asgi, world))) == EVENTS
    assert {scan.selection.as_of for scan in scans.seen} == {EVENTS}
    assert max(scan.limit for scan in scans.seen) == exports.PAGE_EVENTS
    assert len(scans.seen) == 1 + 3  # of 500, then of 2,000


def test_long_lines_make_small_pages(asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE_BYTES", 10_000)
    world.append([Event(now - HOUR + nth, b"x" * 3_000) for nth in range(510)])
    scans = Scans(monkeypatch)
    assert len(events(export(asgi, world))) == 510
    assert [scan.limit for scan in scans.seen] == [exports.FIRST_PAGE_EVENTS, 3, 3, 3, 3]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Django leaves the request's empty body open then
def test_an_error_on_the_way_breaks_the_connection(
    asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cuts a connection whose application fails; a clean end would look like the whole."""
    world.append(lines(EVENTS, start=now - HOUR))
    Scans(monkeypatch, fails_from=3)
    with pytest.raises(StorageUnavailable):
        export(asgi, world)
    forget_the_loop()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # as above
def test_a_revoked_token_breaks_it_off(asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE_BYTES", 10_000)
    monkeypatch.setattr(following, "STANDING_SECONDS", 0.05)
    world.append(lines(EVENTS, start=now - HOUR))
    read: list[bytes] = []
    with pytest.raises(RightsEnded):
        asyncio.run(
            read_slowly(f"/api/streams/{world.stream.uuid}/export", world, read, then=lambda: revoke(world.token))
        )
    assert 1 < len(b"".join(read).splitlines()) < EVENTS
    forget_the_loop()


def test_a_client_that_hangs_up_ends_the_walk(
    asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.append(lines(EVENTS, start=now - HOUR))
    scans = Scans(monkeypatch)
    asyncio.run(asyncio.wait_for(hang_up_at_the_first_part(f"/api/streams/{world.stream.uuid}/export", world), 30))
    assert len(scans.seen) == 1


def test_what_could_not_be_read_is_told_in_a_header(
    asgi: Asgi, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.append(lines(1, start=now))
    assert "x-export-incomplete" not in export(asgi, world).headers
    Scans(monkeypatch, incomplete=True)
    answer = export(asgi, world)
    assert (len(events(answer)), answer.headers["x-export-incomplete"]) == (1, "2")
    page = asgi.get(address(world, "logs"), token=world.token).json()
    assert page["meta"]["incomplete"] == ["segment 7", "segment 9"]
