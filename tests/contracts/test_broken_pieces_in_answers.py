"""What the API says where it meets a piece that cannot be read."""

import json
from collections.abc import Iterator

import pytest

from apps.query import exports
from tailsvc.errors import BrokenSegment
from tailsvc.storage.base import EventStore
from tailsvc.storage.postgres import PostgresEventStore
from tests.api.query.asking import address
from tests.asgi import Answer, Asgi, forget_the_loop
from tests.console.conftest import Person
from tests.contracts.pieces import append, catalogue, flipped, fresh_store, harm, lines, settle
from tests.factories.events import NOW
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract


@pytest.fixture
def store(database: None) -> Iterator[PostgresEventStore]:
    with fresh_store() as found:
        yield found


def test_the_api_names_what_is_missing(asgi: Asgi, store: PostgresEventStore) -> None:
    world = make_world()
    stream = world.stream.ref
    for word in ("kept", "lost"):
        append(lines(60, word=word), stream, store)
    segment = catalogue(stream)[1][0]
    harm("log_recent", segment, None, flipped)
    answer = asgi.get(world.logs + "?limit=500&start=2025-12-31T23:00:00Z&end=2026-01-01T01:00:00Z", token=world.token)
    assert answer.status == 200, answer.body
    told = answer.json()
    assert [event["raw_message"][:4] for event in told["data"]] == ["kept"] * 60
    (missing,) = told["meta"]["incomplete"]
    assert missing.startswith(f"recent block {segment} (ids 61 to 120): ")


# Exports


EACH = exports.FIRST_PAGE_EVENTS + 100
BROKEN = f"ids {EACH + 1} to {2 * EACH}"
READABLE = [*range(1, EACH + 1), *range(2 * EACH + 1, 3 * EACH + 1)]


@pytest.fixture
def large(store: EventStore) -> World:
    """Three segments, of which the first page of an export reads the first alone."""
    world = make_world()
    for nth in range(3):
        append(lines(EACH, start=NOW + nth * 10_000_000), world.stream.ref, store)
        settle(store, world.stream.ref)
    return world


def export(asgi: Asgi, world: World, **params: str) -> Answer:
    return asgi.get(address(world, "export", **params), token=world.token)


def exported(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.body
    return [json.loads(line)["id"] for line in answer.body.splitlines()]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Django leaves the request's empty body open then
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("part", [0, 1, 2], ids=["core", "text", "rest"])
def test_an_export_that_meets_a_broken_segment_on_its_way_breaks_off(
    asgi: Asgi, store: EventStore, large: World, part: int, direction: str
) -> None:
    harm("log_segment_part", catalogue(large.stream.ref)[1][0], part, flipped)
    with pytest.raises(BrokenSegment, match=BROKEN):
        export(asgi, large, direction=direction)
    forget_the_loop()
    again = export(asgi, large, direction=direction)  # now it is known from the first page on
    assert (sorted(exported(again)), again.headers["x-export-incomplete"]) == (READABLE, "1")


def test_an_export_without_what_it_told_at_its_beginning_is_whole(asgi: Asgi, store: EventStore, large: World) -> None:
    harm("log_segment_part", catalogue(large.stream.ref)[1][0], 0, flipped)
    assert len(store.check(large.stream.ref)) == 1
    answer = export(asgi, large)
    assert (exported(answer), answer.headers["x-export-incomplete"]) == (READABLE, "1")


# One event, its surroundings, and deleting


@pytest.fixture(params=[True, False], ids=["segments", "recent blocks"])
def small(store: EventStore, request: pytest.FixtureRequest) -> World:
    """Three pieces of 60 events, the second of which cannot be read."""
    world = make_world()
    stream = world.stream.ref
    for nth in range(3):
        append(lines(60, start=NOW + nth * 10_000_000), stream, store)
        if request.param:
            settle(store, stream)
    broken = catalogue(stream)[1][0]
    harm("log_segment_part" if request.param else "log_recent", broken, 0 if request.param else None, flipped)
    return world


def assert_named(told: str) -> None:
    assert "(ids 61 to 120): its checksum does not fit" in told


@pytest.mark.parametrize("what", ["", "/context"])
def test_an_event_that_may_lie_in_a_broken_piece_is_not_said_to_be_gone(asgi: Asgi, small: World, what: str) -> None:
    for _ in range(2):  # found out, and known
        answer = asgi.get(f"{small.logs}/61{what}", token=small.token)
        assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
        assert_named(answer.json()["message"])
    for there in (60, 121):
        assert asgi.get(f"{small.logs}/{there}{what}", token=small.token).status == 200
    assert asgi.get(f"{small.logs}/181{what}", token=small.token).status == 404


def test_surroundings_name_what_they_lack(asgi: Asgi, small: World) -> None:
    beside = asgi.get(f"{small.logs}/59/context?after=3", token=small.token).json()
    assert [event["id"] for event in beside["data"]["after"]] == [60, 121, 122]
    (missing,) = beside["meta"]["incomplete"]
    assert_named(missing)
    both = asgi.get(f"{small.logs}/125/context?before=10", token=small.token).json()
    assert [event["id"] for event in both["data"]["before"]] == [*range(55, 61), *range(121, 125)]
    assert both["meta"]["incomplete"] == [missing]
    assert asgi.get(f"{small.logs}/121/context?before=0", token=small.token).json()["meta"] == {}


def test_a_deletion_names_what_it_could_not_count(asgi: Asgi, small: World) -> None:
    window = {"start_time": NOW // 1000, "end_time": NOW // 1000 + 9_000}
    readable = asgi.request("DELETE", address(small, "logs", **window), token=small.token).json()
    assert (readable["data"]["deleted"], readable["meta"]) == (60, {})
    path = address(small, "logs", filters=[{"field": "q", "value": " 7 of"}])
    answer = asgi.request("DELETE", path, token=small.token)
    assert (answer.status, answer.json()["data"]["deleted"]) == (202, 1)
    (missing,) = answer.json()["meta"]["incomplete"]
    assert_named(missing)


def test_pages_say_what_cannot_be_read(small: World) -> None:
    person, page = Person(small.team), f"streams/{small.stream.slug}"
    assert "That line cannot be read at the moment." in person.text(f"{page}/?line=61")
    assert "lines may be missing here" in person.text(f"{page}/lines/59/surroundings")
    assert person.get(f"{page}/lines/61").status_code == 503
