"""/api/teams and its members"""

import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import connections

from apps.accounts import services
from apps.accounts.abilities import Ability, Role
from apps.accounts.errors import RuleBroken
from apps.accounts.models import AuditEntry
from apps.accounts.provisioning import MOST_TEAMS_OWNED
from apps.accounts.scope import maintenance, team_scope
from tests.api.conftest import Api
from tests.factories.accounts import make_member, make_team, make_token, make_user, membership_of, unique


def test_founding_a_team_makes_its_founder_the_owner(api: Api) -> None:
    mine = make_token(make_team())
    slug = unique("new")
    made = api.post("/api/teams", {"name": "New", "slug": slug, "plan": "unlimited", "id": 1}, token=mine)
    assert made.status_code == 201
    told = made.json()
    assert (told["slug"], told["name"], told["role"], told["plan"]["name"]) == (slug, "New", "owner", "free")
    assert slug in [team["slug"] for team in api.get("/api/teams", token=mine).json()["data"]]


def test_a_slug_is_made_from_the_name(api: Api) -> None:
    made = api.post("/api/teams", {"name": "Grüße & Co."}, token=make_token(make_team()))
    assert made.json()["slug"].startswith("gr-e-co-")


@pytest.mark.parametrize("slug", ["", "UPPER", "-a", "a-", "a b", "a" * 64, "ü", "a\nb"])
def test_an_unusable_slug_is_refused(api: Api, slug: str) -> None:
    answer = api.post("/api/teams", {"name": "x", "slug": slug}, token=make_token(make_team()))
    assert answer.status_code == 422
    assert "slug" in answer.json()["errors"]


def test_a_slug_belongs_to_one_team(api: Api) -> None:
    taken = make_team().slug
    answer = api.post("/api/teams", {"name": "x", "slug": taken}, token=make_token(make_team()))
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["slug"])


def test_nobody_owns_teams_without_end(api: Api) -> None:
    team = make_team()
    owner = make_member(team)
    for _ in range(MOST_TEAMS_OWNED - 1):
        make_member(make_team(), Role.OWNER, owner)
    assert api.post("/api/teams", {"name": "x"}, token=make_token(team, owner)).status_code == 422


def test_a_token_that_manages_nothing_knows_its_own_team_only(api: Api) -> None:
    team, user = make_team(), make_user()
    for each in (team, make_team()):
        make_member(each, Role.OWNER, user)
    reading = make_token(team, user, [Ability.STREAMS_READ])
    assert [each["slug"] for each in api.get("/api/teams", token=reading).json()["data"]] == [team.slug]
    assert api.post("/api/teams", {"name": "x"}, token=reading).status_code == 403


def test_a_team_is_renamed_and_nothing_else_of_it_changes(api: Api) -> None:
    team = make_team()
    mine = make_token(team)
    wish = {"name": "Renamed", "slug": "other", "plan": "unlimited"}
    told = api.patch(f"/api/teams/{team.slug}", wish, token=mine).json()
    assert (told["name"], told["slug"], told["plan"]["name"]) == ("Renamed", team.slug, "free")
    assert api.get(f"/api/teams/{team.slug}", token=mine).json() == told


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("GET", "/members"), ("POST", "/members"), ("DELETE", "/members/1")],
)
def test_another_team_is_not_there(api: Api, method: str, path: str) -> None:
    mine = make_token(make_team())
    for slug in (make_team().slug, unique("absent")):
        answer = api.request(method, f"/api/teams/{slug}{path}", {"name": "x"}, token=mine)
        assert answer.status_code == 404
        assert answer.json()["message"] == "No such team."


def test_members_are_invited_changed_and_removed(api: Api) -> None:
    team = make_team()
    mine = make_token(team)
    guest = make_user()
    members = f"/api/teams/{team.slug}/members"
    added = api.post(members, {"email": guest.email.upper(), "role": "viewer"}, token=mine)
    assert (added.status_code, added.json()["email"]) == (201, guest.email)
    one = f"{members}/{added.json()['id']}"
    assert api.patch(one, {"role": "member"}, token=mine).json()["role"] == "member"
    assert [each["role"] for each in api.get(members, token=mine).json()["data"]] == ["owner", "member"]
    theirs = make_token(team, guest)
    assert api.get("/api/user", token=theirs).status_code == 200
    assert api.delete(one, token=mine).status_code == 204
    assert api.get("/api/user", token=theirs).status_code == 401
    assert api.delete(one, token=mine).status_code == 404
    with maintenance():
        noted = AuditEntry.objects.filter(team=team, subject=guest.email).order_by("pk")
        assert [entry.action for entry in noted] == ["member.add", "member.role", "member.remove"]


