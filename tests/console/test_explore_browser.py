"""Explore in a real browser: what people do with a stream of lines, with the mouse and without it."""

import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browsing import NARROW, Visitor, check_access, shoot, visiting
from tests.journeys.service import Service, Stream

HOSTILE = [
    *("<script>alert(1)</script>", "<img src=http://evil.invalid/x onerror=alert(1)>", "</td></tr></table><h1>owned"),
    *("<svg/onload=alert(1)>", "<iframe src=javascript:alert(1)>", "<style>*{display:none}</style>", "<!--", "]]>"),
    *('" autofocus onfocus=alert(1) x="', "javascript:alert(1)", "{{ x.constructor('alert(1)')() }}", "${alert(1)}"),
    *(
        "<base href=//evil.invalid>",
        "<a hx-get='//evil.invalid' hx-trigger=load>x</a>",
        "<div data-src=//evil.invalid>",
    ),
    *("\x1b]8;;http://evil.invalid\x1b\\link\x1b]8;;\x1b\\", "\x1b]0;title\x07", "\x1b[2J\x1b[8mhidden\x1b[0m"),
    *("\x1b[31mred\x1b[0m", "invoice\u202efdp.exe", "\u2066\u2067isolated", "zero\u200bwidth\ufeff", "line\u2028end"),
    *("a\x00b\x08c\x7f", "e" + "\u0301" * 60, "&lt;b&gt;"),
]


def ship(service: Service, stream: Stream, lines: Sequence[Any]) -> None:
    body = "\n".join(json.dumps(line) for line in lines)
    headers = {"Authorization": f"Bearer {stream.ingest_token}", "Content-Type": "application/x-ndjson"}
    answer = httpx.post(stream.ingest_url, content=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


def line(ago: float, text: str, **fields: Any) -> dict[str, Any]:
    """So many seconds ago."""
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    return {"ts": moment.isoformat(), "message": text, **fields}


def address(service: Service, stream: Stream) -> str:
    with service.api() as api:
        slug = api.get(f"/api/streams/{stream.uuid}").json()["slug"]
    return f"streams/{slug}/"


def rows(page: Page) -> Any:
    return page.locator("#rows > tr")


def scroll_down(page: Page) -> None:
    """As far as it goes, and until more has come."""
    last = rows(page).last.get_attribute("data-id")
    page.locator("#lines").evaluate("one => one.scrollTop = one.scrollHeight")
    page.wait_for_function("id => document.querySelector('#rows').lastElementChild.dataset.id !== id", arg=last)


def messages(page: Page) -> list[str]:
    return [text.split(" ")[1] for text in page.locator("#rows td.line").all_inner_texts()]


@pytest.fixture(scope="module")
def shop(service: Service) -> Stream:
    """A thousand lines of the last half hour, `line 0` the oldest."""
    stream = service.new_stream(f"shop-{secrets.token_hex(3)}")
    levels = ["INFO"] * 6 + ["DEBUG", "DEBUG", "WARN", "ERROR"]
    ship(service, stream, [
        line(1800 - nth * 1.7, f"line {nth}", level=levels[nth % 10], service=["web", "api"][nth % 2], user=nth % 7)
        for nth in range(1000)
    ])  # fmt: skip
    return stream


def test_search_filter_and_come_back(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop))
    expect(page.locator("#count")).to_have_text("1,000 lines")
    # By a value of a facet, by the query with its completion, by a value of a line.
    page.locator(".facet[data-facet=service]").get_by_role("link", name="api", exact=True).click()
    expect(page.locator("#count")).to_have_text("500 lines")
    page.get_by_role("combobox", name="Search").press_sequentially("lev")
    page.get_by_role("option", name="level").click()
    page.get_by_role("option", name="ERROR").click()
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("100 lines")
    assert "last=1h" in page.url
    rows(page).first.click()
    page.locator("#detail").get_by_role("link", name="Without this value of user").click()
    expect(page.locator("#count")).not_to_have_text("100 lines")
    expect(page.locator(".chip b")).to_have_text(["service", "attributes.user"])
    # The address holds all of it; the way back is the browser's.
    other = visitor.open(page.url.removeprefix(service.address))
    expect(other.locator("#count")).to_have_text(page.locator("#count").inner_text())
    page.go_back()
    expect(page.locator("#count")).to_have_text("100 lines")
    page.get_by_role("link", name="Remove this filter").click()
    expect(page.locator(".chip b")).to_have_count(0)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("#count")).to_have_text("1,000 lines")


