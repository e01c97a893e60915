"""GET /api/streams/{stream}/logs."""

from typing import Any

import orjson
import pytest

from tailsvc import limits, retention
from tailsvc.events import Event
from tests.api.conftest import Api
from tests.doors import FrontDoor
from tests.factories.streams import World, lines, make_stream, make_world, now_micros

pytestmark = pytest.mark.contract
HOUR, MINUTE = 3_600_000_000, 60_000_000


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def now() -> int:
    return now_micros()


def get(api: Api, world: World, **params: Any) -> Any:
    if "filters" in params and not isinstance(params["filters"], str):
        params["filters"] = orjson.dumps(params["filters"]).decode()
    return api.request("GET", world.logs, token=world.token, query_params=params)


def found(api: Api, world: World, **params: Any) -> Any:
    answer = get(api, world, **params)
    assert answer.status_code == 200, answer.content
    return answer.json()


def messages(body: Any) -> list[str]:
    return [event["raw_message"] for event in body["data"]]


def test_without_a_window_the_newest_come_first_and_nothing_is_counted(api: Api, world: World, now: int) -> None:
    world.append(lines(5, start=now - HOUR))
    body = found(api, world)
    assert messages(body) == ["line 4", "line 3", "line 2", "line 1", "line 0"]
    assert body["meta"] == {"has_more": False, "next_cursor": None, "total": None}
    assert body["links"] == {"next": None}


def test_an_event_has_the_shape_of_the_document(api: Api, world: World) -> None:
    world.append([Event(1_800_000_000_000_000 - 50 * 24 * HOUR, b"GET /x", "INFO", "GET", "/x", status=200)])
    world.append([Event(1_800_000_000_000_000 - 50 * 24 * HOUR + 1, b"plain")])
    first, second = found(api, world, direction="asc")["data"]
    assert first == {
        "id": 1,
        "timestamp": "2026-11-26T08:00:00Z",
        "raw_message": "GET /x",
        "fields": {"level": "INFO", "method": "GET", "path": "/x", "status": 200, "status_class": "2xx"},
    }
    assert second == {"id": 2, "timestamp": "2026-11-26T08:00:00.000001Z", "raw_message": "plain"}


