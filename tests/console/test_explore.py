"""Explore and its parts, through Django: what is shown of a search, and what each click leads to."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse

from apps.engine import store
from apps.streams.models import Stream
from tailsvc import limits
from tailsvc.events import Event
from tailsvc.storage.base import Batch
from tests.console.conftest import Person
from tests.contracts.pieces import query, settle
from tests.environment import ROOT
from tests.factories.streams import delete_stream, make_stream
from tests.isolation.test_matrix import whole

MINUTE = 60_000_000


class Explore:
    """A person who looks at a stream with these events."""

    def __init__(self, person: Person, events: Sequence[Event] = ()) -> None:
        self.person = person
        self.stream: Stream = make_stream(person.team)[0]
        self.append(events)

    def append(self, events: Sequence[Event]) -> None:
        if events:
            store().append(self.stream.ref, [Batch(events)], now=now())

    def get(self, path: str = "", **headers: str) -> HttpResponse:
        return self.person.get(f"streams/{self.stream.slug}/{path}", **headers)

    def text(self, path: str = "") -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.content
        return str(answer.content.decode())

    def ids(self, path: str = "") -> list[int]:
        return ids(self.text(path))

    def json(self, path: str) -> Any:
        return json.loads(self.text(path))


def now() -> int:
    return time.time_ns() // 1000


def ids(html: str) -> list[int]:
    return [int(one) for one in re.findall(r'<tr [^>]*data-id="(\d+)"', html)]


def links(html: str, words: str) -> list[str]:
    """The addresses of links that say this."""
    found = re.findall(r'<a [^>]*?href="(\?[^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return [unescape(address) for address, inside in found if words in inside]


def minutes_ago(minutes: float, text: str = "line", **fields: Any) -> Event:
    return Event(now() - int(minutes * MINUTE), text.encode(), **fields)


# The page


def test_an_empty_stream_says_how_to_begin(person: Person) -> None:
    assert "Nothing has come yet" in Explore(person).text()


def test_the_newest_lines_come_first_within_the_window(person: Person) -> None:
    explore = Explore(person, [minutes_ago(300, "old"), minutes_ago(30, "middle"), minutes_ago(1, "new")])
    assert explore.ids() == [3, 2]
    assert explore.ids("?last=5m") == [3]
    assert explore.ids("?last=all") == [3, 2, 1]
    page = explore.text("?last=2m&query=middle")
    assert "No line matches" in page
    assert explore.ids(links(page, "Look at all that is kept")[0]) == [2]


def test_a_part_is_the_page_without_its_frame(person: Person) -> None:
    explore = Explore(person, [minutes_ago(1)])
    part = explore.get("", **{"HX-Request": "true"}).content.decode()
    assert ids(part) == [1]
    assert "<html" not in part
    assert "<html" in explore.text()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("?query=status:>=5xx", "column 8"),
        ("?query=stauts:500", "Did you mean status"),
        ("?filters=[", "filters is not JSON"),
        ('?filters=[{"field":"nonsense","value":1}]', "there is no field"),
        ("?last=soon", "A span is a number and a unit"),
        ("?from=20&to=10", "before the start"),
        ("?from=1&to=2", "The plan keeps logs for"),
        ("?from=<script>&to=2", "write a time as"),
    ],
)
def test_what_cannot_be_meant_is_told_beside_the_query(person: Person, address: str, told: str) -> None:
    explore = Explore(person, [minutes_ago(1)])
    answer = explore.get(address)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert told in unescape(text)
    assert "<script>&" not in text
    for part in ("rows?older=1-1&", "histogram?", "facets?facet=level&", "export?"):
        assert explore.get(part + address[1:]).status_code == 422, part


def test_filters_are_chips_that_can_be_taken_away(person: Person) -> None:
    explore = Explore(person, [minutes_ago(1, "a", level="ERROR", status=500), minutes_ago(1, "b", level="INFO")])
    page = explore.text("?field=level&operator=in&value=ERROR,%20WARN&query=a")
    assert ids(page) == [1]
    assert ">ERROR, WARN<" in page
    assert links(page, "Remove this filter") == ["?last=1h&query=a"]
    assert explore.ids(links(page, "Clear")[0]) == [2, 1]


def test_columns_are_chosen(person: Person) -> None:
    explore = Explore(person, [minutes_ago(1, "x", path="/<p>", attributes={"a<b": [1, "é"]})])
    page = explore.text("?column=path&column=attributes.a<b")
    assert "<td><bdi>/&lt;p&gt;</bdi></td><td><bdi>[1,&quot;é&quot;]</bdi></td>" in page
    assert '<th scope="col">a&lt;b</th>' in page
    assert "columns=path%2Cattributes.a%3Cb" in page


def test_a_line_is_summed_up_by_what_it_says(person: Person) -> None:
    access = b'{"path":"/a"}'
    explore = Explore(person, [
        Event(now() - 3, access, method="GET", path="/a", status=503, response_time_ms=12.0, ip="10.0.0.1"),
        Event(now() - 2, b'{"message":"late"}', message="late", service="web", attributes={"n": 1}),
        Event(now() - 1, b"1.1.1.1 - - GET /", path="/"),
        Event(now(), b'{"m":1}', message="GET /b 404", method="GET", path="/b", status=404, response_time_ms=7.0),
    ])  # fmt: skip
    text = re.sub(r"<[^>]+>", "", explore.text("?columns=line").partition("<tbody")[2])
    assert "1.1.1.1 - - GET /" in text
    assert "late service=web n=1" in text
    assert "GET /a 503 12 ms ip=10.0.0.1" in text
    assert "GET /b 404 response_time_ms=7" in text  # each once


def test_a_line_of_megabytes_is_cut(person: Person) -> None:
    explore = Explore(person, [Event(now(), b"x" * 1_000_000)])
    assert len(explore.text("?wrap=1")) < 60_000
    assert "more bytes" in explore.text()
    assert len(explore.text("lines/1")) < 110_000


def test_times_are_of_the_zone(person: Person) -> None:
    at = now() // 1_000_000 * 1_000_000
    explore = Explore(person, [Event(at, b"x")])
    utc, tokyo = (
        int(re.findall(r'class="at">\S+ (\d\d):', explore.text(f"?zone={zone}"))[0]) for zone in ("UTC", "Asia/Tokyo")
    )
    assert (tokyo - utc) % 24 == 9
    assert "Times in UTC" in explore.text("?zone=No/Where")


def test_zones_have_names_where_the_machine_has_none() -> None:
    """As on a bare machine without /usr/share/zoneinfo."""
    asked = "from apps.console.explore.windows import zone_named; print(zone_named('Europe/Berlin'))"
    bare = {**os.environ, "PYTHONTZPATH": ""}
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, env=bare, capture_output=True, text=True, check=True)
    assert done.stdout == "Europe/Berlin\n"


# Scrolling


def test_scrolling_both_ways_meets_every_line_once(person: Person) -> None:
    start = now() - 10 * MINUTE
    # Ties in time, too.
    explore = Explore(person, [Event(start + nth // 3, b"x") for nth in range(250)])
    page = explore.text()
    assert 'data-older="1"' in page
    found, way = ids(page), explore.text
    while rows := re.findall(r'data-id="(\d+)" data-at="(\d+)"', page):
        last_id, last_at = rows[-1]
        page = explore.text(f"rows?older={last_at}-{last_id}")
        found += ids(page)
    assert found == list(range(250, 0, -1))
    page = explore.text(f"rows?newer={start}-1")
    assert ids(page) == list(range(101, 1, -1))
    assert ids(way(f"rows?newer={start + 83}-250")) == []


def test_scrolling_over_large_lines_meets_every_one_once(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_BYTES", 7)
    start = now() - 10 * MINUTE
    explore = Explore(person, [Event(start + nth // 3, b"x") for nth in range(60)])

    def scroll(way: str, answer: HttpResponse) -> list[int]:
        found: list[int] = []
        while True:
            page = answer.content.decode()
            found = found + ids(page) if way == "older" else ids(page) + found
            if answer.headers.get("X-Has-More", "1") == "0":
                return found
            event, at = re.findall(r'data-id="(\d+)" data-at="(\d+)"', page)[-1 if way == "older" else 0]
            answer = explore.get(f"rows?{way}={at}-{event}")

    assert scroll("older", explore.get()) == [*range(60, 0, -1)]
    assert scroll("newer", explore.get(f"rows?newer={start}-1")) == [*range(60, 1, -1)]


@pytest.mark.parametrize("place", ["", "older=", "older=1", "older=a-b", "newer=1-1-1", "older=99999999999999999999-1"])
def test_a_place_that_is_none_is_refused(person: Person, place: str) -> None:
    assert Explore(person).get(f"rows?{place}").status_code == 422


def test_a_permalink_shows_the_line_among_its_neighbours(person: Person) -> None:
    explore = Explore(person, [minutes_ago(60 - nth / 10, f"line {nth}", level="INFO") for nth in range(300)])
    link = re.findall(r'data-copy-link="(\?[^"]*line=150[^"]*)"', explore.text("lines/150"))
    page = explore.text(unescape(link[0]))
    assert ids(page) == list(range(200, 99, -1))
    assert re.search(r'data-id="150" [^>]*aria-selected="true"', page)
    assert "#150" in page
    assert 'data-newer="1"' in page
    assert "That line is gone" in explore.text("?line=301")


# Parts


def test_the_histogram_counts_every_line_by_what_it_is(person: Person) -> None:
    levels = ["ERROR", "FATAL", "WARN", "INFO", "DEBUG", None, "AUDIT"]
    explore = Explore(person, [minutes_ago(nth, level=level) for nth, level in enumerate(levels)])
    drawn = explore.json("histogram?last=1h")
    assert {kind: sum(counts) for kind, counts in drawn["counts"].items()} == {
        "error": 2, "warn": 1, "info": 1, "debug": 1, "other": 2,
    }  # fmt: skip
    assert drawn["total"] == 7
    assert drawn["interval"] == 30_000
    assert len(drawn["starts"]) == len(drawn["counts"]["error"]) <= 122


def test_what_is_fetched_later_is_of_the_same_time(person: Person) -> None:
    explore = Explore(person, [minutes_ago(1)])
    frozen = unescape(re.findall(r'data-frozen="([^"]*)"', explore.text("?last=15m"))[0])
    assert frozen.startswith("?last=15m&at=")
    explore.append([Event(now(), b"later", level="LATER")])
    assert explore.json(f"histogram{frozen}")["total"] == 1
    assert "LATER" not in explore.text(f"facets{frozen}&facet=level")
    assert ids(explore.text(f"rows{frozen}&older={now() + MINUTE}-99")) == [1]
    assert explore.get("histogram?at=soon").status_code == 422


def test_the_histogram_of_everything_begins_with_the_first_line(person: Person) -> None:
    explore = Explore(person, [minutes_ago(10), minutes_ago(1)])
    drawn = explore.json("histogram?last=all")
    assert drawn["total"] == 2
    assert 9 * 60_000 < drawn["end"] - drawn["start"] < 11 * 60_000
    assert Explore(person).json("histogram?last=all")["total"] == 0


def test_facets_lead_to_a_search_with_or_without_the_value(person: Person) -> None:
    explore = Explore(person, [minutes_ago(1, path="/a,b"), minutes_ago(1, path="/a,b"), minutes_ago(1, path="<i>")])
    part = explore.text("facets?facet=path&wrap=1")
    assert "&lt;i&gt;" in part
    assert explore.ids(links(part, "/a,b")[0]) == [2, 1]
    assert explore.ids(links(part, "Without")[0]) == [3]
    assert "wrap=1" in links(part, "/a,b")[0]
    assert "No line has it" in explore.text("facets?facet=attributes.nothing")
    assert explore.get("facets?facet=nonsense").status_code == 422


def test_a_lines_detail_has_all_that_it_says(person: Person) -> None:
    event = minutes_ago(1, "raw <b>\x1b[31mred", level="ERROR", status=500, attributes={"user": 7, "list": [1]})
    explore = Explore(person, [event, minutes_ago(1, "other")])
    detail = explore.text("lines/1?query=raw")
    assert '<mark>raw</mark> &lt;b&gt;<span class="ansi-1">red</span>' in detail
    assert explore.ids(links(detail, "Only this value of user")[0]) == [1]
    assert explore.ids(links(detail, "Without this value of status")[0]) == []
    assert "columns=level%2Cattributes.user%2Cline" in links(detail, "A column for user")[0]
    assert not links(detail, "this value of list")
    for missing in ("lines/3", "lines/99999999999999999999", "lines/3/surroundings"):
        assert explore.get(missing).status_code == 404


def test_the_lines_around_one_are_shown_whatever_the_search(person: Person) -> None:
    explore = Explore(person, [minutes_ago(10 - nth / 10) for nth in range(40)])
    assert ids(explore.text("lines/20/surroundings?query=nothing")) == list(range(30, 9, -1))


def test_completion_offers_fields_attributes_and_values(person: Person) -> None:
    explore = Explore(
        person, [minutes_ago(1, level="ERROR", attributes={"tenant": "é 1"}), minutes_ago(1, level="INFO")]
    )

    def offered(before: str) -> list[str]:
        return [one["text"] for one in explore.json(f"completion?before={before}")["offers"]]

    assert offered("stat")[:2] == ["status:", "status_class:"]
    assert offered("ten") == ["attributes.tenant:"]
    assert offered("x AND level:") == ["ERROR ", "INFO "]
    assert offered("attributes.tenant:") == ['"é 1" ']
    assert offered("") == []
    assert offered("nonsense:x") == []
    assert explore.json("completion?before=level:😀e")["replace"] == 3


def test_an_export_has_all_that_the_search_finds(person: Person) -> None:
    explore = Explore(person, [minutes_ago(2, "a"), minutes_ago(1, "b"), minutes_ago(1, "aa")])
    answer = explore.get("export?query=a")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{explore.stream.slug}-')
    assert answer["Content-Type"] == "application/x-ndjson"
    sent = [json.loads(line)["raw_message"] for line in whole(answer).content.splitlines()]
    assert sent == ["a", "aa"]
    assert "X-Export-Incomplete" not in answer
    assert answer["X-Export-Cursor"]


def test_an_export_tells_what_cannot_be_read(person: Person) -> None:
    explore = Explore(person, [minutes_ago(2, f"line {nth}") for nth in range(100)])
    settle(store(), explore.stream.ref)
    query("DELETE FROM log_segment_part WHERE stream_id = %s", explore.stream.pk)
    answer = explore.get("export")
    assert (whole(answer).content, answer["X-Export-Incomplete"]) == (b"", "1")


def test_a_deleted_stream_is_not_there(person: Person) -> None:
    explore = Explore(person, [minutes_ago(1)])
    delete_stream(explore.stream)
    assert explore.get().status_code == 404
    assert explore.get("rows?older=1-1").status_code == 404


def test_hostile_lines_bring_no_markup_into_any_part(person: Person) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7|add:7 }} \x1b]8;;http://e\x07 \u202e'
    fields = dict.fromkeys(("path", "service", "host", "level", "message", "container"), hostile)
    event = Event(now(), json.dumps({"message": hostile}).encode(), **fields, attributes={hostile: hostile})  # type: ignore[arg-type]
    explore = Explore(person, [event])
    parts = ["", "?wrap=1&columns=line,path,level,service", "lines/1", "lines/1/surroundings"]
    parts += [f"facets?facet={name}" for name in fields] + ["rows?older=9000000000000000-1"]
    parts += [f"?{urlencode({'line': '1', 'query': 'alert', 'field': 'path', 'operator': '=', 'value': hostile})}"]
    for part in parts:
        text = explore.text(part)
        assert "alert(1)" in text, part
        Elements().feed(text)


class Elements(HTMLParser):
    """Fails for whatever the line tried to bring in."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert not any(name.startswith("on") for name in found)
        if tag in {"script", "img"}:
            assert (found["src"] or "").startswith("/static/")

    def handle_data(self, data: str) -> None:
        """Addresses and what a form sends again may hold anything."""
        assert not set("\u202e\x1b\x07") & set(data)
