"""Django's admin, for operators."""

import pytest
from django.test import Client

from apps.accounts.abilities import Role
from apps.accounts.models import AuditEntry, Membership, PersonalAccessToken, Team
from apps.accounts.scope import maintenance
from apps.accounts.tokens import digest
from tests.api.conftest import Api, log_in, some_address
from tests.factories.accounts import make_member, make_team, make_token, make_user, membership_of

LISTS = ["plan", "user", "team", "membership", "personalaccesstoken", "auditentry"]


@pytest.fixture
def operator(database: None) -> Client:
    client = Client(REMOTE_ADDR=some_address())
    log_in(client, make_user(is_staff=True, is_superuser=True))
    return client


def test_the_admins_log_in_is_the_throttled_one(browser: Client) -> None:
    first = browser.get("/admin/")
    assert first["Location"] == "/admin/login/?next=/admin/"
    assert browser.get(first["Location"])["Location"] == "/login?next=%2Fadmin%2F"
    assert browser.post("/admin/login/", {})["Location"] == "/login?next=%2Fadmin%2F"


def test_a_user_who_is_no_operator_stays_out(browser: Client) -> None:
    log_in(browser, make_member(make_team()))
    for model in LISTS:
        assert browser.get(f"/admin/accounts/{model}/").status_code == 302


@pytest.mark.parametrize("model", LISTS)
def test_an_operator_looks_across_teams(operator: Client, model: str) -> None:
    teams = [make_team(), make_team()]
    for team in teams:
        make_token(team)
    page = operator.get(
        f"/admin/accounts/{model}/?q=" + teams[0].slug if model == "team" else f"/admin/accounts/{model}/"
    )
    assert page.status_code == 200


@pytest.mark.parametrize("path", ["auditentry/?action=%00", "membership/?role=%00", "user/?q=%00"])
def test_a_list_of_what_cannot_be_is_a_bad_request(operator: Client, path: str) -> None:
    assert operator.get(f"/admin/accounts/{path}").status_code == 400


def test_no_secret_of_a_token_is_shown(operator: Client) -> None:
    text = make_token(make_team())
    with maintenance():
        token = PersonalAccessToken.objects.get(digest=digest(text))
    page = operator.get(f"/admin/accounts/personalaccesstoken/{token.pk}/change/").content.decode()
    assert text[:12] in page
    assert text[12:] not in page
    assert digest(text).hex() not in page
    assert "digest" not in page.lower()


def test_an_operator_changes_a_plan_and_it_holds_at_once(operator: Client, api: Api) -> None:
    team = make_team("free")
    text = make_token(team)
    assert api.get("/api/user", token=text).json()["plan"]["name"] == "free"
    with maintenance():
        from apps.accounts.models import Plan

        business = Plan.objects.get(name="business")
    sent = {"slug": team.slug, "name": team.name, "plan": business.pk}
    assert operator.post(f"/admin/accounts/team/{team.pk}/change/", sent).status_code == 302
    assert api.get("/api/user", token=text).json()["plan"]["name"] == "business"
    with maintenance():
        noted = AuditEntry.objects.filter(team=team).latest("pk")
        assert (noted.actor, noted.action, noted.details["fields"]) == ("operator", "team.change", ["plan"])


def test_an_operator_revokes_a_token(operator: Client, api: Api) -> None:
    text = make_token(make_team())
    assert api.get("/api/user", token=text).status_code == 200
    with maintenance():
        token = PersonalAccessToken.objects.get(digest=digest(text))
    sent = {"action": "revoke", "_selected_action": [token.pk]}
    assert operator.post("/admin/accounts/personalaccesstoken/", sent).status_code == 302
    assert api.get("/api/user", token=text).status_code == 401


def test_a_member_whom_an_operator_removes_loses_their_tokens(operator: Client) -> None:
    team = make_team()
    member = make_member(team, Role.MEMBER)
    text = make_token(team, member)
    sent = {"action": "delete_selected", "_selected_action": [membership_of(team, member).pk], "post": "yes"}
    assert operator.post("/admin/accounts/membership/", sent).status_code == 302
    with maintenance():
        assert not Membership.objects.filter(team=team, user=member).exists()
        assert PersonalAccessToken.objects.get(digest=digest(text)).revoked_at is not None


def test_the_audit_list_cannot_be_changed(operator: Client) -> None:
    make_token(make_team())
    with maintenance():
        entry = AuditEntry.objects.latest("pk")
    for page in (f"{entry.pk}/delete/", "add/"):
        assert operator.post(f"/admin/accounts/auditentry/{page}", {"post": "yes"}).status_code == 403
    assert operator.post(f"/admin/accounts/auditentry/{entry.pk}/change/", {"actor": "x"}).status_code == 403


def test_an_operator_makes_a_user(operator: Client) -> None:
    from tests.factories.accounts import unique

    email = f"{unique('New')}@Example.com"
    sent = {"email": email, "usable_password": "false", "password1": "", "password2": ""}
    answer = operator.post("/admin/accounts/user/add/", sent)
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    with maintenance():
        from apps.accounts.models import User

        assert User.objects.filter(email=email.lower()).exists()


def test_a_team_is_not_deleted_under_its_streams(operator: Client) -> None:
    team = make_team()
    assert operator.post(f"/admin/accounts/team/{team.pk}/delete/", {"post": "yes"}).status_code == 403
    with maintenance():
        assert Team.objects.filter(pk=team.pk).exists()