def test_who_is_asked_back_starts_without_the_old_tokens(api: Api) -> None:
    team = make_team()
    mine, guest = make_token(team), make_member(team, Role.MEMBER)
    old = make_token(team, guest)
    api.delete(f"/api/teams/{team.slug}/members/{membership_of(team, guest).pk}", token=mine)
    api.post(f"/api/teams/{team.slug}/members", {"email": guest.email, "role": "member"}, token=mine)
    assert api.get("/api/user", token=old).status_code == 401


def test_a_change_of_role_holds_at_once(api: Api) -> None:
    team = make_team()
    mine, member = make_token(team), make_member(team, Role.MEMBER)
    theirs = make_token(team, member)
    assert api.get("/api/tokens", token=theirs).status_code == 200
    api.patch(f"/api/teams/{team.slug}/members/{membership_of(team, member).pk}", {"role": "viewer"}, token=mine)
    assert api.get("/api/tokens", token=theirs).status_code == 403


def test_a_member_manages_no_members(api: Api) -> None:
    team = make_team()
    theirs = make_token(team, make_member(team, Role.MEMBER))
    assert api.get(f"/api/teams/{team.slug}/members", token=theirs).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody@example.com", "role": "member"}, "email"),
        ({"email": "nobody", "role": "member"}, "email"),
        ({"email": 1, "role": "member"}, "email"),
        ({"email": "a@example.com", "role": "king"}, "role"),
        ({}, "email"),
    ],
)
def test_an_unusable_invitation_is_told_by_field(api: Api, body: object, field: str) -> None:
    team = make_team()
    answer = api.post(f"/api/teams/{team.slug}/members", body, token=make_token(team))
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_nobody_is_a_member_twice(api: Api) -> None:
    team = make_team()
    member = make_member(team, Role.MEMBER)
    wish = {"email": member.email, "role": "viewer"}
    answer = api.post(f"/api/teams/{team.slug}/members", wish, token=make_token(team))
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["email"])
    assert membership_of(team, member).role == "member"


def test_the_last_owner_can_neither_leave_nor_step_down(api: Api) -> None:
    team = make_team()
    owner = make_member(team)
    mine = make_token(team, owner)
    own = f"/api/teams/{team.slug}/members/{membership_of(team, owner).pk}"
    assert api.patch(own, {"role": "member"}, token=mine).status_code == 422
    assert api.delete(own, token=mine).status_code == 422
    make_member(team)
    assert api.patch(own, {"role": "member"}, token=mine).status_code == 200


def test_a_member_of_another_team_cannot_be_changed(api: Api) -> None:
    team, other = make_team(), make_team()
    theirs = membership_of(other, make_member(other)).pk
    mine = make_token(team)
    one = f"/api/teams/{team.slug}/members/{theirs}"
    assert api.patch(one, {"role": "viewer"}, token=mine).status_code == 404
    assert api.delete(one, token=mine).status_code == 404


def test_of_two_owners_who_demote_each_other_at_once_one_stays(database: None) -> None:
    team = make_team()
    first, second = (membership_of(team, make_member(team)).pk for _ in range(2))
    outcome: list[str] = []

    def demote_second() -> None:
        try:
            with team_scope(team.pk):
                _demote(team.pk, second)
            outcome.append("done")
        except RuleBroken:
            outcome.append("refused")
        finally:
            connections.close_all()

    rival = threading.Thread(target=demote_second)
    with team_scope(team.pk):
        _demote(team.pk, first)
        rival.start()
        _wait_for_a_lock_that_is_waited_for()
    rival.join(timeout=20)
    assert outcome == ["refused"]


def _demote(team_id: int, membership_id: int) -> None:
    services.change_role(
        team_id=team_id,
        membership_id=membership_id,
        role=Role.MEMBER,
        subject="x",
        actor="test",
        now=datetime.now(UTC),
    )


def _wait_for_a_lock_that_is_waited_for() -> None:
    asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%accounts_membership%'"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connections["owner"].cursor() as cursor:
            cursor.execute(asked)
            if cursor.fetchone():
                return
        time.sleep(0.01)
    pytest.fail("nobody waits for the lock")
