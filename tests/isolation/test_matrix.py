"""Every route times every kind of token. A route that is not in the table fails; so does an entry without a route."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import orjson
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import get_resolver

from apps.accounts.abilities import ALLOWED, Ability, Role
from apps.accounts.scope import team_scope
from apps.accounts.tokens import new_token
from apps.engine import store
from apps.streams import ingest_tokens
from apps.streams.models import IngestToken, Stream
from config.asgi import LIVE_ROUTES, RAW_ROUTES
from tests.api.conftest import Api
from tests.asgi import Answer, Asgi
from tests.doors import as_django_has_it
from tests.factories.accounts import make_member, make_token
from tests.factories.streams import delete_stream, make_stream
from tests.isolation import ground as grounds
from tests.isolation.ground import Ground, make_ground, parameters
from tests.isolation.routes import ADMIN, DIALECTS, RULES, Key, django_routes, found_routes

TokenOf = Callable[[Ground], str | None]

# Who is nobody, whatever route they try.
UNAUTHENTICATED: dict[str, TokenOf] = {
    "no token": lambda _: None,
    "nonsense": lambda _: "nonsense",
    "a well-formed token that nobody has": lambda _: new_token(),
    "an expired token": grounds.expired_token,
    "a revoked token": grounds.revoked_token,
    "an ingest token": lambda ground: ground.ingest_token,
    "a former member's token": grounds.former_members_token,
    "a deactivated user's token": grounds.inactive_users_token,
}
CALLERS = sorted(key for key, rule in RULES.items() if rule.who == "caller")
WITH_ABILITY = [key for key in CALLERS if RULES[key].ability is not None]
WITH_THINGS = [key for key in CALLERS if parameters(key[1])]
OPEN = sorted(key for key, rule in RULES.items() if rule.who in {"anybody", "session"})


@pytest.fixture(scope="module")
def mine(database: None) -> Ground:
    """Asked for by many tests, as a request that is refused leaves nothing behind."""
    return make_ground()


@pytest.fixture(scope="module")
def other(database: None) -> Ground:
    return make_ground()


@pytest.fixture(scope="module")
def elsewhere(mine: Ground) -> str:
    """One for all routes: nobody may own a team for each of them."""
    return grounds.token_for_ones_other_team(mine)


@pytest.fixture(scope="module")
def refused_tokens(mine: Ground) -> dict[str, str | None]:
    return {kind: token_of(mine) for kind, token_of in UNAUTHENTICATED.items()}


def named(key: Key) -> str:
    return " ".join(key)


class Doors(Api):
    """Asks whoever answers: Django, or the endpoints in front of it whose answers have no end."""

    def request(self, method: str, path: str, body: Any = None, *, token: str | None = None, **kwargs: Any) -> Any:
        if path[1:].startswith(DIALECTS) or any(live.pattern.fullmatch(path.partition("?")[0]) for live in LIVE_ROUTES):
            sent = b"" if body is None else orjson.dumps(body)
            headers = {"Content-Type": "application/json"}
            if method == "PATCH":
                headers["Content-Type"] = "application/merge-patch+json"
            return as_django_has_it(Asgi().request(method, path, sent, token=token, headers=headers))
        return super().request(method, path, body, token=token, **kwargs)


@pytest.fixture
def api(database: None) -> Api:
    return Doors()


def ask(api: Api, ground: Ground, key: Key, token: str | None, path: str | None = None) -> HttpResponse:
    method, route = key
    rule = RULES[key]
    answer = api.request(
        method.replace("*", "GET"), (path or ground.path(route)) + rule.query, ground.body(rule.body), token=token
    )
    return whole(answer) if isinstance(answer, StreamingHttpResponse) else answer


def whole(answer: StreamingHttpResponse) -> HttpResponse:
    """With all that is streamed, as the event loop would send it."""

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    return HttpResponse(asyncio.run(read()), status=answer.status_code, headers=answer.headers)


def all_or_some(names: frozenset[str]) -> list[frozenset[str]]:
    found = chain.from_iterable(combinations(sorted(names), size) for size in range(1, len(names) + 1))
    # Numbers of events mean something within a stream only, and a replica has the name that its reporter gives it.
    return [frozenset(some) for some in found if not set(some) <= {"event", "replica"}]


# The table


def test_every_route_is_known_and_every_known_one_is_there() -> None:
    assert found_routes() == set(RULES)


def test_every_raw_endpoint_is_an_agents() -> None:
    assert {prefix for prefix, _ in RAW_ROUTES} == {route for (_, route), rule in RULES.items() if rule.who == "agent"}


# Personal access tokens


@pytest.mark.parametrize("key", CALLERS, ids=named)
def test_who_is_not_authenticated_gets_401(
    api: Api, mine: Ground, refused_tokens: dict[str, str | None], key: Key
) -> None:
    for kind, token in refused_tokens.items():
        answer = ask(api, mine, key, token)
        assert answer.status_code == 401, kind
        assert answer["WWW-Authenticate"].startswith("Bearer")
        form = "application/json" if key[1].startswith(DIALECTS) else "application/problem+json"
        assert answer["Content-Type"] == form


@pytest.mark.parametrize("key", [key for key in CALLERS if key[0] == "GET"], ids=named)
def test_head_is_refused_as_get_is(api: Api, mine: Ground, key: Key) -> None:
    assert api.request("HEAD", mine.path(key[1])).status_code == 401
    ability = RULES[key].ability
    if ability is not None:
        token = grounds.token_without(mine, ability)
        assert api.request("HEAD", mine.path(key[1]), token=token).status_code == 403


@pytest.mark.parametrize("key", WITH_ABILITY, ids=named)
def test_every_ability_but_the_needed_one_is_too_few(api: Api, mine: Ground, key: Key) -> None:
    ability = RULES[key].ability
    assert ability is not None
    token = grounds.token_without(mine, ability)
    before = mine.snapshot()
    answer = ask(api, mine, key, token)
    assert answer.status_code == 403
    assert ability in answer["WWW-Authenticate"]
    assert mine.snapshot() == before


@pytest.mark.parametrize("key", CALLERS, ids=named)
def test_the_needed_ability_alone_is_enough(api: Api, key: Key) -> None:
    ground = make_ground()
    answer = ask(api, ground, key, grounds.token_with(ground, RULES[key].ability, *RULES[key].beside))
    assert answer.status_code in {200, 201, 202, 204}, answer.content


@pytest.mark.parametrize("key", CALLERS, ids=named)
def test_a_viewer_reads_and_changes_nothing(api: Api, mine: Ground, key: Key) -> None:
    ability = RULES[key].ability
    token = grounds.viewers_token(mine)
    before = mine.snapshot()
    answer = ask(api, mine, key, token)
    assert answer.status_code == (200 if ability is None or ability in ALLOWED[Role.VIEWER] else 403)
    assert mine.snapshot() == before
    assert mine.ingest_token.encode() not in answer.content


@pytest.mark.parametrize("key", [key for key in CALLERS if RULES[key].ability is Ability.TEAM_MANAGE], ids=named)
def test_a_member_does_not_manage_the_team(api: Api, mine: Ground, key: Key) -> None:
    token = make_token(mine.team, make_member(mine.team, Role.MEMBER))
    before = mine.snapshot()
    assert ask(api, mine, key, token).status_code == 403
    assert mine.snapshot() == before


@pytest.mark.parametrize("key", WITH_THINGS, ids=named)
def test_another_teams_things_are_not_there(api: Api, mine: Ground, other: Ground, key: Key) -> None:
    """All of the path's things, and each of them beside one's own."""
    before = other.snapshot()
    for theirs in all_or_some(parameters(key[1])):
        answer = ask(api, mine, key, mine.token, mine.path(key[1], other, theirs))
        assert answer.status_code == 404, theirs
    assert other.snapshot() == before


@pytest.mark.parametrize("key", WITH_THINGS, ids=named)
def test_an_absent_thing_and_another_teams_are_answered_alike(api: Api, mine: Ground, other: Ground, key: Key) -> None:
    def told(answer: HttpResponse, ground: Ground) -> dict[str, Any]:
        """But for what was asked for, which some say again."""
        shown = {name: value for name, value in answer.json().items() if name != "request_id"}
        text = orjson.dumps(shown).decode()
        for name in parameters(key[1]):
            text = text.replace(f"'{ground.things[name]}'", "it").replace(f'"{ground.things[name]}"', '"it"')
            text = text.replace(f'\\"{ground.things[name]}\\"', "it")
        return orjson.loads(text)

    absent = {**dict.fromkeys(other.things, "nobody"), "jti": "0" * 8 + "-0000-4000-8000-" + "0" * 12}
    absent |= dict.fromkeys(("member_id", "token_id", "event"), "999999999999")
    nowhere = Ground(other.team, other.owner, other.token, "", other.stream, other.deleted, absent)
    theirs = ask(api, mine, key, mine.token, other.path(key[1]))
    assert told(theirs, other) == told(ask(api, mine, key, mine.token, nowhere.path(key[1])), nowhere)


@pytest.mark.parametrize("key", WITH_THINGS, ids=named)
def test_a_token_is_for_its_own_team_alone(api: Api, mine: Ground, elsewhere: str, key: Key) -> None:
    """Also where its user is an owner of the other team."""
    before = mine.snapshot()
    assert ask(api, mine, key, elsewhere).status_code == 404
    assert mine.snapshot() == before


@pytest.mark.parametrize("key", [key for key in CALLERS if not parameters(key[1])], ids=named)
def test_lists_show_nothing_of_another_team(api: Api, mine: Ground, other: Ground, key: Key) -> None:
    before = other.snapshot()
    answer = ask(api, mine, key, mine.token)
    assert answer.status_code in {200, 201}
    shown = answer.content.decode()
    theirs = {other.team.slug, other.stream.name, other.things["stream"], other.things["jti"], other.owner.email}
    assert not [thing for thing in theirs if thing in shown]
    assert other.snapshot() == before


@pytest.mark.parametrize("route", sorted({route for _, route in CALLERS}))
def test_no_other_method_is_taken(api: Api, mine: Ground, route: str) -> None:
    known = {method for method, known_route in CALLERS if known_route == route}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - known:
        assert api.request(method, mine.path(route), token=mine.token).status_code == 405, method


# Open routes, pages, the admin


@pytest.mark.parametrize("key", OPEN, ids=named)
def test_a_token_changes_nothing_where_none_is_asked_for(
    api: Api, mine: Ground, refused_tokens: dict[str, str | None], key: Key
) -> None:
    few = [mine.token, refused_tokens["no token"], refused_tokens["an ingest token"]]  # log-ins are throttled
    answers = {ask(api, mine, key, token).status_code for token in few}
    assert len(answers) == 1
    assert answers <= {200, 302, 400, 415}


@pytest.mark.parametrize("key", [key for key in OPEN if RULES[key].who == "session"], ids=named)
def test_pages_want_a_log_in(api: Api, mine: Ground, key: Key) -> None:
    answer = ask(api, mine, key, mine.token)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?")


def test_the_admin_is_closed_to_every_token(api: Api, mine: Ground, refused_tokens: dict[str, str | None]) -> None:
    things = {"object_id": "1", "id": "1", "app_label": "accounts", "content_type_id": "1", "url": "accounts/user/"}
    found = [route for route, _ in django_routes(get_resolver()) if route.startswith(ADMIN)]
    assert len(found) > 30
    for route in found:
        path = _filled(route, things)
        for token in (mine.token, *refused_tokens.values()):
            answer = api.get(path, token=token)
            assert answer.status_code == 302, path
            assert answer["Location"].startswith(("/admin/login/?", "/login?")) or path == "/admin/logout/", path


def _filled(route: str, things: dict[str, str]) -> str:
    simple = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: things[match[1]], route)
    # The two that Django writes as regular expressions.
    return "/" + simple.replace("^(?P<app_label>accounts|auth)/$", "accounts/").replace("(?P<url>.*)$", "nowhere")


# Ingest


def send(asgi: Asgi, stream: Stream, token: str | None, method: str = "POST") -> Answer:
    return asgi.request(method, f"/api/ingest/{stream.uuid}", b'"a line"', token=token)


def test_an_agent_sends_with_its_streams_token(asgi: Asgi, mine: Ground) -> None:
    assert send(asgi, mine.stream, mine.ingest_token).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_agents_only_post(asgi: Asgi, mine: Ground, method: str) -> None:
    assert send(asgi, mine.stream, mine.ingest_token, method).status == 405


def test_an_agent_without_a_token_gets_401(asgi: Asgi, mine: Ground) -> None:
    assert send(asgi, mine.stream, None).status == 401


def _expired(ground: Ground) -> tuple[Stream, str]:
    stream, _ = make_stream(ground.team)
    with team_scope(ground.team.pk):
        past = datetime.now(UTC) - timedelta(hours=1)
        return stream, ingest_tokens.issue(stream=stream, ttl=60, actor="test", now=past).token


def _revoked(ground: Ground) -> tuple[Stream, str]:
    stream, token = make_stream(ground.team)
    with team_scope(ground.team.pk):
        issued = IngestToken.objects.get(stream=stream)
        ingest_tokens.revoke(token=issued, actor="test", now=datetime.now(UTC))
    return stream, token


def _deleted(ground: Ground) -> tuple[Stream, str]:
    stream, token = make_stream(ground.team)
    delete_stream(stream)
    return stream, token


FORBIDDEN: dict[str, Callable[[Ground], tuple[Stream, str]]] = {
    "nonsense": lambda ground: (ground.stream, "nonsense"),
    "an owner's personal access token": lambda ground: (ground.stream, ground.token),
    "an expired personal access token": lambda ground: (ground.stream, grounds.expired_token(ground)),
    "a viewer's token": lambda ground: (ground.stream, grounds.viewers_token(ground)),
    "another stream's ingest token": lambda ground: (ground.stream, make_stream(ground.team)[1]),
    "another team's ingest token": lambda ground: (ground.stream, make_ground().ingest_token),
    "an expired ingest token": _expired,
    "a revoked ingest token": _revoked,
    "a deleted stream's ingest token": _deleted,
}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_an_agent_with_any_other_token_gets_403(asgi: Asgi, mine: Ground, kind: str) -> None:
    stream, token = FORBIDDEN[kind](mine)
    before = store().head(stream.ref)
    assert send(asgi, stream, token).status == 403
    assert store().head(stream.ref) == before
