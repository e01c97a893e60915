"""What people do, in a real browser on a real service."""

import base64
import re
from datetime import UTC, datetime

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.console.browsing import Visitor, check_access, log_in_as, shoot, visiting
from tests.journeys.service import Service


def test_the_first_log_in_and_the_log_out(chromium: Browser, service: Service) -> None:
    with visiting(chromium, service) as visitor:
        page = visitor.open("/")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        check_access(page)
        shoot(page, "log-in")
        log_in_as(page, "admin@localhost", service.secret("admin-password"))
        expect(page.get_by_role("heading", name="Streams")).to_be_visible()
        page.get_by_text("your account").locator("..").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
        check_access(page)


def test_the_list_of_streams(visitor: Visitor) -> None:
    page = visitor.open("streams/")
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()
    check_access(page)
    shoot(page, "streams")


def test_every_settings_page(visitor: Visitor) -> None:
    pages = {"tokens": "Personal access tokens", "usage": "By stream", "members": "Members", "audit": "Settings"}
    for name, heading in pages.items():
        page = visitor.open(f"settings/{name}/")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        check_access(page)
        shoot(page, f"settings-{name}")
        page.close()


def test_the_password_page_and_a_page_that_is_not_there(visitor: Visitor) -> None:
    for path, heading in {"/password": "Change your password", "nowhere": "Nothing here"}.items():
        page = visitor.open(path)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        check_access(page)


def test_usage_is_plotted_and_told_under_the_pointer(visitor: Visitor) -> None:
    page = visitor.open("settings/usage/")
    for name in ("Events a day", "Bytes a day"):
        plot = page.locator("figure.plot", has=page.get_by_role("heading", name=name))
        expect(plot.locator("canvas")).to_be_visible()
        box = plot.locator(".u-over").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + 20)
        expect(plot.locator(".readout")).to_have_text(re.compile(rf"^{datetime.now(UTC):%-d %b}: "))
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("figure.plot canvas")).to_have_count(2)


def test_a_personal_token_is_made_copied_and_revoked(visitor: Visitor) -> None:
    page = visitor.open("settings/tokens/")
    page.get_by_label("Name", exact=True).fill("a browser's")
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator("#made-token")).to_contain_text("tsp_")
    check_access(page)
    shoot(page, "settings-token-made")
    page.get_by_role("button", name="Revoke a browser's").click()
    dialog = page.get_by_role("dialog", name="Revoke a browser's?")
    expect(dialog).to_be_visible()
    check_access(page)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Revoke a browser's").click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("Revoked")
    expect(page.get_by_role("button", name="Revoke a browser's")).to_have_count(0)


def test_an_ingest_token_is_rotated_with_overlap(visitor: Visitor) -> None:
    stream = visitor.service.new_stream("rotating")
    page = visitor.open("streams/")
    page.get_by_role("link", name="rotating").click()
    page.get_by_role("link", name="Tokens").click()
    expect(page.get_by_text(stream.ingest_token)).to_be_visible()
    page.get_by_role("button", name="Issue a token").click()
    expect(page.get_by_text("2 of 2 live")).to_be_visible()
    expect(page.get_by_role("button", name="Issue a token")).to_be_disabled()
    check_access(page)
    shoot(page, "ingest-tokens")
    page.get_by_role("button", name="Revoke").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("1 of 2 live")).to_be_visible()
    expect(page.get_by_text(stream.ingest_token)).to_have_count(0)


def test_a_stream_is_renamed_deleted_and_restored(visitor: Visitor) -> None:
    visitor.service.new_stream("wrong name")
    page = visitor.open("streams/")
    page.get_by_role("link", name="wrong name").click()
    page.get_by_role("link", name="Settings", exact=True).last.click()
    page.get_by_label("Name", exact=True).fill("right name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="right name", level=1)).to_be_visible()
    check_access(page)
    shoot(page, "stream-settings")
    page.get_by_role("button", name="Delete this stream").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="right name")).to_have_count(0)
    check_access(page)
    shoot(page, "streams-deleted")
    page.get_by_role("button", name="Restore right name").click()
    expect(page.get_by_role("link", name="right name")).to_be_visible()


def test_a_team_is_founded_and_switched(visitor: Visitor) -> None:
    page = visitor.open("streams/")
    page.locator(".menu summary").first.click()
    check_access(page)
    page.get_by_role("link", name="New team").click()
    page.get_by_label("Name", exact=True).fill("Shoes")
    check_access(page)
    page.get_by_role("button", name="Create the team").click()
    expect(page.get_by_role("heading", name="New stream")).to_be_visible()
    check_access(page)
    shoot(page, "new-stream")
    page.get_by_role("link", name="Streams").first.click()
    expect(page.get_by_role("heading", name="No streams yet")).to_be_visible()
    shoot(page, "streams-empty")
    page.locator(".menu summary").first.click()
    page.get_by_role("link", name="default").click()
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()


def test_the_colour_scheme_is_chosen_and_kept(visitor: Visitor) -> None:
    page = visitor.open("streams/")
    background = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


