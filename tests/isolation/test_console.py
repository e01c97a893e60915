"""Every page of the console times everybody who may knock: strangers, other teams, every role, tokens."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client

from apps.accounts.abilities import ALLOWED, Role
from tests.api.conftest import log_in, some_address
from tests.factories.accounts import make_member
from tests.isolation.ground import Ground, make_ground, parameters
from tests.isolation.routes import CONSOLE, RULES, Key
from tests.isolation.test_matrix import whole

PAGES = sorted(key for key, rule in RULES.items() if rule.who == "member")
FORMS = [key for key in PAGES if key[0] == "POST"]


def named(key: Key) -> str:
    return " ".join(key)


@pytest.fixture(scope="module")
def mine(database: None) -> Ground:
    return make_ground()


@pytest.fixture(scope="module")
def other(database: None) -> Ground:
    return make_ground()


@pytest.fixture(scope="module")
def browsers(mine: Ground) -> Callable[[Role], Client]:
    """One for each role, with CSRF left to the tests of the frame."""
    found: dict[Role, Client] = {}

    def browser(role: Role) -> Client:
        if role not in found:
            found[role] = Client(REMOTE_ADDR=some_address())
            log_in(found[role], mine.owner if role is Role.OWNER else make_member(mine.team, role))
        return found[role]

    return browser


def ask(browser: Client, ground: Ground, key: Key, path: str | None = None, **headers: str) -> HttpResponse:
    method, route = key
    rule = RULES[key]
    path_and_query = (path or ground.path(route)) + rule.query
    if method == "POST":
        return browser.post(path_and_query, ground.body(rule.body or {}), headers=headers)
    answer = browser.get(path_and_query, headers=headers)
    return whole(answer) if isinstance(answer, StreamingHttpResponse) else answer


def test_every_page_of_the_console_is_a_teams_or_none() -> None:
    below = {key for key, rule in RULES.items() if key[1].startswith(CONSOLE) and rule.who != "follower"}
    assert below - set(PAGES) == {("GET", CONSOLE), ("GET", "console/<path:path>")}


@pytest.mark.parametrize("key", PAGES, ids=named)
def test_a_stranger_is_sent_to_log_in_whatever_token_he_has(mine: Ground, key: Key) -> None:
    before = mine.snapshot()
    for headers in ({}, {"Authorization": f"Bearer {mine.token}"}):
        answer = ask(Client(), mine, key, **headers)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login")
    assert mine.snapshot() == before


@pytest.mark.parametrize("key", PAGES, ids=named)
def test_another_teams_pages_are_not_there(
    browsers: Callable[[Role], Client], mine: Ground, other: Ground, key: Key
) -> None:
    """Wholly theirs, and each of their things under one's own team."""
    before = other.snapshot()
    assert ask(browsers(Role.OWNER), mine, key, other.path(key[1])).status_code == 404
    for name in parameters(key[1]) - {"team"}:
        if name not in {"event", "replica"}:  # they mean something within a stream only
            path = mine.path(key[1], other, frozenset({name}))
            assert ask(browsers(Role.OWNER), mine, key, path).status_code == 404, name
    assert other.snapshot() == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
@pytest.mark.parametrize("key", PAGES, ids=named)
def test_a_role_opens_what_it_allows_and_changes_nothing_else(
    browsers: Callable[[Role], Client], mine: Ground, key: Key, role: Role
) -> None:
    ability = RULES[key].ability
    may = ability is None or ability in ALLOWED[role]
    if may and key in FORMS:
        return  # the owner does it below, on a ground of its own
    browser = browsers(role)  # who joins the team is seen there
    before = mine.snapshot()
    answer = ask(browser, mine, key)
    assert answer.status_code == (200 if may else 403)
    assert mine.snapshot() == before
    if role is Role.VIEWER and may:
        assert mine.ingest_token.encode() not in answer.content


@pytest.mark.parametrize("key", PAGES, ids=named)
def test_an_owner_opens_every_page_and_sends_every_form(key: Key) -> None:
    ground = make_ground()
    browser = Client(REMOTE_ADDR=some_address())
    log_in(browser, ground.owner)
    before = ground.snapshot()
    answer = ask(browser, ground, key)
    assert answer.status_code in ({200, 302} if key in FORMS else {200}), answer.content
    if key in FORMS:
        assert ground.snapshot() != before
    else:
        assert ground.snapshot() == before
