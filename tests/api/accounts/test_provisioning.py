"""What the operator's commands do."""

from datetime import UTC, datetime

import pytest

from apps.accounts import lookups, provisioning, tokens
from apps.accounts.abilities import Ability, Role
from apps.accounts.errors import PlanMismatch, RuleBroken
from apps.accounts.models import Membership, Plan, User
from apps.accounts.scope import maintenance
from tests.factories.accounts import make_member, make_team, make_user, unique

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("database")


def members(team_id: int) -> list[tuple[str, str]]:
    with maintenance():
        return list(Membership.objects.filter(team_id=team_id).values_list("user__email", "role"))


def test_an_absent_team_is_made_with_an_owner_who_cannot_log_in() -> None:
    slug = unique("ops")
    team = provisioning.ensure_team(slug=slug, plan=None, now=NOW)
    assert team.plan.name == "unlimited"
    assert members(team.pk) == [(f"owner@{slug}.local", "owner")]
    with maintenance():
        assert not User.objects.get(email=f"owner@{slug}.local").has_usable_password()


def test_a_team_is_ensured_twice_and_made_once() -> None:
    slug = unique("ops")
    first = provisioning.ensure_team(slug=slug, plan="team", now=NOW)
    second = provisioning.ensure_team(slug=slug, plan="team", now=NOW)
    assert provisioning.ensure_team(slug=slug, plan=None, now=NOW).pk == first.pk == second.pk
    assert len(members(first.pk)) == 1


def test_another_plan_is_told_and_not_changed() -> None:
    team = make_team("free")
    with pytest.raises(PlanMismatch, match="is on plan free, not business"):
        provisioning.ensure_team(slug=team.slug, plan="business", now=NOW)


def test_a_team_without_an_owner_is_given_one_and_one_with_an_owner_is_not() -> None:
    team = make_team()
    make_member(team, Role.MEMBER)
    provisioning.ensure_team(slug=team.slug, plan=None, now=NOW)
    provisioning.ensure_team(slug=team.slug, plan=None, now=NOW)
    assert sorted(role for _, role in members(team.pk)) == ["member", "owner"]


@pytest.mark.parametrize(
    ("slug", "plan"), [("Not a slug", None), (unique("x"), "no-such-plan")], ids=["a slug", "a plan"]
)
def test_an_unusable_wish_is_refused(slug: str, plan: str | None) -> None:
    with pytest.raises(RuleBroken):
        provisioning.ensure_team(slug=slug, plan=plan, now=NOW)
    assert lookups.team_by_slug(slug) is None


def test_an_operators_token_belongs_to_the_first_owner() -> None:
    team = make_team()
    make_member(team, Role.MEMBER)
    owner = make_member(team)
    make_member(team)
    token, text = provisioning.create_token(
        team=team, name="ops", abilities=[Ability.STREAMS_READ], expires_at=None, now=NOW
    )
    assert token.user_id == owner.pk
    caller = lookups.find_caller(tokens.digest(text), now=NOW)
    assert caller is not None
    assert caller.email == owner.email


@pytest.mark.parametrize("abilities", [[], ["no:such"]])
def test_a_token_without_a_known_ability_is_not_made(abilities: list[str]) -> None:
    team = make_team()
    make_member(team)
    with pytest.raises(RuleBroken):
        provisioning.create_token(team=team, name="x", abilities=abilities, expires_at=None, now=NOW)


def test_addresses_are_kept_in_lower_case_and_once() -> None:
    name = unique("Ada")
    user = provisioning.create_user(email=f"{name}@Example.COM", password=None)
    assert user.email == f"{name}@example.com".lower()
    for taken in (user.email, user.email.upper()):
        with pytest.raises(RuleBroken, match="exists already"):
            provisioning.create_user(email=taken, password=None)


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "a\x00@example.com"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(RuleBroken, match="not an e-mail address"):
        provisioning.create_user(email=email, password=None)


def test_nobody_logs_in_with_an_empty_password() -> None:
    user = provisioning.create_user(email=f"{unique('u')}@example.com", password="", is_superuser=True)
    assert user.is_superuser
    assert user.is_staff
    assert not user.has_usable_password()


def test_nobody_founds_a_team_on_a_plan_of_their_choice() -> None:
    user = make_user()
    team = provisioning.found_team(name="Mine", slug=None, owner_id=user.pk, actor=user.email, now=NOW)
    assert team.plan.name == "free"
    assert members(team.pk) == [(user.email, "owner")]


def test_the_plans_are_seeded() -> None:
    plans = {plan.name: plan for plan in Plan.objects.all()}
    assert {"free", "team", "business", "unlimited"} <= plans.keys()
    assert [plans[name].retention_hours for name in ("free", "team", "business")] == [72, 336, 2160]
    assert plans["free"].query_requests_per_minute == 60
    free_of_limits = plans["unlimited"]
    assert free_of_limits.retention_hours >= 10 * 365 * 24
    assert {
        free_of_limits.max_streams,
        free_of_limits.ingest_bytes_per_day,
        free_of_limits.ingest_requests_per_minute,
        free_of_limits.query_requests_per_minute,
        free_of_limits.max_followers,
    } == {None}
