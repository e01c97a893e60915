"""GET /api/streams/{stream}/histogram and /facets."""

import tracemalloc
from typing import Any

import pytest

from apps.engine import store
from tailsvc import limits
from tailsvc.events import Event
from tailsvc.queries import Facets, Histogram, Selection, Split
from tailsvc.timestamps import iso_text
from tests.api.conftest import Api
from tests.api.query.asking import address, clause
from tests.factories.streams import World, lines, make_stream, make_world, now_micros

pytestmark = pytest.mark.contract
MINUTE = 60_000_000
HOUR = 60 * MINUTE


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def minute() -> int:
    """The beginning of a minute of the last hour, in microseconds."""
    return (now_micros() - HOUR) // MINUTE * MINUTE


def found(api: Api, world: World, what: str, **params: Any) -> Any:
    answer = api.get(address(world, what, **params), token=world.token)
    assert answer.status_code == 200, answer.content
    return answer.json()


def histogram(api: Api, world: World, **params: Any) -> Any:
    return found(api, world, "histogram", **{"interval": 60_000, **params})


def window(start: int, end: int) -> dict[str, int]:
    return {"start_time": start // 1000, "end_time": end // 1000}


def refusal(api: Api, world: World, what: str, **params: Any) -> tuple[str, str]:
    """The parameter that a 422 names, and what it says of it."""
    answer = api.get(address(world, what, **params), token=world.token)
    assert answer.status_code == 422, answer.content
    ((name, told),) = answer.json()["errors"].items()
    return name, told[0]


# Histogram


def test_counts_are_told_by_bucket_and_level_the_oldest_first(api: Api, world: World, minute: int) -> None:
    world.append(lines(3, start=minute + 2 * MINUTE, level="INFO"))
    world.append(lines(2, start=minute, level="ERROR"))
    world.append([Event(minute + MINUTE - 1, b"no level"), Event(minute + 10 * MINUTE, b"outside")])
    body = histogram(api, world, split="level", **window(minute, minute + 3 * MINUTE - 1))
    assert body["data"] == [
        {"start": iso_text(minute), "counts": {"": 1, "ERROR": 2}},
        {"start": iso_text(minute + 2 * MINUTE), "counts": {"INFO": 3}},
    ]
    assert body["meta"] == {
        "interval": 60_000,
        "split": "level",
        "start_time": minute // 1000,
        "end_time": (minute + 3 * MINUTE - 1) // 1000,
    }


def test_without_a_split_all_count_under_an_empty_text(api: Api, world: World, minute: int) -> None:
    world.append(lines(4, start=minute, level="INFO"))
    body = histogram(api, world, **window(minute, minute + MINUTE))
    assert body["data"] == [{"start": iso_text(minute), "counts": {"": 4}}]
    assert body["meta"]["split"] is None


def test_a_split_by_status_class(api: Api, world: World, minute: int) -> None:
    world.append([Event(minute, b"a", status=200), Event(minute, b"b", status=503), Event(minute, b"c")])
    body = histogram(api, world, split="status_class", **window(minute, minute + MINUTE))
    assert body["data"][0]["counts"] == {"": 1, "2xx": 1, "5xx": 1}


def test_of_many_levels_the_usual_and_some_are_told_apart(
    api: Api, world: World, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SPLIT_VALUES", 2)
    world.append([Event(minute, b"x", level=f"L{nth}") for nth in range(60)])
    world.append([Event(minute, b"x", level=level) for level in (None, "ERROR", "WARN", "L1", "L60")])
    body = histogram(api, world, split="level", **window(minute, minute + MINUTE))
    ((_, counts),) = (bucket.values() for bucket in body["data"])
    assert (counts.pop(""), counts.pop("ERROR"), counts.pop("WARN"), sum(counts.values())) == (1, 1, 1, 62)
    assert len(counts) == 3
    assert counts["other"] >= 58


def test_many_levels_in_many_buckets_need_little_room(world: World, minute: int) -> None:
    world.append([Event(minute + nth * 1_000, b"x", level=f"L{nth % 3_000}") for nth in range(6_000)])
    selection = Selection(minute, minute + 6_000_000)
    store().histogram(world.stream.ref, selection, interval=1_000_000, split=Split.LEVEL)  # decoded, and kept
    tracemalloc.start()
    try:
        found = store().histogram(world.stream.ref, selection, interval=1_200, split=Split.LEVEL)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(sum(counts.values()) for counts in found.buckets.values()) == 6_000
    assert most < 20_000_000  # a place for each level in each bucket takes 120 MB


def test_only_what_the_filters_let_through_is_counted(api: Api, world: World, minute: int) -> None:
    world.append([Event(minute, b"one timeout", "ERROR"), Event(minute, b"other", "INFO")])
    filters = [clause("q", "TIMEOUT"), clause("colour", "red")]
    body = histogram(api, world, split="level", filters=filters, **window(minute, minute + MINUTE))
    assert body["data"][0]["counts"] == {"ERROR": 1}
    assert [one["field"] for one in body["meta"]["ignored"]] == ["colour"]
    assert refusal(api, world, "histogram", interval=60_000, filters=filters, strict="true")[0] == "filters"


def test_the_last_millisecond_counts_whole(api: Api, world: World, minute: int) -> None:
    world.append([Event(minute - 1, b"before"), Event(minute + 999, b"in"), Event(minute + 1_000, b"after")])
    body = histogram(api, world, interval=1, **window(minute, minute))
    assert body["data"] == [{"start": iso_text(minute), "counts": {"": 1}}]


def test_without_a_window_it_reaches_from_the_edge_of_retention_to_now(api: Api, database: None) -> None:
    world, now = make_world("free"), now_micros()
    world.append([Event(now - 73 * HOUR, b"too old"), Event(now - 71 * HOUR, b"old"), Event(now + HOUR, b"later")])
    body = found(api, world, "histogram", interval=3_600_000)
    assert [sum(bucket["counts"].values()) for bucket in body["data"]] == [1]
    reached = body["meta"]["end_time"] - body["meta"]["start_time"]
    assert reached == pytest.approx(72 * HOUR // 1000, abs=1)
    assert now // 1000 <= body["meta"]["end_time"] <= now_micros() // 1000
    assert refusal(api, world, "histogram", interval=3_600_000, start_time=(now - 73 * HOUR) // 1000)[0] == "start_time"


def test_a_stream_s_own_retention_cuts_the_window(api: Api, world: World) -> None:
    stream, _ = make_stream(world.team, retention_hours=1)
    short, now = World(world.team, world.token, stream, ""), now_micros()
    short.append([Event(now - 2 * HOUR, b"hidden"), Event(now - 1, b"seen")])
    body = found(api, short, "histogram", interval=60_000, **window(now - 3 * HOUR, now))
    assert [bucket["counts"] for bucket in body["data"]] == [{"": 1}]
    assert body["meta"]["start_time"] >= (now - HOUR) // 1000


def test_the_smallest_interval_is_told_and_taken(api: Api, world: World, minute: int) -> None:
    asked = window(minute - 3 * HOUR, minute)
    name, told = refusal(api, world, "histogram", interval=1, **asked)
    smallest = int(told.split()[-1].rstrip("."))
    assert name == "interval"
    assert 3 * HOUR / 1000 / limits.HISTOGRAM_BUCKETS < smallest < 3 * HOUR / 1000 / limits.HISTOGRAM_BUCKETS * 1.01
    assert refusal(api, world, "histogram", interval=smallest - 1, **asked)[0] == "interval"
    assert found(api, world, "histogram", interval=smallest, **asked)["meta"]["interval"] == smallest


@pytest.mark.parametrize("interval", [None, "", "0", "-1", "1.5", "1m", "９", "9" * 40])
def test_an_interval_that_cannot_be_meant_is_refused(api: Api, world: World, interval: str | None) -> None:
    params = {} if interval is None else {"interval": interval}
    name, told = refusal(api, world, "histogram", **params)
    assert name == "interval"
    assert "at least " in told


@pytest.mark.parametrize("split", ["host", "", "LEVEL"])
def test_another_split_is_refused(api: Api, world: World, split: str) -> None:
    assert refusal(api, world, "histogram", interval=86_400_000, split=split) == (
        "split",
        "split must be level or status_class.",
    )


def test_a_window_that_lies_before_retention_is_empty(api: Api, world: World) -> None:
    assert found(api, world, "histogram", interval=1, end_time=1_000_000)["data"] == []


# Facets


def facets(api: Api, world: World, **params: Any) -> Any:
    return found(api, world, "facets", **params)


def test_the_most_frequent_values_come_first(api: Api, world: World, minute: int) -> None:
    world.append(lines(3, start=minute, level="INFO", status=200, path="/a", attributes={"user": 7}))
    world.append(lines(2, start=minute, level="ERROR", status=500, path="/b"))
    world.append(lines(1, start=minute, level="WARN"))
    body = facets(api, world, fields="level,status,status_class,attributes.user", limit=2)
    assert body["data"] == {
        "level": [{"value": "INFO", "count": 3}, {"value": "ERROR", "count": 2}],
        "status": [{"value": "200", "count": 3}, {"value": "500", "count": 2}],
        "status_class": [{"value": "2xx", "count": 3}, {"value": "5xx", "count": 2}],
        "attributes.user": [{"value": "7", "count": 3}],
    }
    assert body["meta"]["limit"] == 2


def test_facets_have_the_query_s_window_and_filters(api: Api, world: World, minute: int) -> None:
    world.append([Event(minute - 1, b"a", "INFO"), Event(minute, b"b", "WARN"), Event(minute, b"c", "ERROR")])
    body = facets(api, world, fields="level", filters=[clause("level", "ERROR", "!=")], **window(minute, minute))
    assert body["data"] == {"level": [{"value": "WARN", "count": 1}]}
    assert body["meta"] == {"limit": 10, **window(minute, minute)}
    told = facets(api, world, fields="level", filters=[clause("colour", "red")])["meta"]["ignored"]
    assert [one["field"] for one in told] == ["colour"]


def test_every_recognised_field_has_facets(api: Api, world: World, minute: int) -> None:
    world.append([Event(minute, b"x", user_agent="Googlebot/2.1", is_bot=True, trace_id="t")])
    names = [
        *("level", "method", "status", "path", "host", "response_time_ms", "ip", "user_agent", "referrer", "service"),
        *(
            "src",
            "message",
            "filename",
            "is_bot",
            "status_class",
            "replica",
            "container",
            "stdio",
            "trace_id",
            "span_id",
        ),
    ]
    shown: dict[str, Any] = {}
    for some in (names[:10], names[10:]):
        shown |= facets(api, world, fields=",".join(some))["data"]
    assert list(shown) == names
    assert shown["is_bot"] == [{"value": "true", "count": 1}]
    assert shown["level"] == []


def test_a_field_that_is_named_twice_is_answered_once(api: Api, world: World) -> None:
    assert facets(api, world, fields="level,level")["data"] == {"level": []}


@pytest.mark.parametrize("fields", ["", "colour", "level,", "level, status", "timestamp", "raw", "attributes.", "q"])
def test_unknown_fields_are_refused_and_the_known_ones_listed(api: Api, world: World, fields: str) -> None:
    name, told = refusal(api, world, "facets", fields=fields)
    assert name == "fields"
    assert all(word in told for word in ("status_class", "is_bot", "trace_id", "attributes.<name>"))


def test_fields_and_values_have_a_limit(api: Api, world: World) -> None:
    assert refusal(api, world, "facets")[0] == "fields"
    many = [f"attributes.a{nth}" for nth in range(limits.FACET_FIELDS + 1)]
    assert refusal(api, world, "facets", fields=",".join(many))[0] == "fields"
    assert len(facets(api, world, fields=",".join(many[:-1]))["data"]) == limits.FACET_FIELDS
    for bad in ("0", str(limits.FACET_VALUES + 1), "ten"):
        assert refusal(api, world, "facets", fields="level", limit=bad)[0] == "limit"


def test_ten_values_are_told_unless_more_are_asked_for(api: Api, world: World, minute: int) -> None:
    world.append([Event(minute, b"x", host=f"h{nth:03}") for nth in range(150)])
    assert len(facets(api, world, fields="host")["data"]["host"]) == limits.FACET_VALUES_DEFAULT
    assert len(facets(api, world, fields="host", limit=100)["data"]["host"]) == 100


def test_of_too_many_values_the_frequent_ones_are_kept(
    api: Api, world: World, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FACET_BYTES", 20_000)
    for part in range(4):  # the frequent one comes in all of them
        world.append([Event(minute, b"x", host=f"{part}-{nth}", path="/") for nth in range(60)])
        world.append([Event(minute, b"x", host="frequent", path="/")] * 50)
    body = facets(api, world, fields="host,path", limit=2)
    assert body["meta"]["approximate"] == ["host"]
    assert body["data"]["host"][0] == {"value": "frequent", "count": 200}
    assert body["data"]["path"] == [{"value": "/", "count": 440}]
    assert "approximate" not in facets(api, world, fields="path")["meta"]


# Both


def test_what_could_not_be_read_is_named(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = ("segment 7",)
    monkeypatch.setattr(store(), "histogram", lambda *_, **__: Histogram({}, lost), raising=False)
    monkeypatch.setattr(store(), "facets", lambda *_, **__: Facets({}, lost), raising=False)
    assert histogram(api, world, interval=86_400_000)["meta"]["incomplete"] == ["segment 7"]
    assert facets(api, world, fields="level")["meta"]["incomplete"] == ["segment 7"]


def test_they_count_against_the_token_s_rate(api: Api, world: World, database: None) -> None:
    limited = make_world("free")
    for what, params in (("histogram", {"interval": 3_600_000}), ("facets", {"fields": "level"})):
        answer = api.get(address(limited, what, **params), token=limited.token)
        assert answer["RateLimit"].startswith('"logs";r=')