def test_with_keys_alone_from_log_in_to_a_copied_token(chromium: Browser, service: Service) -> None:
    with visiting(chromium, service) as visitor:
        page = visitor.open("/")
        # The browser puts the focus there when it first draws the page, which may be after it was loaded.
        expect(page.get_by_label("E-mail address")).to_be_focused()
        page.keyboard.type("admin@localhost")
        page.keyboard.press("Tab")
        page.keyboard.type(service.secret("admin-password"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Streams")).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        check_access(page)
        shoot(page, "keys")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        page.keyboard.press("g")
        page.keyboard.press("t")
        expect(page.get_by_role("heading", name="Personal access tokens")).to_be_visible()
        tab_to(page, "Name")
        page.keyboard.type("by keys")
        page.keyboard.press("Enter")
        expect(page.locator("#made-token")).to_contain_text("tsp_")
        page.keyboard.press("g")
        page.keyboard.press("s")
        expect(page.get_by_role("heading", name="Streams")).to_be_visible()


def tab_to(page: Page, label: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.labels?.[0]?.textContent") == label:
            return
    raise AssertionError(f"no way to {label} by Tab")


def test_operators_go_to_the_administration_and_back(visitor: Visitor) -> None:
    page = visitor.open("settings/usage/")
    page.get_by_role("link", name="Change the plan", exact=True).click()
    expect(page.get_by_role("heading", name="default")).to_be_visible()
    page.get_by_role("link", name="View site").click()
    expect(page.get_by_role("heading", name="Streams")).to_be_visible()
    page.get_by_text("your account").locator("..").click()
    page.get_by_role("link", name="Administration").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()


def test_the_api_reference_keeps_to_the_policy(visitor: Visitor) -> None:
    page = visitor.open("/api/docs")
    # Its script draws it from a description of the whole API.
    expect(page.get_by_text("List what it may list").or_(page.locator(".opblock").first)).to_be_visible(timeout=30_000)


def test_what_runs(visitor: Visitor) -> None:
    page = visitor.open("live/")
    expect(page.get_by_text("worker", exact=True)).to_be_visible()
    check_access(page)
    shoot(page, "live")


def test_a_builds_log_grows_while_one_looks_on(visitor: Visitor) -> None:
    stream = visitor.service.new_stream("built")
    path = f"/api/streams/{stream.uuid}"
    with visitor.service.api() as api:
        api.put(f"{path}/replicas/built-1", json={"node": "node-1", "cpu_millicores": 250}).raise_for_status()
        api.post(f"{path}/lifecycle-events", json={"reason": "BackOff", "replica": "built-1"}).raise_for_status()
        api.post(f"{path}/builds", json={"build_id": "b1", "deploy_id": "d1"}).raise_for_status()
        write_chunk(api, f"{path}/builds/b1", 0, b"\x1b[32mstep 1\x1b[0m\n")
        page = visitor.open(f"streams/{stream.uuid}/live/")
        expect(page.get_by_text("node-1")).to_be_visible()
        check_access(page)
        shoot(page, "stream-live")
        page.get_by_role("link", name="b1").click()
        expect(page.get_by_text("step 1")).to_be_visible()
        expect(page.locator("#build-state")).to_have_text("running")
        write_chunk(api, f"{path}/builds/b1", 16, b"step 2 <b>\n")
        expect(page.get_by_text("step 2 <b>")).to_be_visible()
        api.post(f"{path}/builds/b1/finish", json={"status": "succeeded"}).raise_for_status()
        expect(page.get_by_text("The end of the log")).to_be_visible()
        expect(page.locator("#build-state")).to_have_text("succeeded")
    check_access(page)
    shoot(page, "build")


def write_chunk(api: httpx.Client, build: str, offset: int, data: bytes) -> None:
    sent = {"offset": offset, "data": base64.b64encode(data).decode()}
    api.post(f"{build}/chunks", json=sent).raise_for_status()


def test_refused_lines_are_shown(visitor: Visitor) -> None:
    stream = visitor.service.new_stream("refusing")
    headers = {"Authorization": f"Bearer {stream.ingest_token}", "Content-Type": "application/x-ndjson"}
    httpx.post(stream.ingest_url, content=b"12\n[<script>alert(1)</script>\n", headers=headers)
    page = visitor.open(f"streams/{stream.uuid}/rejected/")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    check_access(page)
    shoot(page, "rejected")


def test_a_device_is_let_in(visitor: Visitor) -> None:
    address = visitor.service.address
    asked = {"client_id": "tailstream-agent", "scope": "stream:read"}
    codes = httpx.post(f"{address}/api/oauth/device/code", data=asked).json()
    page = visitor.open("/device")
    check_access(page)
    shoot(page, "device")
    page.get_by_label("The code that your program shows").fill(codes["user_code"].lower())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Let Tailstream agent in?")).to_be_visible()
    check_access(page)
    shoot(page, "device-decision")
    page.get_by_role("combobox", name="Team").select_option(label="default (default)")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Connected")).to_be_visible()
    check_access(page)
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": codes["device_code"]}
    told = httpx.post(f"{address}/api/oauth/device/token", data={**grant, "client_id": "tailstream-agent"}).json()
    assert told["token_type"] == "Bearer"
