"""GET /api/user/streams and /api/user/plan, as the Tailstream agent and client read them"""

import pytest

from apps.accounts.abilities import Role
from tests.api.conftest import Api
from tests.factories.accounts import make_member, make_team, make_token
from tests.factories.streams import make_stream, make_world

pytestmark = pytest.mark.contract


def test_the_streams_are_listed_as_the_clients_want_them(api: Api, database: None) -> None:
    world = make_world()
    second, _ = make_stream(world.team)
    api.patch(f"/api/streams/{second.pk}", {"description": "told"}, token=world.token)
    assert api.get("/api/user/streams", token=world.token).json() == {
        "streams": [
            {"id": one.pk, "name": one.name, "stream_id": str(one.uuid), "description": description}
            for one, description in ((world.stream, ""), (second, "told"))
        ]
    }


def test_the_plan_has_the_keys_that_the_agent_reads(api: Api, database: None) -> None:
    world = make_world("free")
    told = api.get("/api/user/plan", token=world.token).json()
    most = told["limits"]["max_streams"]
    assert most > 1
    assert told == {
        "plan_name": "free",
        "limits": {"max_streams": most, "retention_hours": 72},
        "current_usage": {"streams": 1},
        "permissions": {"can_create_streams": True},
    }


def test_a_plan_without_a_bound_says_null(api: Api, database: None) -> None:
    told = api.get("/api/user/plan", token=make_world("unlimited").token).json()
    assert told["limits"]["max_streams"] is None
    assert told["permissions"] == {"can_create_streams": True}


def test_a_full_plan_allows_no_more(api: Api, database: None) -> None:
    team = make_team("free")
    token = make_token(team)
    for _ in range(api.get("/api/user/plan", token=token).json()["limits"]["max_streams"]):
        make_stream(team)
    assert api.get("/api/user/plan", token=token).json()["permissions"] == {"can_create_streams": False}


def test_who_may_not_create_is_told_so(api: Api, database: None) -> None:
    team = make_team()
    for token in (make_token(team, make_member(team, Role.VIEWER)), make_token(team, abilities=["streams:read"])):
        assert api.get("/api/user/plan", token=token).json()["permissions"] == {"can_create_streams": False}
