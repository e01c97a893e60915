"""The short cut in front of Django answers as the views do, and leaves to them what it does not know."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts import services as accounts
from apps.accounts.abilities import Ability
from apps.accounts.models import PersonalAccessToken
from apps.accounts.scope import maintenance, team_scope
from apps.accounts.tokens import digest
from apps.engine import store
from apps.http.problems import Problem
from apps.query import asgi as short_cut
from apps.query.rendering import _time_text
from apps.streams import services
from tailsvc import limits
from tailsvc.errors import StorageUnavailable
from tailsvc.timestamps import iso_text
from tests.api.conftest import Api
from tests.asgi import Answer, Asgi
from tests.factories.accounts import make_member, make_token
from tests.factories.streams import World, delete_stream, lines, make_world, now_micros

pytestmark = pytest.mark.contract
# What the views answer beside it: which methods there are.
OF_THE_VIEWS_ALONE = {"allow", "vary"}
OF_ONE_REQUEST = {"x-request-id"}


@pytest.fixture
def api(database: None) -> Api:
    return Api()


@pytest.fixture(scope="module")
def world(database: None) -> World:
    made = make_world()
    made.append(lines(250, start=now_micros() - 1_000_000, level="INFO", status=404))
    return made


@pytest.fixture
def cut_short(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was answered before Django."""
    seen: list[str] = []
    answer = short_cut._answer

    def noted(request: short_cut._Request, request_id: str) -> short_cut._Answer:
        seen.append(request.what)
        return answer(request, request_id)

    monkeypatch.setattr(short_cut, "_answer", noted)
    return seen


def path(world: World, rest: str) -> str:
    return f"/api/streams/{world.stream.uuid}/{rest}"


WINDOW = "start_time=1&end_time=99999999999"
ASKED = [
    "logs",
    "logs?limit=3",
    "logs?limit=3&limit=5",
    "logs?limit=",
    "logs?limit=2&total=true&end_time=1999999999999",
    "logs?filters=%5B%7B%22field%22%3A%22status%22%2C%22value%22%3A404%7D%5D&limit=7",
    "logs?filters=%5B%7B%22field%22%3A%22colour%22%2C%22value%22%3A1%7D%5D&limit=7",
    "logs?filters=%5B%5D&strict=1",
    "logs?filters=%FF%00",
    "logs?query=status%3A4xx+NOT+level%3Adebug&limit=7",
    "logs?query=stauts%3A4xx",
    "logs?query=%FF%00(",
    "histogram?interval=99999999999&start_time=1700000000000&end_time=1999999999999&query=status%3A(404+OR+5xx)",
    "facets?fields=level&query=a*b",
    "logs?cursor=nonsense",
    "logs?direction=up",
    "logs?" + "&".join(f"n{n}=1" for n in range(1100)),
    f"logs?{WINDOW}",
    "histogram",
    "histogram?interval=60000&start_time=1700000000000&end_time=1999999999999&split=level",
    "histogram?interval=99999999999&start_time=1700000000000&end_time=1999999999999&split=level",
    "histogram?interval=99999999999&start_time=1700000000000&end_time=1999999999999&split=colour",
    "facets?fields=level,status&start_time=1700000000000&end_time=1999999999999",
    "facets?fields=nothing",
    "facets?fields=level&limit=0",
]


@pytest.mark.parametrize("rest", ASKED, ids=lambda rest: rest[:60])
def test_both_doors_give_one_answer(api: Api, asgi: Asgi, world: World, cut_short: list[str], rest: str) -> None:
    same(asgi.get(path(world, rest), token=world.token), api.get(path(world, rest), token=world.token))
    assert len(cut_short) == 1


@pytest.mark.parametrize("kind", ["none", "nonsense", "ingest", "without the ability", "another team's"])
def test_both_doors_refuse_alike(api: Api, asgi: Asgi, world: World, kind: str) -> None:
    others = Ability.LOGS_DELETE, Ability.STREAMS_CREATE
    token = {
        "none": None,
        "nonsense": "nonsense",
        "ingest": world.ingest_token,
        "without the ability": make_token(world.team, make_member(world.team), set(others)),
        "another team's": make_world().token,
    }[kind]
    for what in short_cut.READS:
        same(asgi.get(path(world, what), token=token), api.get(path(world, what), token=token))


@pytest.mark.parametrize("address", ["nobody", "%00", "%2e", "a%2Fb", "%20", "%C3%A4", "", "0", "x" * 81])
def test_both_doors_know_no_odd_stream(api: Api, asgi: Asgi, world: World, address: str) -> None:
    odd = f"/api/streams/{address}/logs"
    answer = asgi.get(odd, token=world.token)
    assert answer.status == 404
    same(answer, api.get(odd, token=world.token))


