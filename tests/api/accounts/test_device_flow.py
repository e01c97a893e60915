"""The OAuth device flow, as the Tailstream agent and client walk it, and as a person confirms it."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts import device_flow, grants
from apps.accounts.abilities import Role
from apps.accounts.errors import RuleBroken
from apps.accounts.models import AuditEntry, DeviceGrant, PersonalAccessToken, Team, User
from apps.accounts.scope import maintenance
from apps.accounts.upkeep import clear_expired
from tests.api.conftest import Api, log_in
from tests.asgi import Asgi
from tests.factories.accounts import make_member, make_team, make_user

CODE, TOKEN = "/api/oauth/device/code", "/api/oauth/device/token"
AGENT = "tailstream-agent"
AGENT_SCOPE = "stream:read stream:write stream:create"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def poll(device_code: str, client_id: str = AGENT) -> dict[str, str]:
    return {"grant_type": device_flow.GRANT_TYPE, "device_code": device_code, "client_id": client_id}


def csrf(page: bytes) -> str:
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return found[1].decode()


def decide(browser: Client, user_code: str, team: Team, decision: str = "approve") -> int:
    page = browser.get(f"/device?user_code={user_code}")
    fields = {"user_code": user_code, "team": str(team.pk), "decision": decision}
    return browser.post("/device", {**fields, "csrfmiddlewaretoken": csrf(page.content)}).status_code


def test_the_agent_logs_in(api: Api, browser: Client) -> None:
    """Every call, status and key as the Go agent has them."""
    began = api.form(CODE, {"client_id": AGENT, "scope": AGENT_SCOPE})
    assert began.status_code == 200
    codes = began.json()
    assert set(codes) == {
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
        "expires_in",
        "interval",
    }
    assert isinstance(codes["expires_in"], int)
    assert isinstance(codes["interval"], int)
    assert codes["verification_uri"] == f"{settings.PUBLIC_URL}/device"

    for _ in range(3):  # much faster than the interval: never slow_down, which would end the agent's log-in
        assert api.form(TOKEN, poll(codes["device_code"])).json()["error"] == "authorization_pending"

    team = make_team()
    user = make_member(team)
    log_in(browser, user)
    shown = urlsplit(codes["verification_uri_complete"])
    assert decide(browser, parse_qs(shown.query)["user_code"][0], team) == 200

    answer = api.form(TOKEN, poll(codes["device_code"]))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    assert "error" not in told
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 90 * 86400, AGENT_SCOPE)
    me = api.get("/api/user", token=told["access_token"]).json()
    assert me["team"]["slug"] == team.slug
    assert me["abilities"] == ["streams:create", "streams:issue-token", "streams:read", "streams:update"]


def test_an_access_token_is_given_once(api: Api) -> None:
    device_code = approved_code(api)
    assert "access_token" in api.form(TOKEN, poll(device_code)).json()
    again = api.form(TOKEN, poll(device_code))
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_of_many_polls_at_once_one_gets_the_token(api: Api) -> None:
    device_code = approved_code(api)

    def redeem(_: int) -> object:
        try:
            return grants.redeem(device_code=device_code, client_id=AGENT, now=datetime.now(UTC))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(redeem, range(6)))
    assert outcomes.count("invalid_grant") == 5


def test_the_device_code_of_another_client_is_unknown(api: Api) -> None:
    device_code = approved_code(api)
    refused = api.form(TOKEN, poll(device_code, "tailstream-client")).json()
    assert refused["error"] == "invalid_grant"
    assert "access_token" in api.form(TOKEN, poll(device_code)).json()


def test_a_viewer_gives_no_more_than_they_may(api: Api) -> None:
    told = api.form(TOKEN, poll(approved_code(api, Role.VIEWER))).json()
    assert told["scope"] == "stream:read"
    assert api.get("/api/user", token=told["access_token"]).json()["abilities"] == ["streams:read"]


def test_who_has_left_the_team_before_the_poll_gives_nothing(api: Api) -> None:
    device_code = approved_code(api)
    with maintenance():
        grant = DeviceGrant.objects.get(device_digest=grants._digest(device_code))
        grant.team.memberships.all().delete()
    assert api.form(TOKEN, poll(device_code)).json()["error"] == "access_denied"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_client"),
        ({"client_id": "evil"}, "invalid_client"),
        ({"client_id": AGENT, "scope": "stream:read admin"}, "invalid_scope"),
    ],
)
def test_unknown_clients_and_scopes_are_refused(api: Api, fields: dict[str, str], error: str) -> None:
    answer = api.form(CODE, fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        (poll(""), "invalid_grant"),
        (poll("\x00\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")), "invalid_grant"),
        (poll("code", "tailsvc\x00"), "invalid_grant"),
    ],
)
def test_a_bad_poll_is_told_in_oauths_words(api: Api, fields: dict[str, str], error: str) -> None:
    answer = api.form(TOKEN, fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "zlib"])
def test_a_bad_poll_is_told_whatever_it_says_of_its_charset(asgi: Asgi, charset: str) -> None:
    sent = f"grant_type={device_flow.GRANT_TYPE}&client_id={AGENT}&device_code=+2AA-".encode()
    headers = {"content-type": f"application/x-www-form-urlencoded; charset={charset}"}
    answer = asgi.post(TOKEN, sent, headers=headers)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")


def test_json_is_not_spoken_here(api: Api) -> None:
    assert api.post(CODE, {"client_id": AGENT}).status_code == 415


@pytest.mark.usefixtures("one_minute")
def test_codes_are_not_to_be_had_without_end(api: Api) -> None:
    answers = [api.form(CODE, {"client_id": "evil"}) for _ in range(31)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert int(limited[0]["Retry-After"]) >= 1


def test_a_denied_device_is_told_so(api: Api, browser: Client) -> None:
    codes = api.form(CODE, {"client_id": AGENT}).json()
    team = make_team()
    log_in(browser, make_member(team))
    assert decide(browser, codes["user_code"], team, "deny") == 200
    assert api.form(TOKEN, poll(codes["device_code"])).json()["error"] == "access_denied"
    assert decided_by_now(codes["user_code"])


def test_the_page_asks_for_a_log_in_first(browser: Client) -> None:
    answer = browser.get("/device?user_code=BCDF-GHJK")
    assert answer.status_code == 302
    assert answer["Location"] == "/login?next=/device%3Fuser_code%3DBCDF-GHJK"


def test_the_page_says_who_asks_for_what(api: Api, browser: Client) -> None:
    codes = api.form(CODE, {"client_id": AGENT, "scope": "stream:read"}).json()
    team = make_team()
    log_in(browser, make_member(team))
    page = browser.get("/device", {"user_code": codes["user_code"].lower().replace("-", " ")}).content.decode()
    assert "Tailstream agent" in page
    assert "streams:read" in page
    assert team.slug in page
    assert "streams:update" not in page
    assert "<script>" not in page
    assert "<style" not in page
    assert " style=" not in page


@pytest.mark.parametrize("code", ["", "BCDF-GHJK", "<script>", "\x00"])
def test_a_wrong_code_is_told_and_asked_again(browser: Client, code: str) -> None:
    log_in(browser, make_user())
    page = browser.get("/device", {"user_code": code})
    assert page.status_code == 422
    assert b'role="alert"' in page.content
    assert b"<script>" not in page.content


def test_a_form_from_elsewhere_decides_nothing(api: Api, browser: Client) -> None:
    codes = api.form(CODE, {"client_id": AGENT}).json()
    team = make_team()
    log_in(browser, make_member(team))
    fields = {"user_code": codes["user_code"], "team": str(team.pk), "decision": "approve"}
    assert browser.post("/device", fields).status_code == 403
    assert api.form(TOKEN, poll(codes["device_code"])).json()["error"] == "authorization_pending"


def test_nobody_lets_a_device_into_a_team_they_are_not_in(api: Api, browser: Client) -> None:
    codes = api.form(CODE, {"client_id": AGENT}).json()
    log_in(browser, make_member(make_team()))
    assert decide(browser, codes["user_code"], make_team()) == 422
    assert api.form(TOKEN, poll(codes["device_code"])).json()["error"] == "authorization_pending"


@pytest.mark.usefixtures("one_minute")
def test_user_codes_cannot_be_guessed_in_bulk(browser: Client) -> None:
    log_in(browser, make_user())
    answers = [browser.get("/device?user_code=BCDF-GHJK") for _ in range(21)]
    assert 429 in [answer.status_code for answer in answers]


def test_an_expired_code_is_neither_confirmed_nor_redeemed(database: None) -> None:
    user = make_member(make_team())
    codes = grants.begin(client_id=AGENT, scopes=["stream:read"], now=NOW)
    late = NOW + device_flow.CODE_LIFE
    assert grants.find_undecided(codes.user_code, now=late - timedelta(seconds=1))
    assert grants.find_undecided(codes.user_code, now=late) is None
    with pytest.raises(RuleBroken):
        grants.decide(user=user, user_code=codes.user_code, team_id=1, approve=True, now=late)
    assert grants.redeem(device_code=codes.device_code, client_id=AGENT, now=late) == "expired_token"


def test_a_code_is_decided_once(database: None) -> None:
    team = make_team()
    user = make_member(team)
    codes = grants.begin(client_id=AGENT, scopes=["stream:read"], now=NOW)
    wish = {"user": user, "user_code": codes.user_code, "team_id": team.pk, "now": NOW}
    grants.decide(**wish, approve=False)
    with pytest.raises(RuleBroken):
        grants.decide(**wish, approve=True)


def test_a_confirmation_is_audited(api: Api) -> None:
    device_code = approved_code(api)
    api.form(TOKEN, poll(device_code))
    with maintenance():
        team = DeviceGrant.objects.get(device_digest=grants._digest(device_code)).team
        noted = AuditEntry.objects.filter(team=team).order_by("pk")
        assert [entry.action for entry in noted] == ["device.approve", "token.create"]


def test_what_is_long_dead_is_cleared_away_and_nothing_else(database: None) -> None:
    team = make_team()
    user = make_member(team)
    codes = grants.begin(client_id=AGENT, scopes=["stream:read"], now=NOW)
    grants.decide(user=user, user_code=codes.user_code, team_id=team.pk, approve=True, now=NOW)
    assert isinstance(grants.redeem(device_code=codes.device_code, client_id=AGENT, now=NOW), grants.AccessToken)

    def left(now: datetime) -> tuple[bool, bool]:
        clear_expired(now=now)
        with maintenance():
            mine = PersonalAccessToken.objects.filter(team=team)
            return mine.exists(), DeviceGrant.objects.filter(team=team).exists()

    assert left(NOW + timedelta(days=1)) == (True, True)
    assert left(NOW + timedelta(days=1) + device_flow.CODE_LIFE + timedelta(seconds=1)) == (True, False)
    assert left(NOW + timedelta(days=180)) == (True, False)
    assert left(NOW + timedelta(days=180, seconds=1)) == (False, False)
    assert clear_expired(now=NOW + timedelta(days=180, seconds=1)) == {"tokens": 0, "device_grants": 0}


@given(st.text())
def test_whatever_is_typed_is_a_code_or_nothing(typed: str) -> None:
    assert re.fullmatch(r"([A-Z]{4}-[A-Z]{4})?", device_flow.as_user_code(typed))


def test_a_code_survives_how_people_type_it() -> None:
    code = device_flow.new_user_code()
    for typed in (code.lower(), code.replace("-", ""), f" {code} ", code.replace("-", " - ")):
        assert device_flow.as_user_code(typed) == code


def approved_code(api: Api, role: Role = Role.OWNER) -> str:
    codes = api.form(CODE, {"client_id": AGENT, "scope": AGENT_SCOPE}).json()
    team = make_team()
    user: User = make_member(team, role)
    now = datetime.now(UTC)
    grants.decide(user=user, user_code=codes["user_code"], team_id=team.pk, approve=True, now=now)
    return codes["device_code"]


def decided_by_now(user_code: str) -> bool:
    return grants.find_undecided(user_code, now=datetime.now(UTC)) is None
