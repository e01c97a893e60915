"""Explore in a real Chromium: how soon lines are there, how heavy it is, whether it stays smooth while it follows."""

import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dataset import Dataset
from benchmarks.ingest import Plan, load
from benchmarks.operations import STREAM
from benchmarks.processes import Foreign
from benchmarks.service import Failed, Service, fresh_service
from config.runtime.environment import CODE

_ADMIN = "admin@localhost"
_TEAM = "bench"
_OPENINGS, _CHANGES = 10, 5
_RATE, _TAIL_SECONDS, _LINES_A_POST = 500, 30, 25
_SCREENS = 30
# Notes when rows are on the screen: the frame behind the one in which they entered the document. It says so in the
# browser's console, as whoever asks the page again and again has the browser do more than the page does.
_SHOWN = "rows are shown at "
_WATCH = f"""() => {{
  window.long = [];
  const tasks = new PerformanceObserver(found => found.getEntries().forEach(one => long.push(one.duration)));
  tasks.observe({{entryTypes: ["longtask"]}});
  const note = () => requestAnimationFrame(() => setTimeout(() => console.debug(`{_SHOWN}${{performance.now()}}`)));
  let rows = null;
  new MutationObserver(() => {{
    const found = document.querySelector("#rows");
    if (found && found !== rows && found.children.length) {{ rows = found; note(); }}
  }}).observe(document, {{childList: true, subtree: true}});
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """Times from the navigation, or the click, until rows are painted; medians."""

    events: int
    first_lines_cold_ms: float  # nothing in the browser's cache
    first_lines_ms: float
    filter_change_ms: float
    query_change_ms: float
    weight_kb: float  # of all that a first visit fetches, as sent
    rows_most: int  # in the document, after scrolling
    tail_lines: int  # sent while it followed
    tail_longest_task_ms: float
    tail_long_tasks: int  # over 100 ms
    foreign_cpu: float


def run(folder: Path, data: Dataset, tell: Callable[[int], None]) -> Explored:
    with fresh_service(folder, data.streams) as service:
        load(service, data, Plan(1000, data.events, quiet_seconds=5.0), tell)
        _let_in(service)
        with Foreign(service.roots) as foreign, _browser() as browser:
            found = _Visit(browser, service).measure()
    return Explored(events=data.events, foreign_cpu=foreign.share, **found)


class _Visit:
    def __init__(self, browser: Any, service: Service) -> None:
        self._browser, self._service = browser, service
        host, port = service.address
        self._root = f"http://{host}:{port}"
        self._explore = f"{self._root}/console/{_TEAM}/streams/{service.doors[STREAM].stream_id}/"
        self._state = self._log_in()

    def measure(self) -> dict[str, Any]:
        cold, weights = zip(*[self._open_cold() for _ in range(_OPENINGS)], strict=True)
        page = self._page()
        warm = [self._open(page) for _ in range(_OPENINGS)]
        changes, queries = self._changes(page), self._queries(page)
        return {
            "first_lines_cold_ms": statistics.median(cold),
            "first_lines_ms": statistics.median(warm),
            "filter_change_ms": statistics.median(changes),
            "query_change_ms": statistics.median(queries),
            "weight_kb": max(weights) / 1024,
            "rows_most": self._scroll(page),
            **self._follow(page),
        }

    def _log_in(self) -> Any:
        context = self._browser.new_context()
        page = context.new_page()
        page.goto(f"{self._root}/login")
        page.get_by_label("E-mail address").fill(_ADMIN)
        page.get_by_label("Password").fill((self._service.home.path / "admin-password").read_text().strip())
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(re.compile("/console/"))
        state = context.storage_state()
        context.close()
        return state

    def _page(self) -> Any:
        context = self._browser.new_context(storage_state=self._state, viewport={"width": 1400, "height": 900})
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.add_init_script(f"({_WATCH})()")
        return page

    def _open(self, page: Any) -> float:
        return self._shown(page, lambda: page.goto(f"{self._explore}?last=all", wait_until="commit"))

    def _open_cold(self) -> tuple[float, int]:
        page, sizes = self._page(), []
        page.on(
            "requestfinished",
            lambda request: sizes.append(sum(request.sizes()[f"response{part}Size"] for part in ("Body", "Headers"))),
        )
        took = self._open(page)
        page.wait_for_load_state("networkidle")
        page.context.close()
        return took, sum(sizes)

    def _changes(self, page: Any) -> list[float]:
        """Clicks on values of facets, each from all lines on."""
        found = []
        for nth in range(_CHANGES):
            self._open(page)
            value = page.locator(
                ".facet[data-facet=level] .value > a:first-child, .facet[data-facet=status] .value > a:first-child"
            ).nth(nth)
            value.wait_for()
            page.wait_for_load_state("networkidle")
            found.append(self._changed(page, value, "click"))
        return found

    def _queries(self, page: Any) -> list[float]:
        found = []
        for text in ("timeout", "status:>=500 path:/api/*", "NOT level:info", "checkout"):
            self._open(page)
            page.locator("#plot canvas").wait_for()
            page.wait_for_load_state("networkidle")
            page.locator("#query").fill(text)
            found.append(self._changed(page, page.locator(".ask"), "requestSubmit"))
        return found

    def _changed(self, page: Any, target: Any, act: str) -> float:
        script = f"one => {{ window.since = performance.now(); one.{act}(); }}"
        return self._shown(page, lambda: target.evaluate(script)) - float(page.evaluate("since"))

    def _shown(self, page: Any, act: Callable[[], object]) -> float:
        with page.expect_console_message(lambda message: message.text.startswith(_SHOWN)) as told:
            act()
        return float(told.value.text.removeprefix(_SHOWN))

    def _scroll(self, page: Any) -> int:
        self._open(page)
        most = 0
        for _ in range(_SCREENS):
            last = page.evaluate("() => document.querySelector('#rows').lastElementChild.dataset.id")
            page.evaluate("() => { const one = document.querySelector('#lines'); one.scrollTop = one.scrollHeight; }")
            page.wait_for_function("id => document.querySelector('#rows').lastElementChild.dataset.id !== id", arg=last)
            most = max(most, page.locator("#rows > tr").count())
        return most

    def _follow(self, page: Any) -> dict[str, Any]:
        with page.expect_request(re.compile("/live")):
            page.goto(f"{self._explore}?last=15m&live=1")
        page.wait_for_timeout(1000)
        page.evaluate("long.length = 0")
        sent = _post(self._service, STREAM)
        page.wait_for_function(
            "words => document.querySelector('#rows td.line')?.innerText.includes(words)", arg=f"line {sent - 1} "
        )
        tasks = page.evaluate("long")
        return {
            "tail_lines": sent,
            "tail_longest_task_ms": max(tasks, default=0.0),
            "tail_long_tasks": sum(task > 100 for task in tasks),
        }


def _post(service: Service, stream: str) -> int:
    """At an even pace, from a thread: the browser is driven from this one. How many lines."""
    count = _RATE * _TAIL_SECONDS

    def post() -> None:
        sock = socket.create_connection(service.address, timeout=60)
        door, started = service.doors[stream], time.perf_counter()
        for first in range(0, count, _LINES_A_POST):
            time.sleep(max(0.0, started + first / _RATE - time.perf_counter()))
            lines = (
                {"level": "INFO", "message": f"line {nth} was followed", "path": f"/p/{nth % 97}", "n": nth}
                for nth in range(first, first + _LINES_A_POST)
            )
            body = "\n".join(map(json.dumps, lines)).encode()
            sock.sendall(door.head(service.address, len(body)) + body)
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            answer.read()
            if answer.status != 200:
                raise Failed(f"a line was refused: {answer.status}")

    sender = threading.Thread(target=post)
    sender.start()
    sender.join()
    return count


def _let_in(service: Service) -> None:
    """Who logs in is in the team."""
    tailsvc = Path(sys.executable).with_name("tailsvc")
    wanted = ("token", "create", "--home", service.home.path, "--team", _TEAM, "--ability", "team:manage")
    made = subprocess.run((tailsvc, *wanted), cwd=CODE, check=True, stdout=subprocess.PIPE, text=True)
    connection = http.client.HTTPConnection(*service.address, timeout=60)
    headers = {"Authorization": f"Bearer {made.stdout.strip()}", "Content-Type": "application/json"}
    body = json.dumps({"email": _ADMIN, "role": "member"})
    connection.request("POST", f"/api/teams/{_TEAM}/members", body, headers)
    answer = connection.getresponse()
    if answer.status != 201:
        raise Failed(f"nobody was let in: {answer.status} {answer.read()!r}")


@contextmanager
def _browser() -> Iterator[Any]:
    """Debian's Chromium: the installed one, else unpacked with the libraries that it needs, as for the tests."""
    from playwright.sync_api import sync_playwright

    from tests.debian import Unavailable, debian_tree

    files = ["usr/lib/chromium/chromium", "usr/lib/chromium/icudtl.dat"]
    try:
        tree = debian_tree("chromium", "chromium-common", provide=files)
    except Unavailable as error:
        raise Failed(str(error)) from error
    with sync_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, **tree.environment()}
        browser = playwright.chromium.launch(executable_path=tree.find(files[0]), env=environment)
        yield browser
        browser.close()
