"""GET /api/usage"""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.accounts.scope import maintenance
from apps.streams.models import Usage
from tests.api.conftest import Api
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract
DAYS = [date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)]


@pytest.fixture
def world(database: None) -> World:
    made = make_world()
    jti = uuid4()
    for nth, day in enumerate(DAYS, 1):
        use(made, jti, day, requests=nth, events=nth * 10, rejected=0, bytes=2**40)
    return made


def use(world: World, jti: UUID, day: date, **counts: int) -> None:
    with maintenance(atomic=True):
        Usage.objects.create(team=world.team, stream=world.stream, jti=jti, day=day, **counts)


def days(api: Api, world: World, query: str = "") -> list[str]:
    answer = api.get(f"/api/usage{query}", token=world.token)
    assert answer.status_code == 200
    return [each["day"] for each in answer.json()["data"]]


def test_usage_is_shown_by_stream_token_and_day_newest_first(api: Api, world: World) -> None:
    told: list[dict[str, Any]] = api.get("/api/usage", token=world.token).json()["data"]
    assert [each["day"] for each in told] == ["2026-02-01", "2026-01-31", "2026-01-30"]
    newest = told[0]
    assert newest.keys() == {"stream_id", "jti", "day", "requests", "events", "rejected", "bytes"}
    assert newest["stream_id"] == world.stream.pk
    assert (newest["requests"], newest["events"], newest["rejected"], newest["bytes"]) == (3, 30, 0, 2**40)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?from=2026-01-31", 2),
        ("?to=2026-01-31", 2),
        ("?from=2026-01-31&to=2026-01-31", 1),
        ("?from=2026-02-02", 0),
        ("?from=0001-01-01&to=9999-12-31", 3),
        ("?from=2026-02-01&to=2026-01-01", 0),
    ],
)
def test_both_ends_belong_to_the_window(api: Api, world: World, query: str, count: int) -> None:
    assert len(days(api, world, query)) == count


@pytest.mark.parametrize("day", ["", "today", "2026-02-30", "2026-1-1", "20260101", "2026-W01-1", "%00", "10000-01-01"])
def test_what_is_no_day_is_told(api: Api, world: World, day: str) -> None:
    for name in ("from", "to"):
        answer = api.get(f"/api/usage?{name}={day}", token=world.token)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == [name]
        assert answer.json()["detail"] == f"{name} must be a day as YYYY-MM-DD."


def test_another_teams_usage_is_not_shown(api: Api, world: World) -> None:
    assert days(api, make_world()) == []
