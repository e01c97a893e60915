"""The walls between teams, from both sides: what our code refuses, and what Postgres refuses our code."""

import threading

import pytest
from django.db import DatabaseError, connections

from apps.accounts.models import AuditEntry, Membership, PersonalAccessToken, Team, User
from apps.accounts.scope import OutsideTeamScope, current_team, in_maintenance, maintenance, team_scope
from tests.factories.accounts import make_member, make_team, make_token

TABLES = [
    "accounts_team",
    "accounts_membership",
    "accounts_personalaccesstoken",
    "accounts_devicegrant",
    "accounts_auditentry",
]
pytestmark = pytest.mark.usefixtures("database")


def read(statement: str) -> list[tuple[object, ...]]:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.mark.parametrize("table", TABLES)
def test_without_a_team_the_reader_sees_nothing(table: str) -> None:
    make_token(make_team())
    assert read(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize("table", TABLES)
def test_the_wall_binds_even_the_tables_owner(table: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table])
        assert cursor.fetchone() == (True, True)


def test_in_its_scope_a_team_sees_its_own_rows_only() -> None:
    mine, other = make_team(), make_team()
    make_token(mine)
    make_token(other)
    with team_scope(mine.pk):
        assert read("SELECT DISTINCT team_id FROM accounts_personalaccesstoken") == [(mine.pk,)]
        assert read("SELECT id FROM accounts_team") == [(mine.pk,)]
        assert {member.team_id for member in Membership.objects.all()} == {mine.pk}
        assert not Team.objects.filter(pk=other.pk).exists()
    assert read("SELECT id FROM accounts_team") == []


@pytest.mark.parametrize("setting", ["0", "-1", "99999999999", ""])
def test_a_team_that_is_not_there_sees_nothing(setting: str) -> None:
    make_token(make_team())
    assert read(f"SELECT set_config('app.team', '{setting}', true), t.id FROM accounts_team t") == []


def test_a_row_cannot_be_written_for_another_team() -> None:
    mine, other = make_team(), make_team()
    user = make_member(other)
    with pytest.raises(DatabaseError, match="row-level security"), team_scope(mine.pk):
        Membership.objects.create(team_id=other.pk, user_id=user.pk, role="owner")
    with team_scope(mine.pk):
        assert Membership.objects.filter(user_id=user.pk).update(role="viewer") == 0


def test_the_reader_sees_no_users() -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        User.objects.count()


@pytest.mark.parametrize("model", [Team, Membership, PersonalAccessToken, AuditEntry])
def test_outside_a_scope_a_teams_models_are_out_of_reach(model: type) -> None:
    with pytest.raises(OutsideTeamScope):
        model.objects.count()  # type: ignore[attr-defined]
    with pytest.raises(OutsideTeamScope):
        model.objects.create()  # type: ignore[attr-defined]


def test_a_scope_does_not_open_inside_another_teams() -> None:
    with team_scope(1), pytest.raises(OutsideTeamScope), team_scope(2):
        pass


def test_a_scope_opens_again_inside_itself() -> None:
    team = make_team()
    with team_scope(team.pk):
        with team_scope(team.pk):
            assert Team.objects.count() == 1
        assert Team.objects.count() == 1
        assert current_team() == team.pk
    assert current_team() is None


def test_the_innermost_scope_rules() -> None:
    mine = make_team()
    make_team()
    with maintenance(), team_scope(mine.pk):
        assert Team.objects.count() == 1
        with maintenance():
            assert Team.objects.count() > 1
    assert not in_maintenance()


def test_an_error_closes_the_scope_and_takes_its_writes_back() -> None:
    team = make_team()
    with pytest.raises(ZeroDivisionError), team_scope(team.pk):
        _rename_and_fail()
    assert current_team() is None
    with team_scope(team.pk):
        assert Team.objects.get().name == team.slug


def test_a_scope_is_not_seen_by_other_threads() -> None:
    seen: list[int | None] = []
    with team_scope(make_team().pk):
        other = threading.Thread(target=lambda: seen.append(current_team()))
        other.start()
        other.join()
    assert seen == [None]


def test_a_scope_never_opens_inside_a_transaction_that_would_outlive_it() -> None:
    from django.db import transaction

    with transaction.atomic(using="default"), pytest.raises(RuntimeError, match="durable"), team_scope(1):
        pass


def _rename_and_fail() -> None:
    Team.objects.update(name="changed")
    raise ZeroDivisionError