def test_a_filter_of_every_kind_is_made_by_a_form(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop))
    page.locator("#add summary").click()
    page.get_by_label("Field").fill("level")
    operators = page.locator("#add-filter option:not([disabled])").evaluate_all("all => all.map(one => one.value)")
    assert set(operators) - {"level"} >= {"=", "!=", "in", "not_in"}
    assert "like" not in page.locator("#add-filter select option:not([disabled])").evaluate_all(
        "all => all.map(o => o.value)"
    )
    page.get_by_label("Operator").select_option("is one of")
    page.get_by_label("Value", exact=True).fill("ERROR, WARN")
    page.get_by_role("button", name="Add filter").click()
    expect(page.locator("#count")).to_have_text("200 lines")


def test_a_stretch_of_the_histogram_becomes_the_window(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop))
    box = page.locator("#plot .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 30, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d+&to=\d+"))
    expect(page.locator("#count")).not_to_have_text("1,000 lines")
    found = re.findall(r"(?:from|to)=(\d+)", page.url)
    assert 0.15 * 3600 < (int(found[1]) - int(found[0])) / 1000 < 0.25 * 3600
    narrow = page.url
    page.keyboard.press("-")
    page.wait_for_url(lambda url: url != narrow)


def test_scrolling_never_ends_and_keeps_few_rows(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop))
    seen = set(messages(page))
    scroller = page.locator("#lines")
    while "0" not in seen:
        before = len(seen)
        scroller.evaluate("one => one.scrollTop = one.scrollHeight")
        page.wait_for_function(
            "known => [...document.querySelectorAll('#rows td.line')]"
            ".some(one => !known.includes(one.innerText.split(' ')[1]))",
            arg=sorted(seen),
        )
        found = messages(page)
        assert len(found) <= 300
        # Newest first, and nothing is left out.
        assert [int(one) for one in found] == list(range(int(found[0]), int(found[-1]) - 1, -1))
        seen |= set(found)
        assert len(seen) > before
    assert len(seen) == 1000
    expect(page.locator("#edge")).to_have_text("No older lines in this time.")
    while rows(page).first.get_attribute("data-id") != "1000":
        first = rows(page).first.get_attribute("data-id")
        scroller.evaluate("one => one.scrollTop = 0")
        page.wait_for_function("id => document.querySelector('#rows > tr').dataset.id !== id", arg=first)
    assert rows(page).count() <= 300


def test_a_line_has_a_link_of_its_own(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop) + "?query=%22line+500%22")
    rows(page).first.click()
    link = page.locator("#detail [data-copy-link]").get_attribute("data-copy-link")
    other = visitor.open(address(service, shop) + str(link))
    expect(other.locator("#rows > tr[aria-selected=true] td.line")).to_contain_text("line 500")
    expect(other.locator("#detail")).to_contain_text("#501")
    other.locator("#detail summary").click()
    expect(other.locator("#detail .around tr")).to_have_count(21)
    other.get_by_role("link", name="Show among all lines").click()
    expect(other.locator("#rows > tr[aria-selected=true]")).to_be_in_viewport()
    expect(rows(other)).not_to_have_count(1)
    check_access(other)
    shoot(other, "explore-line")


