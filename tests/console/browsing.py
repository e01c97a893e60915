"""A real browser on a real service: one service for the run, one browser for each module.

Playwright's event loop is open while its browser is: tests of such a module ask the service over HTTP and touch
neither Django nor asyncio themselves.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.debian import required_tree
from tests.journeys.service import Service, tailsvc_up
from tests.npm import locked_npm_file
from tests.servers import reachable_folder

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
WIDE, NARROW = (1400, 900), (380, 800)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE = """async rules => (await axe.run(document, {runOnly: rules})).violations
  .map(one => [one.id, ...one.nodes.map(node => node.target.join(" ") + ": " + node.failureSummary)])"""


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with reachable_folder() as folder, tailsvc_up(folder / "home") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's, driven by Playwright, which has no browser of its own here."""
    tree = required_tree(
        "chromium", "chromium-common", provide=["usr/lib/chromium/chromium", "usr/lib/chromium/icudtl.dat"]
    )
    program = tree.find("usr/lib/chromium/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, env={**os.environ, **tree.environment()})
        yield browser
        browser.close()


class Addressed(Protocol):
    """Whatever has pages."""

    @property
    def address(self) -> str: ...


@dataclass(slots=True)
class Visitor:
    """Opens pages, and notes what no page of ours may do: foreign requests, dialogs, errors, breaches of the policy."""

    service: Addressed
    context: BrowserContext
    misdeeds: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        return f"{self.service.address}/console/default"

    def open(self, path: str) -> Page:
        """Below the first team's pages, unless it begins at the root."""
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.goto(f"{self.service.address}{path}" if path.startswith("/") else f"{self.root}/{path}")
        return page

    def watch(self) -> None:
        home = urlsplit(self.service.address).netloc

        def on_request(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme != "data" and parts.netloc != home:
                self.misdeeds.append(f"asked {request.url}")

        def on_console(message: ConsoleMessage) -> None:
            # A refusal that a test provokes is told there too, and is no fault of the page.
            if message.type == "error" and not re.search(
                r"the server responded with a status of (4|503)", message.text
            ):
                self.misdeeds.append(f"said {message.text}")

        def on_dialog(dialog: Any) -> None:
            self.misdeeds.append(f"opened a dialog: {dialog.message}")
            dialog.dismiss()

        self.context.on("request", on_request)
        self.context.on("console", on_console)
        self.context.on("dialog", on_dialog)
        self.context.on("weberror", lambda error: self.misdeeds.append(f"raised {error.error}"))


@contextmanager
def visiting(browser: Browser, service: Addressed, **options: Any) -> Iterator[Visitor]:
    """A browser of one's own, with nobody logged in unless `storage_state` says who."""
    width, height = options.pop("size", WIDE)
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    visitor = Visitor(service, context)
    visitor.watch()
    try:
        yield visitor
    finally:
        context.close()
    assert not visitor.misdeeds, visitor.misdeeds


@pytest.fixture(scope="module")
def logged_in(chromium: Browser, service: Service) -> Any:
    """The state of a browser in which the operator has logged in, once, as log-ins are throttled."""
    with visiting(chromium, service) as visitor:
        log_in_as(visitor.open("/login"), "admin@localhost", service.secret("admin-password"))
        return visitor.context.storage_state()


@pytest.fixture
def visitor(chromium: Browser, service: Service, logged_in: Any) -> Iterator[Visitor]:
    with visiting(chromium, service, storage_state=logged_in) as found:
        yield found


def log_in_as(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/(console|teams)/"))


def check_access(page: Page) -> None:
    """axe finds nothing, neither in the light nor in the dark."""
    page.evaluate(locked_npm_file("axe-core/axe.min.js").read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour on its way to another
        found = page.evaluate(_AXE, _RULES)
        assert not found, (scheme, found)
    page.emulate_media(color_scheme=None, reduced_motion=None)


def shoot(page: Page, name: str) -> None:
    """Wide and light, narrow and dark, into build/screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for size_name, (width, height), scheme in (("wide", WIDE, "light"), ("narrow", NARROW, "dark")):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=SCREENSHOTS / f"{name}-{size_name}-{scheme}.png")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    page.emulate_media(color_scheme=None, reduced_motion=None)
