"""Who is let in, and how quickly that changes."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from django.db import connections
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import lookups, services, tokens, verdicts
from apps.accounts.abilities import Ability, Role
from apps.accounts.api import TeamView
from apps.accounts.authentication import authenticate_bearer
from apps.accounts.errors import NotThere
from apps.accounts.models import PersonalAccessToken, User
from apps.accounts.scope import maintenance, team_scope
from apps.http.problems import Problem
from tests.api.conftest import Api
from tests.factories.accounts import make_member, make_team, make_token, make_user, membership_of

METHODS = ("GET", "HEAD", "DELETE", "PUT", "POST", "OPTIONS")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def kept(text: str) -> PersonalAccessToken:
    with maintenance():
        return PersonalAccessToken.objects.get(digest=tokens.digest(text))


def test_without_a_token_the_answer_says_how_to_come_back(api: Api) -> None:
    answer = api.get("/api/user")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="tailsvc"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Basic dTpw", "Bearer tsp_short", "Bearer " + "x" * 10_240, "Bearer eyJh.e30.x", "tsp_x"],
)
def test_a_malformed_token_never_reaches_the_database(api: Api, header: str) -> None:
    with (
        CaptureQueriesContext(connections["maintenance"]) as looked_up,
        CaptureQueriesContext(connections["default"]) as read,
    ):
        answer = api.get("/api/user", headers={"Authorization": header})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    assert not looked_up.captured_queries
    assert not read.captured_queries


def test_a_well_formed_token_that_nobody_made_is_refused(api: Api) -> None:
    assert api.get("/api/user", token=tokens.new_token()).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(api: Api, scheme: str) -> None:
    text = make_token(make_team())
    assert api.get("/api/user", headers={"Authorization": f"{scheme}  {text}"}).status_code == 200


def test_the_user_is_told_who_they_are(api: Api) -> None:
    team = make_team()
    user = make_member(team, Role.VIEWER)
    text = make_token(team, user, [Ability.STREAMS_READ, Ability.STREAMS_CREATE])
    told = api.get("/api/user", token=text).json()
    assert told["email"] == user.email
    assert told["team"] == {"id": team.pk, "slug": team.slug, "role": "viewer"}
    assert told["abilities"] == ["streams:read"]
    assert told["plan"]["query_requests_per_minute"] == 60


def test_a_token_stops_at_its_expiry_even_while_its_verdict_is_remembered(database: None) -> None:
    text = make_token(make_team(), expires_at=NOW + timedelta(seconds=1), now=NOW)
    assert authenticate_bearer(f"Bearer {text}", now=NOW).is_authenticated
    with pytest.raises(Problem) as refused:
        authenticate_bearer(f"Bearer {text}", now=NOW + timedelta(seconds=1))
    assert refused.value.status_code == 401


def test_an_expired_token_is_not_found(database: None) -> None:
    text = make_token(make_team(), expires_at=NOW + timedelta(seconds=1), now=NOW)
    assert lookups.find_caller(tokens.digest(text), now=NOW + timedelta(seconds=1)) is None


def test_who_has_left_the_team_is_refused(api: Api) -> None:
    team = make_team()
    make_member(team)
    user = make_member(team, Role.MEMBER)
    text = make_token(team, user)
    with maintenance():
        membership_of(team, user).delete()
    assert api.get("/api/user", token=text).status_code == 401


def test_a_deactivated_user_is_refused(api: Api) -> None:
    text = make_token(make_team())
    with maintenance():
        User.objects.filter(pk=kept(text).user_id).update(is_active=False)
    assert api.get("/api/user", token=text).status_code == 401


def test_a_member_of_another_team_gains_nothing_by_it(database: None) -> None:
    user = make_user()
    make_member(make_team(), Role.OWNER, user)
    other = make_team()
    make_member(other, Role.VIEWER, user)
    caller = lookups.find_caller(tokens.digest(make_token(other, user)), now=datetime.now(UTC))
    assert caller is not None
    assert caller.team_id == other.pk
    assert caller.abilities == {Ability.STREAMS_READ, Ability.OBJECTS_READ}


def test_the_last_use_is_written_once_a_minute(database: None) -> None:
    text = make_token(make_team())
    for seconds in (0, 59, 60, 61):
        lookups.find_caller(tokens.digest(text), now=NOW + timedelta(seconds=seconds))
        expected = 0 if seconds < 60 else 60
        assert kept(text).last_used_at == NOW + timedelta(seconds=expected)


def test_a_busy_token_costs_one_look_up(api: Api) -> None:
    text = make_token(make_team())
    verdicts.forget_all()
    with CaptureQueriesContext(connections["maintenance"]) as looked_up:
        for _ in range(5):
            assert api.get("/api/user", token=text).status_code == 200
    assert len(looked_up.captured_queries) == 2  # the token, and its first use


def test_a_revocation_that_is_rolled_back_leaves_the_token_working(api: Api) -> None:
    team = make_team()
    text = make_token(team)
    assert api.get("/api/user", token=text).status_code == 200

    with pytest.raises(NotThere), team_scope(team.pk):
        _revoke_this_and_one_that_is_not_there(team.pk, kept(text).pk)
    assert api.get("/api/user", token=text).status_code == 200


class Unstated(TeamView):
    def get(self, request: Request) -> Response:
        return Response({})


class Stated(Unstated):
    ability = Ability.STREAMS_READ
    abilities: ClassVar = {"DELETE": Ability.TEAM_MANAGE, "PUT": None}

    delete = put = Unstated.get


def asked(view: type[TeamView], method: str, text: str) -> int:
    request = RequestFactory().generic(method, "/", headers={"Authorization": f"Bearer {text}"})
    return view.as_view()(request).status_code


def test_a_view_that_states_no_ability_is_closed_to_everybody(database: None) -> None:
    text = make_token(make_team())
    assert asked(Unstated, "GET", text) == 403
    assert asked(Unstated, "HEAD", text) == 403


def test_a_view_may_state_an_ability_for_each_method(database: None) -> None:
    team = make_team()
    reading = make_token(team, make_member(team), [Ability.STREAMS_READ])
    managing = make_token(team, make_member(team), [Ability.TEAM_MANAGE])
    found = {method: (asked(Stated, method, reading), asked(Stated, method, managing)) for method in METHODS}
    assert found == {
        "GET": (200, 403),
        "HEAD": (200, 403),
        "DELETE": (403, 200),
        "PUT": (200, 200),
        "POST": (405, 405),
        "OPTIONS": (405, 405),
    }


def _revoke_this_and_one_that_is_not_there(team_id: int, token_id: int) -> None:
    for each in (token_id, 0):
        services.revoke_token(team_id=team_id, token_id=each, user_id=None, actor="test", now=NOW)
