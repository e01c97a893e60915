"""`query` beside the other parameters: on everything that selects events, and bound into cursors."""

from typing import Any

import orjson
import pytest

from apps.accounts.models import AuditEntry
from apps.accounts.scope import team_scope
from apps.query.questions import read_condition
from tailsvc import limits
from tailsvc.errors import InvalidFilter, InvalidQuery
from tailsvc.events import Event
from tailsvc.filters import EVERYTHING, And, Contains, OneOf
from tests.api.conftest import Api
from tests.api.query.asking import address, clause
from tests.asgi import Asgi
from tests.factories.streams import World, make_world, now_micros

pytestmark = pytest.mark.contract
LINES = [
    ("GET /api/a 500 Timeout", {"path": "/api/a", "status": 500, "level": "ERROR"}),
    ("GET /api/b 404", {"path": "/api/b", "status": 404, "level": "WARN"}),
    ("GET /api/c 503 timeout", {"path": "/api/c", "status": 503, "level": "DEBUG"}),
    ("GET /x 502 timeout", {"path": "/x", "status": 502, "attributes": {"user id": 7}}),
    ("plain", {}),
]


@pytest.fixture
def world(database: None) -> World:
    made, start = make_world(), now_micros() - 60_000_000
    made.append([Event(start + n, text.encode(), **fields) for n, (text, fields) in enumerate(LINES)])
    return made


def get(api: Api, world: World, what: str = "logs", **params: Any) -> Any:
    return api.get(address(world, what, **params), token=world.token)


def found(api: Api, world: World, **params: Any) -> list[int]:
    """The numbers of the lines."""
    answer = get(api, world, **params)
    assert answer.status_code == 200, answer.content
    return sorted(event["id"] - 1 for event in answer.json()["data"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('status:>=500 path:/api/* "timeout" NOT level:debug', [0]),
        ("timeout OR level:warn", [0, 1, 2, 3]),
        ("-timeout", [1, 4]),
        ("status:* -status:5xx", [1]),
        ('attributes."user id":7', [3]),
        ("NOT level:*", [3, 4]),
        ("", [0, 1, 2, 3, 4]),
    ],
)
def test_a_query_selects(api: Api, world: World, query: str, expected: list[int]) -> None:
    assert found(api, world, query=query) == expected


def test_filters_and_query_hold_together(api: Api, world: World) -> None:
    assert found(api, world, query="timeout OR plain", filters=[clause("status", 503, "<")]) == [0, 3]


@pytest.mark.parametrize(
    ("what", "params"),
    [
        ("logs", {}),
        ("histogram", {"interval": 1_000_000_000}),
        ("facets", {"fields": "level"}),
        ("export", {}),
    ],
)
def test_a_bad_query_is_told_with_its_place(api: Api, world: World, what: str, params: dict[str, Any]) -> None:
    answer = get(api, world, what, query="a stauts:500", **params)
    assert answer.status_code == 422
    (told,) = answer.json()["errors"]["query"]
    assert told.startswith("column 3: there is no field 'stauts'. Did you mean status?")
    assert answer.json()["message"] == told


def test_summaries_count_what_a_query_selects(api: Api, world: World) -> None:
    (bucket,) = get(api, world, "histogram", interval=10**12, split="level", query="timeout").json()["data"]
    assert bucket["counts"] == {"": 1, "DEBUG": 1, "ERROR": 1}
    assert get(api, world, "facets", fields="path", query="level:(warn OR debug)").json()["data"]["path"] == [
        {"value": "/api/b", "count": 1},
        {"value": "/api/c", "count": 1},
    ]


def test_a_cursor_remembers_the_query(api: Api, world: World) -> None:
    window = {"start_time": now_micros() // 1000 - 3_600_000}
    first = get(api, world, query="timeout", limit=2, **window).json()
    assert first["meta"]["total"] == 3
    cursor = first["meta"]["next_cursor"]
    alone = get(api, world, cursor=cursor).json()
    assert [event["id"] for event in alone["data"]] == [1]
    assert alone["meta"]["total"] == 3
    assert get(api, world, cursor=cursor, query="timeout").json()["data"] == alone["data"]
    for other in ("time", "timeout ", ""):
        refused = get(api, world, cursor=cursor, query=other)
        assert (refused.status_code, [*refused.json()["errors"]]) == (422, ["query"])


def test_a_cursor_without_a_query_takes_none(api: Api, world: World) -> None:
    cursor = get(api, world, limit=2).json()["meta"]["next_cursor"]
    assert get(api, world, cursor=cursor, query="").status_code == 200
    assert get(api, world, cursor=cursor, query="plain").status_code == 422


def test_totals_of_two_queries_are_two(api: Api, world: World) -> None:
    window = {"start_time": now_micros() // 1000 - 3_600_000}
    totals = [get(api, world, query=query, **window).json()["meta"]["total"] for query in ("timeout", "plain", "")]
    assert totals == [3, 1, 5]


def test_an_export_has_what_a_query_selects_and_remembers_it(asgi: Asgi, world: World) -> None:
    begun = asgi.get(address(world, "export", query="timeout"), token=world.token)
    assert [orjson.loads(line)["id"] for line in begun.body.splitlines()] == [1, 3, 4]
    again = asgi.get(address(world, "export", cursor=begun.headers["x-export-cursor"]), token=world.token)
    assert again.body == begun.body


# Deletions


def delete(api: Api, world: World, **params: Any) -> Any:
    return api.delete(address(world, "logs", **params), token=world.token)


def test_a_query_alone_says_what_is_deleted(api: Api, world: World) -> None:
    assert delete(api, world, query="timeout -level:debug").json()["data"]["deleted"] == 2
    assert found(api, world) == [1, 2, 4]
    with team_scope(world.team.pk):
        entry = AuditEntry.objects.get(action="logs.delete")
    assert entry.details["query"] == "timeout -level:debug"


@pytest.mark.parametrize("query", ["", "  ", "*", "NOT", "stauts:1"])
def test_a_deletion_by_what_may_be_a_slip_is_refused(api: Api, world: World, query: str) -> None:
    assert delete(api, world, query=query).status_code == 422
    assert delete(api, world, all="true", query="a").status_code == 422
    assert len(found(api, world)) == 5


def test_an_empty_query_deletes_no_window(api: Api, world: World) -> None:
    refused = delete(api, world, query="", start_time=now_micros() // 1000 - 3_600_000)
    assert (refused.status_code, [*refused.json()["errors"]]) == (422, ["query"])


def test_the_deepest_query_is_kept_with_its_deletion(api: Api, world: World) -> None:
    nested = "plain"
    for _ in range(limits.QUERY_DEPTH):
        nested = f"(zzz OR plain {nested})"
    assert delete(api, world, query=nested).json()["data"]["deleted"] == 1
    assert found(api, world) == [0, 1, 2, 3]


def test_what_filters_and_query_say_together() -> None:
    filters = '[{"field": "level", "value": "error"}]'
    error, word = OneOf("level", ("ERROR",)), Contains("a")
    assert read_condition({}) == EVERYTHING
    assert read_condition({"filters": filters}) == error
    assert read_condition({"query": "a"}) == word
    assert read_condition({"filters": filters, "query": "a"}) == And((error, word))
    with pytest.raises(InvalidQuery, match="column 1"):
        read_condition({"query": ")"})
    with pytest.raises(InvalidFilter):
        read_condition({"filters": '[{"field": "colour", "value": 1}]', "strict": "1"})