def test_export_and_columns_and_looks(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop) + "?query=level:error")
    page.locator("#looks summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    text = download.value.path().read_text()
    assert len(text.splitlines()) == 100
    page.get_by_role("checkbox", name="service").check()
    page.get_by_role("button", name="Show these").click()
    expect(page.locator("#lines thead th")).to_have_text(["Time", "level", "service", "line"])
    page.keyboard.press("w")
    expect(page.locator("#lines")).to_have_class(re.compile("wrap"))
    page.keyboard.press("c")
    expect(page.locator("#lines")).to_have_class(re.compile("compact"))


def test_follow_pause_and_catch_up(visitor: Visitor, service: Service) -> None:
    stream = service.new_stream(f"live-{secrets.token_hex(3)}")
    ship(service, stream, [line(60 - nth / 100, f"old {nth}", level="INFO") for nth in range(400)])
    page = visitor.open(address(service, stream) + "?query=NOT+level:debug")
    with page.expect_request(re.compile("/live")):
        page.get_by_role("button", name="Live").click()
    first = page.locator("#rows td.line").first
    ship(service, stream, [line(0, "hidden", level="DEBUG"), line(0, "new 1", level="INFO")])
    expect(first).to_have_text("new 1")
    page.get_by_role("button", name="Pause").click()
    ship(service, stream, [line(0, f"new {nth}", level="INFO") for nth in (2, 3)])
    expect(page.locator("#news")).to_have_text("2 new lines")
    expect(first).to_have_text("new 1")
    page.locator("#news").click()
    expect(first).to_have_text("new 3")
    expect(page.locator("#news")).to_be_hidden()
    # Who looks further down is not disturbed, and is told.
    for _ in range(3):
        scroll_down(page)
    looked_at = rows(page).last.inner_text()
    ship(service, stream, [line(0, f"burst {nth}", level="INFO") for nth in range(700)])
    expect(page.locator("#news")).to_have_text("700 new lines")
    assert rows(page).last.inner_text() == looked_at
    check_access(page)
    page.locator("#news").click()
    expect(first).to_have_text("burst 699")
    # What was too much to be shown on its way is found by scrolling.
    ship(service, stream, [line(0, f"flood {nth}", level="INFO") for nth in range(900)])
    expect(first).to_have_text("flood 899")
    assert rows(page).count() <= 300
    while "flood 500" not in page.locator("#rows").inner_text():
        scroll_down(page)
    numbers = [int(text.split(" ")[1]) for text in page.locator("#rows td.line").all_inner_texts()]
    assert numbers == sorted(set(numbers), reverse=True)
    assert numbers == list(range(numbers[0], numbers[-1] - 1, -1))
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "false")


