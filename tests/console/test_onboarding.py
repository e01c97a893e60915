"""From nothing to the first event: every snippet is run exactly as the page shows it."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.console.snippets import SNIPPETS
from tests.console.browsing import Visitor, check_access, shoot
from tests.journeys.programs import running_syslog_ng_with
from tests.journeys.service import TAILSVC

Run = Callable[[str, Path], None]
BIN = Path(TAILSVC).parent


def in_a_shell(text: str, folder: Path) -> None:
    """As somebody who has the project's commands on the path."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def as_a_program(*interpreter: str) -> Run:
    def run(text: str, folder: Path) -> None:
        script = folder / "program"
        script.write_text(text)
        in_a_shell(shlex.join([*interpreter, str(script)]), folder)

    return run


def in_node(text: str, folder: Path) -> None:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no node")
    as_a_program(node)(text, folder)


RUNS: dict[str, Run] = {
    "curl": in_a_shell,
    "python": as_a_program(sys.executable, "-W", "error"),
    "node": in_node,
    "ship": in_a_shell,
}


def new_stream(visitor: Visitor, name: str) -> Page:
    page = visitor.open("streams/")
    page.get_by_role("link", name="New stream").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create and get a token").click()
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    return page


def choose(page: Page, key: str) -> str:
    """The snippet's text, as it is copied."""
    page.get_by_role("link", name=SNIPPETS[key].title, exact=True).click()
    expect(page.locator("#snippet")).to_have_attribute("aria-label", SNIPPETS[key].title)
    if SNIPPETS[key].needs_personal_token:
        page.get_by_role("button", name="Make a personal token").click()
        expect(page.get_by_text("Your new token is in the snippet")).to_be_visible()
    return page.locator("#snippet").text_content() or ""


@pytest.mark.parametrize("key", SNIPPETS)
def test_a_snippet_brings_the_first_event_while_one_looks_on(visitor: Visitor, tmp_path: Path, key: str) -> None:
    page = new_stream(visitor, f"first by {key}; $(echo quoted)")
    text = choose(page, key)
    first = page.get_by_role("heading", name="Here is your first event")
    if key == "syslog-ng":
        log = tmp_path / "app.log"
        log.write_text("hello from syslog-ng\n")
        assert "/var/log/app.log" in text
        with running_syslog_ng_with(tmp_path, text.replace("/var/log/app.log", str(log))):
            first.wait_for(timeout=30_000)
    else:
        RUNS[key](text, tmp_path)
        first.wait_for()
    expect(page.locator("#arrived")).to_contain_text("hello from")
    page.get_by_role("link", name="Explore").last.click()
    expect(page).to_have_title("first by " + key + "; $(echo quoted) · tailsvc")


def test_the_page_while_one_waits_and_after(visitor: Visitor, tmp_path: Path) -> None:
    page = new_stream(visitor, "shop-api")
    check_access(page)
    shoot(page, "onboarding")
    page.get_by_text("Another agent?").click()
    address, token = (page.locator(where).text_content() or "" for where in ("#address", "#token"))
    in_a_shell(
        f"curl -sSf {address} -H 'Authorization: Bearer {token}' -H 'Content-Type: text/plain' -d 'plain <b>text</b>'",
        tmp_path,
    )
    expect(page.locator("#arrived pre").first).to_have_text("plain <b>text</b>")
    check_access(page)
    shoot(page, "onboarding-arrived")


def test_a_refused_line_is_told_to_who_waits(visitor: Visitor, tmp_path: Path) -> None:
    page = new_stream(visitor, "refused")
    text = choose(page, "curl").replace('{"level": "INFO", "message": "hello from curl"}', "12")
    in_a_shell(text, tmp_path)
    expect(page.locator("#arrived")).to_contain_text("A line was refused")


def test_what_is_copied_is_the_snippet(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = new_stream(visitor, "copied")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").text_content()