def same(front: Answer, behind: Any) -> None:
    assert front.status == behind.status_code
    theirs = {name.lower(): value for name, value in behind.headers.items() if name.lower() not in OF_THE_VIEWS_ALONE}
    ours = dict(front.headers)
    assert ours.keys() == theirs.keys()
    assert {n: v for n, v in ours.items() if n not in OF_ONE_REQUEST} == {
        n: v for n, v in theirs.items() if n not in OF_ONE_REQUEST
    }
    assert {**front.json(), "request_id": ""} == {**behind.json(), "request_id": ""}


# What the short cut does not take


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("HEAD", {}, 200),
        ("OPTIONS", {}, 405),
        ("POST", {}, 405),
        ("GET", {"accept": "text/html"}, 406),
        ("GET", {"accept": ""}, 406),
        ("GET", {"host": "elsewhere.example"}, 400),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_views(
    asgi: Asgi, world: World, cut_short: list[str], method: str, headers: dict[str, str], status: int
) -> None:
    assert asgi.request(method, path(world, "logs"), token=world.token, headers=headers).status == status
    assert cut_short == []


@pytest.mark.parametrize(("query", "status"), [("?format=json", 200), ("?format=html", 404)])
def test_a_format_is_left_to_the_views(asgi: Asgi, world: World, cut_short: list[str], query: str, status: int) -> None:
    assert asgi.get(path(world, "logs" + query), token=world.token).status == status
    assert cut_short == []


def test_a_body_is_left_to_the_views(asgi: Asgi, world: World, cut_short: list[str]) -> None:
    assert asgi.request("GET", path(world, "logs"), b"{}", token=world.token).status == 200
    assert asgi.request("GET", path(world, "logs"), b"x" * 9_999_999, token=world.token).status == 413
    assert cut_short == []


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/json;q=0.9", "application/*"])
def test_who_takes_json_gets_it(asgi: Asgi, world: World, cut_short: list[str], accept: str) -> None:
    answer = asgi.get(path(world, "logs"), token=world.token, headers={"accept": accept})
    assert (answer.status, answer.headers["content-type"], cut_short) == (200, "application/json", ["logs"])


# What it remembers, and what goes wrong


def test_a_deleted_stream_is_gone_at_once(asgi: Asgi, world: World) -> None:
    other = make_world()
    assert asgi.get(path(other, "logs"), token=other.token).status == 200
    delete_stream(other.stream)
    assert asgi.get(path(other, "logs"), token=other.token).status == 404


def test_a_shorter_retention_hides_at_once(asgi: Asgi, world: World) -> None:
    other = make_world("free")
    other.append(lines(3, start=now_micros() - 2 * 3_600_000_000))
    assert len(asgi.get(path(other, "logs"), token=other.token).json()["data"]) == 3
    with team_scope(other.team.pk):
        stream = services.find_stream(str(other.stream.uuid))
        stream.retention_hours = 1
        stream.save(update_fields=["retention_hours"])
    assert asgi.get(path(other, "logs"), token=other.token).json()["data"] == []


def test_a_revoked_token_is_refused_at_once(asgi: Asgi, world: World) -> None:
    token = make_token(world.team, make_member(world.team))
    assert asgi.get(path(world, "logs"), token=token).status == 200
    with maintenance(atomic=True):
        kept = PersonalAccessToken.objects.get(digest=digest(token))
        accounts.revoke_token(
            team_id=world.team.pk, token_id=kept.pk, user_id=None, actor="test", now=datetime.now(UTC)
        )
    assert asgi.get(path(world, "logs"), token=token).status == 401


@pytest.mark.parametrize(
    ("error", "status"), [(StorageUnavailable("away"), 503), (Problem(418, "x"), 418), (KeyError("x"), 500)]
)
def test_what_goes_wrong_is_answered(
    asgi: Asgi, world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(store(), "scan", fails)
    answer = asgi.get(path(world, "logs"), token=world.token)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "KeyError" not in answer.json()["message"]


def test_slow_reads_wait_beside_each_other(asgi: Asgi, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """None would answer if one of them held the event loop, or the others' threads."""
    scan, together = store().scan, threading.Barrier(8, timeout=20)

    def meets(*args: Any) -> Any:
        together.wait()
        return scan(*args)

    monkeypatch.setattr(store(), "scan", meets)
    answers = asgi.together(*[asgi.call("GET", path(world, "logs"), token=world.token) for _ in range(8)])
    assert {answer.status for answer in answers} == {200}


def test_it_is_counted_by_its_route(api: Api, asgi: Asgi, world: World) -> None:
    sample = 'tailsvc_http_requests_total{method="GET",route="api/streams/<str:stream>/facets",status="200"}'

    def count() -> float:
        told = api.get("/metrics").content.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in told if line.startswith(sample))

    before = count()
    asgi.get(path(world, "facets?fields=level"), token=world.token)
    assert count() - before == 1


@given(st.integers(0, limits.LATEST_MICROS) | st.integers(0, limits.LATEST_MICROS // 1000).map(lambda ms: ms * 1000))
def test_times_are_shown_as_everywhere(micros: int) -> None:
    assert _time_text(micros) == iso_text(micros)
    assert _time_text(micros // 1_000_000 * 1_000_000) == iso_text(micros // 1_000_000 * 1_000_000)