def test_by_keyboard_alone(visitor: Visitor, service: Service, shop: Stream) -> None:
    page = visitor.open(address(service, shop))
    keys = page.keyboard
    keys.press("/")
    keys.type("level:err")
    expect(page.get_by_role("option", name="ERROR")).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    keys.press("Enter")
    expect(page.locator("#count")).to_have_text("100 lines")
    keys.press("Escape")
    for _ in range(3):
        keys.press("j")
    keys.press("k")
    expect(rows(page).nth(1)).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#detail")).to_contain_text("line 989")
    keys.press("j")
    expect(page.locator("#detail")).to_contain_text("line 979")
    keys.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    expect(rows(page).nth(2)).to_be_focused()
    keys.press("t")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#window .name")).to_have_text("Last 15 minutes")
    keys.press("f")
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "true")
    keys.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("The next line")
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_hostile_lines_are_text(visitor: Visitor, service: Service) -> None:
    """The visitor notes every dialog, every foreign request and every breach of the policy."""
    stream = service.new_stream(f"hostile-{secrets.token_hex(3)}")
    ship(service, stream, [line(30, text, level=text, service=text, path=text, **{text: text}) for text in HOSTILE])
    ship(service, stream, [{"log": text} for text in HOSTILE])
    page = visitor.open(address(service, stream) + "?wrap=1&columns=level,path,service,line")
    expect(rows(page)).to_have_count(2 * len(HOSTILE))
    expect(page.locator("#lines")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#lines")).to_contain_text("invoice⟨RLO⟩fdp.exe")
    for nth in range(0, 2 * len(HOSTILE), 5):
        rows(page).nth(nth).click()
        expect(page.locator("#detail h2")).to_be_visible()
    page.get_by_role("button", name="Live").click()
    ship(service, stream, [line(0, text) for text in HOSTILE])
    expect(rows(page)).to_have_count(3 * len(HOSTILE))
    page.keyboard.press("/")
    page.keyboard.type("service:")
    expect(page.get_by_role("option").first).to_be_visible()
    assert page.locator("#explore").locator("script, iframe, object, style, base, img, h1").count() == 0
    assert page.locator("#explore [onerror], #explore [onfocus], #explore [hx-get]").count() == 0


def test_every_state_is_there_for_everybody(visitor: Visitor, service: Service, shop: Stream) -> None:
    empty = service.new_stream(f"empty-{secrets.token_hex(3)}")
    page = visitor.open(address(service, empty))
    expect(page.get_by_role("heading", name="Nothing has come yet")).to_be_visible()
    check_access(page)
    shoot(page, "explore-empty")
    page = visitor.open(address(service, shop) + "?query=status:high")
    expect(page.get_by_role("alert")).to_contain_text("must be a number")
    check_access(page)
    page = visitor.open(
        address(service, shop) + "?query=line&field=service&operator=in&value=web,api&columns=level,line,user_agent"
    )
    expect(page.locator("#plot canvas")).to_be_visible()
    expect(page.locator(".value").first).to_be_visible()
    for menu in ("window", "looks", "add"):
        page.locator(f"#{menu} summary").click()
        check_access(page)
        page.keyboard.press("Escape")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        check_access(page)
    shoot(page, "explore")


def test_on_a_narrow_screen(chromium: Browser, service: Service, shop: Stream, logged_in: Any) -> None:
    with visiting(chromium, service, storage_state=logged_in, size=NARROW) as visitor:
        page = visitor.open(address(service, shop))
        expect(page.locator("#plot canvas")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        check_access(page)
        rows(page).nth(2).click()
        expect(page.locator("#detail")).to_contain_text("line 997")
        check_access(page)
        page.get_by_role("button", name="Close").click()
        page.locator(".drawer > summary").click()
        expect(page.locator(".value").first).to_be_visible()


def test_the_page_is_light(visitor: Visitor, service: Service, shop: Stream) -> None:
    sizes: dict[str, int] = {}
    page = visitor.context.new_page()
    page.on("requestfinished", lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}))
    page.goto(f"{visitor.root}/{address(service, shop)}")
    expect(page.locator("#plot canvas")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 8
    assert sum(sizes.values()) < 150 * 1024


def test_a_tab_that_nobody_sees_rests_and_catches_up(visitor: Visitor, service: Service) -> None:
    stream = service.new_stream(f"rest-{secrets.token_hex(3)}")
    ship(service, stream, [line(60, "first", level="INFO")])
    with visitor.context.expect_event("request", lambda request: "/live" in request.url):
        page = visitor.open(address(service, stream) + "?live=1")
    seen(page, is_hidden=True)
    ship(service, stream, [line(0, "meanwhile", level="INFO")])
    with page.expect_request(re.compile("/live")):
        seen(page, is_hidden=False)
    expect(page.locator("#rows td.line")).to_have_text(["meanwhile", "first"])
    # Who was away for long is shown the newest, not all that came.
    page.clock.install()
    seen(page, is_hidden=True)
    page.clock.fast_forward("10:00")
    with page.expect_request(re.compile(r"/\?live=1$")):
        seen(page, is_hidden=False)


def test_what_polls_rests_while_nobody_sees_it(visitor: Visitor) -> None:
    page = visitor.context.new_page()
    page.clock.install()
    page.goto(f"{visitor.root}/streams/")
    with page.expect_response(re.compile("/streams/$")) as answered:
        page.clock.run_for(6000)
    answered.value.finished()
    seen(page, is_hidden=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert not asked
    with page.expect_request(re.compile("/streams/$")):
        seen(page, is_hidden=False)


def seen(page: Page, *, is_hidden: bool) -> None:
    """As the browser tells a page whose tab goes to the background, or comes back."""
    page.evaluate(
        """isHidden => {
          Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )
