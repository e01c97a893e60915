"""/api/tokens"""

from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.abilities import Ability, Role
from apps.accounts.models import AuditEntry, PersonalAccessToken
from apps.accounts.scope import maintenance
from tests.api.conftest import Api
from tests.factories.accounts import make_member, make_team, make_token

MANAGE = [Ability.TOKENS_MANAGE, Ability.STREAMS_READ]


def test_a_token_is_shown_once_and_works(api: Api) -> None:
    mine = make_token(make_team())
    made = api.post("/api/tokens", {"name": "ci", "abilities": ["streams:read"]}, token=mine)
    assert made.status_code == 201
    told = made.json()
    assert told["prefix"] == told["token"][:12]
    assert told["expires_at"] is None
    assert api.get("/api/user", token=told["token"]).json()["abilities"] == ["streams:read"]
    listed = api.get("/api/tokens", token=mine)
    assert [each["name"] for each in listed.json()["data"]] == ["ci", "test"]
    assert told["token"] not in listed.content.decode()


def test_a_token_is_kept_as_a_digest_only(api: Api) -> None:
    text = make_token(make_team())
    with maintenance():
        rows = PersonalAccessToken.objects.values().filter(prefix=text[:12])
        assert text[12:] not in str(list(rows))


def test_nobody_can_give_more_than_they_have(api: Api) -> None:
    team = make_team()
    mine = make_token(team, make_member(team), MANAGE)
    asked = {"name": "more", "abilities": ["streams:read", "streams:delete"]}
    answer = api.post("/api/tokens", asked, token=mine)
    assert answer.status_code == 422
    assert "streams:delete" in answer.json()["errors"]["abilities"][0]


def test_nor_more_than_their_role_allows(api: Api) -> None:
    team = make_team()
    mine = make_token(team, make_member(team, Role.MEMBER))
    answer = api.post("/api/tokens", {"name": "more", "abilities": ["team:manage"]}, token=mine)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ([], "non_field_errors"),
        ({"name": 1, "abilities": ["streams:read"]}, "name"),
        ({"name": "x", "abilities": []}, "abilities"),
        ({"name": "x", "abilities": "streams:read"}, "abilities"),
        ({"name": "x" * 151, "abilities": ["streams:read"]}, "name"),
        ({"name": "a\x00b", "abilities": ["streams:read"]}, "name"),
        ({"name": "x", "abilities": ["streams:read"], "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "abilities": ["streams:read"], "expires_at": "9999-12-31T23:59:59-10:00"}, "expires_at"),
        ({"name": "x", "abilities": ["streams:read"], "expires_at": "soon"}, "expires_at"),
    ],
)
def test_an_unusable_wish_is_told_by_field(api: Api, body: object, field: str) -> None:
    answer = api.post("/api/tokens", body, token=make_token(make_team()))
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_an_unknown_ability_is_told(api: Api) -> None:
    answer = api.post("/api/tokens", {"name": "x", "abilities": ["no:such"]}, token=make_token(make_team()))
    assert answer.status_code == 422
    assert any(name.startswith("abilities") for name in answer.json()["errors"])


def test_a_body_that_is_not_json_is_a_bad_request(api: Api) -> None:
    assert api.post("/api/tokens", b"{", token=make_token(make_team())).status_code == 400


def test_a_token_may_expire(api: Api) -> None:
    moment = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    wish = {"name": "x", "abilities": ["streams:read"], "expires_at": moment.isoformat()}
    made = api.post("/api/tokens", wish, token=make_token(make_team()))
    assert datetime.fromisoformat(made.json()["expires_at"]) == moment


def test_a_revoked_token_is_refused_at_once(api: Api) -> None:
    team = make_team()
    mine = make_token(team)
    made = api.post("/api/tokens", {"name": "ci", "abilities": ["streams:read"]}, token=mine).json()
    assert api.get("/api/user", token=made["token"]).status_code == 200
    assert api.delete(f"/api/tokens/{made['id']}", token=mine).status_code == 204
    assert api.get("/api/user", token=made["token"]).status_code == 401
    assert api.delete(f"/api/tokens/{made['id']}", token=mine).status_code == 404
    assert made["id"] not in [each["id"] for each in api.get("/api/tokens", token=mine).json()["data"]]


def test_members_see_and_revoke_their_own_and_owners_all(api: Api) -> None:
    team = make_team()
    owners = make_token(team)
    members = make_token(team, make_member(team, Role.MEMBER), MANAGE)
    seen_by_owner = api.get("/api/tokens", token=owners).json()["data"]
    seen_by_member = api.get("/api/tokens", token=members).json()["data"]
    assert len(seen_by_owner) == 2
    assert [each["prefix"] for each in seen_by_member] == [members[:12]]
    theirs = next(each["id"] for each in seen_by_owner if each["prefix"] == owners[:12])
    assert api.delete(f"/api/tokens/{theirs}", token=members).status_code == 404
    assert api.delete(f"/api/tokens/{seen_by_member[0]['id']}", token=owners).status_code == 204


def test_another_teams_token_is_not_there(api: Api) -> None:
    foreign = make_token(make_team())
    theirs = api.get("/api/tokens", token=foreign).json()["data"][0]["id"]
    mine = make_token(make_team())
    assert api.delete(f"/api/tokens/{theirs}", token=mine).status_code == 404
    assert api.get("/api/user", token=foreign).status_code == 200


@pytest.mark.parametrize("token_id", ["0", "9223372036854775807", "9" * 30])
def test_an_id_of_any_size_is_just_not_there(api: Api, token_id: str) -> None:
    assert api.delete(f"/api/tokens/{token_id}", token=make_token(make_team())).status_code == 404


def test_too_few_abilities_are_named(api: Api) -> None:
    team = make_team()
    mine = make_token(team, make_member(team), [Ability.STREAMS_READ])
    answer = api.get("/api/tokens", token=mine)
    assert answer.status_code == 403
    assert "tokens:manage" in answer.json()["message"]
    assert 'scope="tokens:manage"' in answer["WWW-Authenticate"]


def test_a_viewer_manages_no_tokens(api: Api) -> None:
    team = make_team()
    assert api.get("/api/tokens", token=make_token(team, make_member(team, Role.VIEWER))).status_code == 403


def test_the_pages_of_a_long_list_hold_each_token_once(api: Api) -> None:
    team = make_team()
    owner = make_member(team)
    for _ in range(4):
        mine = make_token(team, owner)
    seen: list[int] = []
    query = ""
    while True:
        page = api.get(f"/api/tokens?limit=2{query}", token=mine).json()
        seen += [each["id"] for each in page["data"]]
        if page["meta"]["next_cursor"] is None:
            break
        query = f"&cursor={page['meta']['next_cursor']}"
    assert len(seen) == len(set(seen)) == 4
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=-1", f"cursor={2**70}"])
def test_an_unusable_page_is_refused(api: Api, query: str) -> None:
    assert api.get(f"/api/tokens?{query}", token=make_token(make_team())).status_code == 422


def test_making_and_revoking_is_audited(api: Api) -> None:
    team = make_team()
    mine = make_token(team)
    made = api.post("/api/tokens", {"name": "ci", "abilities": ["streams:read"]}, token=mine).json()
    api.delete(f"/api/tokens/{made['id']}", token=mine)
    with maintenance():
        noted = AuditEntry.objects.filter(team=team, subject__startswith="ci (").order_by("pk")
        assert [entry.action for entry in noted] == ["token.create", "token.revoke"]
        assert made["token"] not in str(list(noted.values()))


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE"])
def test_other_methods_are_not_allowed(api: Api, method: str) -> None:
    assert api.request(method, "/api/tokens", token=make_token(make_team())).status_code == 405
