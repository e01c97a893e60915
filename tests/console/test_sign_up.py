"""A fresh installation, with nobody in it: who comes first signs up, and nobody after that."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from config.runtime.ports import free_port
from tests.console.browsing import check_access, shoot, visiting
from tests.environment import ROOT
from tests.factories.accounts import unique
from tests.runtime.instances import until

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Installation:
    """As a browser's test asks for it; of a whole service only the web server runs."""

    address: str
    database: str


@pytest.fixture
def fresh(installation: Installation) -> Installation:
    with psycopg.connect(installation.database, autocommit=True) as connection:
        connection.execute("TRUNCATE accounts_user, accounts_team CASCADE")
    return installation


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """A web server on a database of its own, prepared and empty."""
    with _database() as url:
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "DATABASE_URL": url, "TAILSVC_PUBLIC_URL": address}
        subprocess.run([sys.executable, "manage.py", "prepare_database"], cwd=ROOT, env=environment, check=True)
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "asgi",
            "--port",
            str(port),
            "config.asgi:application",
        ]
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: _answers(address), "the web server to answer", seconds=60)
            yield Installation(address, url)
        finally:
            server.terminate()
            server.wait(20)


@contextmanager
def _database() -> Iterator[str]:
    name = unique("fresh").replace("-", "_")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez").is_success
    except httpx.TransportError:
        return False


def test_the_first_user_signs_up_and_is_led_to_the_first_stream(chromium: Browser, fresh: Installation) -> None:
    with visiting(chromium, fresh) as visitor:
        page = visitor.open("/")
        expect(page.get_by_role("heading", name="Welcome to tailsvc")).to_be_visible()
        check_access(page)
        shoot(page, "sign-up")
        page.get_by_label("E-mail address").fill("first@example.com")
        page.get_by_label("Password").fill("password")
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_role("alert")).to_contain_text("too common")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Name of your team").fill("Shoes")
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_role("heading", name="New stream")).to_be_visible()
        page.get_by_label("Name", exact=True).fill("shop")
        page.get_by_role("button", name="Create and get a token").click()
        expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
        page.get_by_text("your account").locator("..").click()
        expect(page.get_by_role("link", name="Administration")).to_be_visible()
    assert httpx.get(f"{fresh.address}/sign-up").headers["Location"] == "/login"
    assert httpx.get(f"{fresh.address}/").headers["Location"] == "/login"


def test_of_many_who_come_at_once_one_is_the_first(fresh: Installation) -> None:
    def sign_up(nth: int) -> int:
        with httpx.Client(base_url=fresh.address, timeout=60) as client:
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/sign-up").text)
            assert token
            fields = {"email": f"one-{nth}@example.com", "password": PASSWORD, "team": "mine"}
            waiting.append(nth)
            until(lambda: len(waiting) == 6, "all to be there")
            return client.post("/sign-up", data={**fields, "csrfmiddlewaretoken": token[1]}).status_code

    waiting: list[int] = []
    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(sign_up, range(6)))
    # Who is beaten is told so, or led to the log-in where the first was there already.
    with httpx.Client(base_url=fresh.address) as client:
        log_ins = [_log_in(client, f"one-{nth}@example.com") for nth in range(6)]
    assert sorted(log_ins) == [200] * 5 + [302]
    assert set(answers) <= {302, 422}
    assert answers.count(422) >= 1


def _log_in(client: httpx.Client, email: str) -> int:
    client.cookies.clear()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/login").text)
    assert token
    fields = {"username": email, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    return client.post("/login", data=fields).status_code
