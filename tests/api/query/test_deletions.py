"""DELETE /api/streams/{stream}/logs."""

from typing import Any

import pytest

from apps.accounts.abilities import Ability
from apps.accounts.models import AuditEntry
from apps.accounts.scope import maintenance
from apps.engine import store
from tailsvc.errors import TooManyDeletions
from tailsvc.events import Event
from tests.api.conftest import Api
from tests.api.query.asking import address, clause
from tests.factories.accounts import make_token
from tests.factories.streams import World, lines, make_world, now_micros

pytestmark = pytest.mark.contract
HOUR = 3_600_000_000


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture
def now() -> int:
    return now_micros()


def delete(api: Api, world: World, **params: Any) -> Any:
    return api.delete(address(world, "logs", **params), token=world.token)


def deleted(api: Api, world: World, **params: Any) -> Any:
    answer = delete(api, world, **params)
    assert answer.status_code == 202, answer.content
    return answer.json()["data"]


def page(api: Api, world: World, **params: Any) -> Any:
    answer = api.get(address(world, "logs", **params), token=world.token)
    assert answer.status_code == 200, answer.content
    return answer.json()


def messages(api: Api, world: World, **params: Any) -> list[str]:
    return [event["raw_message"] for event in page(api, world, direction="asc", **params)["data"]]


def entries(world: World) -> list[AuditEntry]:
    with maintenance():
        return list(AuditEntry.objects.filter(team=world.team, action="logs.delete"))


