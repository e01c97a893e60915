"""The database is away: every page says so, what is shown stays, and all goes on by itself when it is back."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
from playwright.sync_api import Browser, expect

from tests.console.browsing import check_access, shoot, visiting
from tests.console.test_explore_browser import address, line, rows, ship
from tests.journeys.service import Service
from tests.runtime.instances import until

_PATIENCE = 20_000  # milliseconds; the service looks for the database for 5 s
_PAGES = [
    *("/", "/login", "/sign-up", "/device", "/password", "/teams/new", "/console/default/nowhere"),
    *("streams/", "streams/new", "live/", "settings/tokens/", "settings/usage/", "settings/members/"),
    "settings/audit/",
]
_OF_STREAM = [
    *("", "rows?older=1-1", "histogram", "facets?facet=level", "lines/1", "lines/1/surroundings", "export"),
    *("completion?before=a", "start/", "start/arrived", "settings/", "tokens/", "live/", "live/builds/b/", "rejected/"),
]


@contextmanager
def without_database(service: Service) -> Iterator[None]:
    """Its supervisor, which would start another one at once, is kept from noticing."""
    state = service.instance.state
    os.kill(service.instance.process.pid, signal.SIGSTOP)
    try:
        os.kill(state.children["postgres"], signal.SIGINT)
        until(lambda: not _answers(state.database_url), "the database to be away")
        yield
    finally:
        os.kill(service.instance.process.pid, signal.SIGCONT)
        until(lambda: _is_ready(service), "the service to be there again")


def _is_ready(service: Service) -> bool:
    try:
        return httpx.get(f"{service.address}/readyz", timeout=2).status_code == 200
    except httpx.TimeoutException:
        return False


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def asked_together(service: Service, paths: list[str], cookies: dict[str, str]) -> dict[str, httpx.Response]:
    """Each waits for the database for a while before it gives up."""

    async def ask() -> list[httpx.Response]:
        headers = {"Accept": "text/html"}
        async with httpx.AsyncClient(base_url=service.address, cookies=cookies, headers=headers, timeout=60) as client:
            return await asyncio.gather(*(client.get(path) for path in paths))

    # In a thread of its own: Playwright's event loop runs in this one.
    with ThreadPoolExecutor(1) as apart:
        return dict(zip(paths, apart.submit(asyncio.run, ask()).result(), strict=True))


def test_every_page_says_so_and_goes_on_by_itself(chromium: Browser, service: Service, logged_in: Any) -> None:
    stream = service.new_stream("outage")
    ship(service, stream, [line(5, "before", level="INFO")])
    home = address(service, stream)
    paths = [path if path.startswith("/") else f"/console/default/{path}" for path in _PAGES]
    paths += [f"/console/default/{home}{path}" for path in _OF_STREAM]
    cookies = {one["name"]: one["value"] for one in logged_in["cookies"]}
    with visiting(chromium, service, storage_state=logged_in) as visitor:
        listed, explored, followed = visitor.open("streams/"), visitor.open(home), visitor.open(f"{home}?live=1")
        expect(rows(explored)).to_have_count(1)
        expect(rows(followed)).to_have_count(1)
        with without_database(service):
            answers = asked_together(service, paths, cookies)
            for path, answer in answers.items():
                assert answer.status_code == 503, path
                assert "The database does not answer" in answer.text, path
                assert int(answer.headers["Retry-After"]) > 0
                assert re.search(r'href="[^"]+" data-again>Try again', answer.text), path
            late = visitor.open("settings/usage/")
            expect(late.get_by_role("heading", name="Out of reach")).to_be_visible()
            check_access(late)
            shoot(late, "out-of-reach")
            expect(listed.get_by_role("alert")).to_contain_text("does not answer", timeout=_PATIENCE)
            expect(listed.get_by_role("link", name="outage")).to_be_visible()
            explored.keyboard.press("r")
            expect(explored.get_by_role("alert")).to_contain_text("cannot answer", timeout=_PATIENCE)
            expect(rows(explored)).to_have_count(1)
            check_access(explored)
        expect(late.get_by_role("heading", name="By stream")).to_be_visible(timeout=_PATIENCE)
        expect(listed.get_by_role("alert")).to_have_count(0, timeout=_PATIENCE)
        explored.get_by_role("button", name="Try again").click()
        expect(explored.get_by_role("alert")).to_have_count(0)
        ship(service, stream, [line(0, "after", level="INFO")])
        expect(rows(followed).first).to_contain_text("after", timeout=_PATIENCE)