def test_broken_utf8_is_shown_replaced_and_kept_whole(api: Api, world: World, now: int) -> None:
    world.append([Event(now, b"a\xff\x00b")])
    (event,) = found(api, world)["data"]
    assert event["raw_message"] == "a\ufffd\x00b"
    assert event["raw_base64"] == "Yf8AYg=="


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_follow_each_other_by_cursor_alone(api: Api, world: World, now: int, direction: str) -> None:
    world.append(lines(25, start=now - HOUR, step=0))
    body = found(api, world, limit=10, direction=direction)
    seen = messages(body)
    while body["meta"]["has_more"]:
        world.append(lines(1, start=now - HOUR))  # comes after the walk began, and is none of its business
        body = found(api, world, limit=10, cursor=body["meta"]["next_cursor"])
        seen += messages(body)
    expected = [f"line {n}" for n in range(25)]
    assert seen == (expected if direction == "asc" else expected[::-1])


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_page_of_large_events_has_fewer(
    api: Api, world: World, now: int, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_BYTES", 30)
    world.append([*lines(10, start=now - HOUR, step=0), Event(now, b"x" * 100)])
    body, seen = found(api, world, direction=direction), list[int]()
    while True:
        seen += [len(body["data"])]
        if not body["meta"]["has_more"]:
            break
        body = found(api, world, cursor=body["meta"]["next_cursor"])
    assert seen == ([5, 5, 1] if direction == "asc" else [1, 5, 5])


def test_the_next_link_leads_on(api: Api, world: World, now: int) -> None:
    world.append(lines(3, start=now - HOUR))
    answer = get(api, world, limit=2)
    link = answer.json()["links"]["next"]
    assert link.startswith(f"http://127.0.0.1:8000/api/streams/{world.stream.uuid}/logs?cursor=")
    assert answer["Link"] == f'<{link}>; rel="next"'
    following = api.get(link.removeprefix("http://127.0.0.1:8000"), token=world.token).json()
    assert messages(following) == ["line 0"]
    assert following["links"]["next"] is None


def test_a_window_has_a_total_that_the_walk_keeps(api: Api, world: World, now: int) -> None:
    world.append(lines(7, start=now - HOUR))
    window = {"start_time": (now - 2 * HOUR) // 1000, "end_time": now // 1000}
    body = found(api, world, limit=3, **window)
    assert body["meta"]["total"] == 7
    world.append(lines(5, start=now - HOUR))
    assert found(api, world, cursor=body["meta"]["next_cursor"])["meta"]["total"] == 7
    # With an explicit end a new question counts what has come since.
    assert found(api, world, limit=3, **window)["meta"]["total"] == 12


def test_a_total_that_is_not_wanted_is_not_counted(api: Api, world: World, now: int) -> None:
    world.append(lines(1, start=now - HOUR))
    body = found(api, world, start_time=(now - 2 * HOUR) // 1000, total="false")
    assert body["meta"]["total"] is None


def test_a_window_includes_the_whole_of_its_last_millisecond(api: Api, world: World, now: int) -> None:
    at = (now - HOUR) // 1000 * 1000
    world.append([Event(at - 1, b"before"), Event(at, b"first"), Event(at + 999, b"last"), Event(at + 1000, b"after")])
    body = found(api, world, start_time=at // 1000, end_time=at // 1000, direction="asc")
    assert messages(body) == ["first", "last"]


def test_an_open_window_ends_now_and_the_cursor_remembers(api: Api, world: World, now: int) -> None:
    world.append([*lines(3, start=now - HOUR), Event(now + HOUR, b"from the future")])
    body = found(api, world, start_time=(now - 2 * HOUR) // 1000, limit=2)
    assert messages(body) == ["line 2", "line 1"]
    assert messages(found(api, world, cursor=body["meta"]["next_cursor"])) == ["line 0"]
    assert messages(found(api, world))[0] == "from the future"


def test_only_an_end_reaches_back_to_the_edge_of_retention(api: Api, now: int, database: None) -> None:
    world = make_world("free")
    world.append([Event(now - 73 * HOUR, b"too old"), Event(now - 71 * HOUR, b"old"), Event(now, b"new")])
    assert messages(found(api, world, end_time=(now - HOUR) // 1000)) == ["old"]
    assert messages(found(api, world)) == ["new", "old"]
    answer = get(api, world, start_time=(now - 73 * HOUR) // 1000)
    assert answer.status_code == 422
    assert "72 hours" in answer.json()["errors"]["start_time"][0]


def test_a_stream_s_own_retention_hides_earlier_than_the_plan_s(api: Api, world: World, now: int) -> None:
    stream, _ = make_stream(world.team, retention_hours=1)
    short = World(world.team, world.token, stream, "")
    short.append([Event(now - 2 * HOUR, b"hidden"), Event(now, b"seen")])
    assert messages(found(api, short, start_time=(now - 3 * HOUR) // 1000)) == ["seen"]
    assert api.get(f"{short.logs}/1", token=world.token).status_code == 404
    assert api.get(f"{short.logs}/2", token=world.token).status_code == 200


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "１０"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"start_time": "-1"}, "start_time"),
        ({"start_time": "1e12"}, "start_time"),
        ({"end_time": "9223372036854775807"}, "end_time"),
        ({"start_time": "1790000000001", "end_time": "1790000000000"}, "end_time"),
        ({"direction": "sideways"}, "direction"),
        ({"total": "perhaps"}, "total"),
        ({"strict": "perhaps"}, "strict"),
        ({"filters": "{"}, "filters"),
        ({"filters": "{}"}, "filters"),
        ({"filters": '[{"field": "status", "value": "abc"}]'}, "filters"),
        ({"filters": '[{"field": "status", "operator": "between", "value": [1]}]'}, "filters"),
        ({"filters": '[{"field": "status"}]'}, "filters"),
        ({"filters": "[1]"}, "filters"),
        ({"filters": "[" * 10000}, "filters"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(api: Api, world: World, params: dict[str, str], field: str) -> None:
    answer = get(api, world, **params)
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [field]
    assert answer.json()["message"]


FILTERED = [
    Event(0, b"a", "ERROR", "GET", "/api/a", "h1", 500, 1200.0, "10.0.0.1", src="web", filename="/var/a.log"),
    Event(
        0, b"b", "WARN", "POST", "/api/b", "h2", 404, 10.0, "10.0.0.2", "Mozilla/5.0", src="web", filename="/var/b.log"
    ),
    Event(0, b"c Timeout", "INFO", "GET", "/shop", "h1", 200, 99.5, "::1", "Googlebot/2.1", is_bot=True, src="app"),
    Event(0, b"d", attributes={"user": 7, "name": "Eve", "ok": True}),
]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ({"field": "status", "value": 500}, "a"),
        ({"field": "status", "operator": "==", "value": "500"}, "a"),
        ({"field": "status", "operator": "!=", "value": 500}, "bcd"),
        ({"field": "status", "operator": "not", "value": 500}, "bcd"),
        ({"field": "status", "operator": ">=", "value": 404}, "ab"),
        ({"field": "status", "operator": "gt", "value": 404}, "a"),
        ({"field": "status", "operator": "lte", "value": 404}, "bc"),
        ({"field": "status", "operator": "<", "value": 404}, "c"),
        ({"field": "status", "operator": "in", "value": [200, 500]}, "ac"),
        ({"field": "status", "operator": "in", "value": 200}, "c"),
        ({"field": "status", "operator": "not_in", "value": [200, 500]}, "bd"),
        ({"field": "status", "operator": "between", "value": [400, 499]}, "b"),
        ({"field": "status", "operator": "between", "value": [499, 400]}, ""),
        ({"field": "status_class", "value": "5xx"}, "a"),
        ({"field": "status_class", "operator": "!=", "value": "5xx"}, "bcd"),
        ({"field": "method", "value": "get"}, "ac"),
        ({"field": "method", "operator": "not_in", "value": ["get"]}, "bd"),
        ({"field": "level", "operator": "in", "value": ["error", "warning"]}, "ab"),
        ({"field": "level", "operator": "!=", "value": "info"}, "abd"),
        ({"field": "host", "operator": "like", "value": "%1"}, "ac"),
        ({"field": "host", "operator": "not_like", "value": "%1"}, "bd"),
        ({"field": "path", "operator": "like", "value": "/api/%"}, "ab"),
        ({"field": "path", "operator": "like", "value": "/API/%"}, ""),
        ({"field": "path", "operator": "like", "value": "/api/_"}, "ab"),
        ({"field": "response_time_ms", "operator": ">", "value": 99}, "ac"),
        ({"field": "response_time_ms", "operator": "between", "value": [10, 99.5]}, "bc"),
        ({"field": "ip", "operator": "like", "value": "10.0.0.%"}, "ab"),
        ({"field": "src", "value": "web"}, "ab"),
        ({"field": "filename", "operator": "in", "value": ["/var/a.log"]}, "a"),
        ({"field": "is_bot", "value": True}, "c"),
        ({"field": "is_bot", "value": "0"}, "abd"),
        ({"field": "is_bot", "operator": "!=", "value": "true"}, "abd"),
        ({"field": "q", "value": "tIMEout"}, "c"),
        ({"field": "search", "value": "googleBOT"}, "c"),
        ({"field": "q", "value": ""}, "abcd"),
        ({"field": "attributes.user", "operator": ">=", "value": 7}, "d"),
        ({"field": "attributes.user", "value": "7"}, "d"),
        ({"field": "attributes.name", "operator": "like", "value": "E%"}, "d"),
        ({"field": "attributes.ok", "value": True}, "d"),
        ({"field": "attributes.user", "operator": "!=", "value": 7}, "abc"),
    ],
)
def test_every_field_and_operator_of_the_table(
    api: Api, world: World, now: int, clause: dict[str, Any], expected: str
) -> None:
    world.append([event._replace(timestamp=now + n) for n, event in enumerate(FILTERED)])
    body = found(api, world, filters=[clause], direction="asc")
    assert "".join(message[0] for message in messages(body)) == expected
    assert "ignored" not in body["meta"]


def test_clauses_must_all_hold(api: Api, world: World, now: int) -> None:
    world.append([event._replace(timestamp=now + n) for n, event in enumerate(FILTERED)])
    clauses = [{"field": "method", "value": "GET"}, {"field": "status", "operator": "<", "value": 300}]
    assert messages(found(api, world, filters=clauses)) == ["c Timeout"]


def test_what_is_passed_over_is_told(api: Api, world: World, now: int) -> None:
    world.append([event._replace(timestamp=now + n) for n, event in enumerate(FILTERED)])
    clauses = [{"field": "colour", "value": "red"}, {"field": "level", "operator": "like", "value": "ERROR"}]
    body = found(api, world, filters=clauses)
    assert messages(body) == ["a"]
    assert body["meta"]["ignored"] == [
        {"index": 0, "field": "colour", "reason": "there is no field 'colour'"},
        {"index": 1, "field": "level", "reason": "level has no operator 'like'; = was used"},
    ]
    assert get(api, world, filters=clauses, strict="1").status_code == 422


def test_a_cursor_belongs_to_its_question(api: Api, world: World, now: int) -> None:
    world.append(lines(3, start=now - HOUR, level="INFO"))
    start, filters = (now - 2 * HOUR) // 1000, '[{"field":"level","value":"INFO"}]'
    cursor = found(api, world, start_time=start, filters=filters, limit=1)["meta"]["next_cursor"]
    assert messages(found(api, world, cursor=cursor, start_time=start, filters=filters, direction="desc"))
    for name, other in {"start_time": start + 1, "end_time": start + 9, "filters": "[]", "direction": "asc"}.items():
        answer = get(api, world, cursor=cursor, **{name: other})
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == [name]


def test_a_cursor_that_was_touched_is_refused_wherever_it_was(api: Api, world: World, now: int) -> None:
    world.append(lines(3, start=now - HOUR))
    cursor = found(api, world, limit=1)["meta"]["next_cursor"]
    for place in range(len(cursor)):
        for letter in "A_~\x00é":
            if cursor[place] != letter:
                broken = cursor[:place] + letter + cursor[place + 1 :]
                assert get(api, world, cursor=broken).status_code == 400
    assert get(api, world, cursor=cursor[:-1]).status_code == 400
    assert get(api, world, cursor="").status_code == 400


def test_a_cursor_belongs_to_its_stream(api: Api, world: World, now: int) -> None:
    world.append(lines(3, start=now - HOUR))
    stream, _ = make_stream(world.team)
    other = World(world.team, world.token, stream, "")
    other.append(lines(3, start=now - HOUR))
    cursor = found(api, world, limit=1)["meta"]["next_cursor"]
    assert get(api, other, cursor=cursor).status_code == 400


def test_a_cursor_behind_retention_is_gone(api: Api, database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world, now = make_world("free"), now_micros()
    world.append([Event(now - 72 * HOUR + minutes * MINUTE, b"about to go") for minutes in (20, 40)])
    cursor = found(api, world, limit=1, direction="asc")["meta"]["next_cursor"]
    assert get(api, world, cursor=cursor).status_code == 200
    edge = retention.edge
    monkeypatch.setattr(retention, "edge", lambda kept, now: edge(kept, now + HOUR // 2))  # half an hour goes by
    assert get(api, world, cursor=cursor).status_code == 410


def test_one_event_and_its_surroundings(api: Api, world: World, now: int) -> None:
    world.append(lines(30, start=now - HOUR, step=0))
    assert api.get(f"{world.logs}/15", token=world.token).json()["data"]["raw_message"] == "line 14"
    around = api.get(f"{world.logs}/15/context?before=2&after=3", token=world.token).json()["data"]
    assert [event["id"] for event in around["before"]] == [13, 14]
    assert around["event"]["id"] == 15
    assert [event["id"] for event in around["after"]] == [16, 17, 18]
    assert len(api.get(f"{world.logs}/15/context", token=world.token).json()["data"]["after"]) == 10
    assert api.get(f"{world.logs}/15/context?before=0&after=0", token=world.token).json()["data"]["before"] == []
    assert api.get(f"{world.logs}/15/context?before=101", token=world.token).status_code == 422
    for missing in ("31", "0", "99999999999999999999999"):
        assert api.get(f"{world.logs}/{missing}", token=world.token).status_code == 404
        assert api.get(f"{world.logs}/{missing}/context", token=world.token).status_code == 404


def test_a_walk_over_100_000_equal_times_returns_each_id_once(api: Api, world: World, now: int) -> None:
    thousands = 100 if isinstance(api, FrontDoor) else 20  # the longer way is the same walk, at three times the price
    for _ in range(thousands // 10):
        world.append(lines(10_000, start=now, step=0))
    for direction in ("asc", "desc"):
        seen: list[int] = []
        body = found(api, world, limit=500, direction=direction, total="false")
        while True:
            seen += [event["id"] for event in body["data"]]
            if not body["meta"]["has_more"]:
                break
            if len(seen) % 10_000 == 0:
                world.append(lines(10, start=now, step=0))
            body = found(api, world, limit=500, cursor=body["meta"]["next_cursor"])
        assert len(seen) == len(set(seen))
        assert seen == sorted(seen, reverse=direction == "desc")
        assert set(range(1, thousands * 1_000 + 1)) <= set(seen)


@pytest.mark.usefixtures("one_minute")
def test_queries_are_limited_per_token_and_say_so(api: Api, database: None) -> None:
    world = make_world("free")
    answers = [get(api, world) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    first, last = answers[0], answers[-1]
    assert first["X-RateLimit-Limit"] == "60"
    assert first["X-RateLimit-Remaining"] == "59"
    assert first["RateLimit"].startswith('"logs";r=59;t=')
    assert 0 < int(last["Retry-After"]) <= 60
    assert last.json()["message"]