def test_what_matches_is_hidden_at_once(api: Api, world: World, now: int) -> None:
    world.append([Event(now - HOUR, b"a", "ERROR"), Event(now - HOUR, b"b", "INFO"), Event(now - 1, b"c", "ERROR")])
    window = {"start_time": (now - 2 * HOUR) // 1000, "end_time": (now - HOUR) // 1000}
    told = deleted(api, world, filters=[clause("level", "error")], **window)
    assert told == {"deleted": 1, **window, "last_id": 3}
    assert messages(api, world) == ["b", "c"]
    assert api.get(f"{world.logs}/1", token=world.token).status_code == 404
    assert page(api, world, **window)["meta"]["total"] == 1


def test_what_comes_later_is_kept(api: Api, world: World, now: int) -> None:
    world.append([Event(now - HOUR, b"old")])
    deleted(api, world, end_time=now // 1000)
    world.append([Event(now - HOUR, b"new")])
    assert messages(api, world) == ["new"]
    assert deleted(api, world, end_time=now // 1000) == {
        "deleted": 1,
        "start_time": None,
        "end_time": now // 1000,
        "last_id": 2,
    }


def test_a_start_alone_reaches_until_now_as_in_a_query(api: Api, world: World, now: int) -> None:
    world.append([Event(now - HOUR, b"old"), Event(now - 1, b"new"), Event(now + HOUR, b"from the future")])
    assert deleted(api, world, start_time=(now - HOUR // 2) // 1000)["deleted"] == 1
    assert messages(api, world) == ["old", "from the future"]


def test_filters_alone_reach_everywhere(api: Api, world: World, now: int) -> None:
    world.append([Event(now - HOUR, b"a secret"), Event(now, b"harmless"), Event(now + HOUR, b"SECRET")])
    assert deleted(api, world, filters=[clause("q", "secret")])["deleted"] == 2
    assert messages(api, world) == ["harmless"]


def test_everything_goes_only_if_that_is_said(api: Api, world: World, now: int) -> None:
    world.append(lines(5, start=now - HOUR))
    assert deleted(api, world, all="true") == {"deleted": 5, "start_time": None, "end_time": None, "last_id": 5}
    assert messages(api, world) == []


def test_twice_deletes_once(api: Api, world: World, now: int) -> None:
    world.append(lines(5, start=now - HOUR))
    assert [deleted(api, world, all="true")["deleted"] for _ in range(2)] == [5, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "all"),
        ("all=false", "all"),
        ("all=perhaps", "all"),
        ("filters=[]", "all"),
        ('filters=[{"field":"q","value":""}]', "all"),
        ('all=true&filters=[{"field":"level","value":"INFO"}]', "all"),
        ("all=true&start_time=1", "all"),
        ("start_tiem=1&end_time=2", "start_tiem"),
        ("end_time=1&end_time=9999999999999", "end_time"),
        ("end_time=yesterday", "end_time"),
        ("start_time=1790000000001&end_time=1790000000000", "end_time"),
        ("cursor=abc&all=true", "cursor"),
        ("limit=1&all=true", "limit"),
        ('filters=[{"field":"colour","value":"red"},{"field":"level","value":"INFO"}]', "filters"),
        ('filters=[{"field":"level","operator":"like","value":"I%25"}]', "filters"),
        ('filters=[{"field":"status","value":"abc"}]', "filters"),
        ("filters={", "filters"),
        ("all=true&strict=false", "strict"),
    ],
)
def test_whatever_could_be_a_slip_is_refused_by_name(api: Api, world: World, now: int, query: str, field: str) -> None:
    world.append(lines(3, start=now - HOUR, level="INFO"))
    answer = api.delete(f"{world.logs}?{query}", token=world.token)
    assert answer.status_code == 422, answer.content
    assert list(answer.json()["errors"]) == [field]
    assert len(messages(api, world)) == 3
    assert entries(world) == []


def test_what_a_query_would_ignore_is_named(api: Api, world: World) -> None:
    told = delete(api, world, filters=[clause("colour", "red")], strict="true").json()["message"]
    assert "colour" in told
    told = delete(api, world, filters=[clause("level", "I%", "like")]).json()["message"]
    assert "like" in told


def test_before_the_plan_s_retention_nothing_can_be_meant(api: Api, now: int, database: None) -> None:
    free = make_world("free")
    answer = delete(api, free, start_time=(now - 73 * HOUR) // 1000)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["start_time"])


def test_it_needs_its_own_ability(api: Api, world: World, now: int) -> None:
    world.append(lines(1, start=now - HOUR))
    token = make_token(world.team, abilities={Ability.STREAMS_READ, Ability.STREAMS_DELETE})
    assert api.delete(f"{world.logs}?all=true", token=token).status_code == 403
    assert len(messages(api, world)) == 1


def test_it_is_written_down(api: Api, world: World, now: int) -> None:
    world.append(lines(2, start=now - HOUR, level="INFO"))
    deleted(api, world, filters=[clause("level", "INFO")], end_time=now // 1000)
    (entry,) = entries(world)
    assert entry.subject == world.stream.name
    assert entry.actor
    assert entry.details == {
        "start_time": None,
        "end_time": now // 1000,
        "filters": '[{"field":"level","operator":"=","value":"INFO"}]',
        "query": None,
        "last_id": 2,
        "deleted": 2,
    }


def test_too_many_that_wait_are_told_to_come_back(
    api: Api, world: World, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TooManyDeletions("64 deletions wait to be carried out.")

    monkeypatch.setattr(store(), "delete", refuse, raising=False)
    world.append(lines(1, start=now - HOUR))
    answer = delete(api, world, all="true")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert answer.json()["message"] == "64 deletions wait to be carried out."
    assert entries(world) == []


def test_no_kept_total_outlives_it(api: Api, world: World, now: int) -> None:
    world.append([*lines(3, start=now - HOUR, level="INFO"), *lines(2, start=now - HOUR, level="WARN")])
    open_window = {"start_time": (now - 2 * HOUR) // 1000}
    closed = {**open_window, "end_time": now // 1000}
    for window in (open_window, closed):
        assert page(api, world, **window)["meta"]["total"] == 5
    for level, left in (("WARN", 3), ("INFO", 0)):
        deleted(api, world, filters=[clause("level", level)])
        for window in (open_window, closed):
            assert page(api, world, **window)["meta"]["total"] == left


def test_a_deletion_counts_against_the_token_s_rate(api: Api, database: None) -> None:
    assert delete(api, make_world("free"), all="true")["RateLimit"].startswith('"logs";r=')
