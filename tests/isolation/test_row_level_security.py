"""The walls between teams as Postgres keeps them, found by introspection: a new table cannot be forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from psycopg import errors, sql

from apps.accounts import grants
from apps.accounts.scope import maintenance
from apps.engine import store
from apps.ops.database import role_name
from apps.streams.models import Usage
from tailsvc.queries import Selection
from tailsvc.storage.base import Advance, Batch
from tests.asgi import Asgi
from tests.contracts.pieces import append, lines
from tests.factories import kubeconfigs, lifecycle, objects, streams
from tests.factories.accounts import make_member, make_team, make_token
from tests.factories.clusters import settle_cluster
from tests.factories.events import NOW

Connection = psycopg.Connection[tuple[object, ...]]

# Tables that hold nothing of a team's. Whoever adds one here says why.
SHARED = {
    "accounts_plan",  # limits by name, the same for everybody
    "accounts_user",  # a user may be in many teams; the reader may not read it
    "accounts_user_groups",  # Django's own, unused
    "accounts_user_user_permissions",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_admin_log",  # operators' deeds
    "django_content_type",
    "django_migrations",
    "django_session",  # by a random key, signed
    "streams_signingkey",  # the service's own; the reader may not read it
}
# What happened is added to, and never changed.
APPEND_ONLY = {"accounts_auditentry"}
SECRET = {"accounts_user", "streams_signingkey"}
RULE = "(team_id = (NULLIF(current_setting('app.team'::text, true), ''::text))::bigint)"


@dataclass(frozen=True)
class World:
    """Two teams, each with at least one row in every table that belongs to teams."""

    mine: int
    other: int
    tables: dict[str, str]  # name -> the column that says whose a row is


@pytest.fixture(scope="module")
def world(database: None) -> World:
    return World(_settle_team(), _settle_team(), tables_of_teams())


def _settle_team() -> int:
    team = make_team()
    user = make_member(team)
    make_token(team, user)
    stream, ingest_token = streams.make_stream(team)
    now = datetime.now(UTC)
    codes = grants.begin(client_id="tailsvc", scopes=["stream:read"], now=now)
    grants.decide(user=user, user_code=codes.user_code, team_id=team.pk, approve=True, now=now)
    sent = Asgi().post(
        f"/api/ingest/{stream.pk}",
        b'{"message": "a line"}\n5\n',
        token=ingest_token,
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "once"},
    )
    assert sent.json()["accepted"] == sent.json()["rejected"] == 1
    for _ in range(2):  # the first becomes a segment, together with the row; the second stays a recent block
        append(lines(600), stream.ref, store())
        store().compact(stream.ref, now=NOW, force=store().head(stream.ref).last_id < 1_000)
    store().append(stream.ref, [Batch(lines(1), advances=[Advance("a source", "", "1")])], now=NOW)
    store().delete(stream.ref, Selection(), now=NOW)
    lifecycle.settle_lifecycle(stream, "replica", f"build-{team.pk}")
    objects.settle_object(team.pk)
    settle_cluster(team, kubeconfigs.kubeconfig())
    with maintenance(atomic=True):
        Usage.objects.create(team=team, stream=stream, jti=uuid4(), day=now.date())
    return team.pk


def tables_of_teams() -> dict[str, str]:
    with connect("owner") as owner:
        found = owner.execute(
            """
            SELECT DISTINCT c.relname::text FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND a.attname IN ('team_id', 'stream_id')
            """
        ).fetchall()
    return {"accounts_team": "id", **{str(table): "team_id" for (table,) in found}}


def connect(role: str) -> Connection:
    url = settings.DATABASE_URL if role == "owner" else settings.ROLE_URLS[role]
    return psycopg.connect(url, autocommit=True)


@pytest.fixture
def owner(database: None) -> Iterator[Connection]:
    with connect("owner") as connection:
        yield connection


@pytest.fixture
def reader(database: None) -> Iterator[Connection]:
    with connect("reader") as connection:
        yield connection


@pytest.fixture
def appender(database: None) -> Iterator[Connection]:
    with connect("appender") as connection:
        yield connection


def count(connection: Connection, table: str, condition: str = "true") -> int:
    statement = sql.SQL("SELECT count(*) FROM {} WHERE " + condition).format(sql.Identifier(table))
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(str(row[0]))


def readable(world: World) -> list[str]:
    """The reader has no right at all to idempotency keys: only the appender asks for them."""
    return [table for table in world.tables if table != "log_ingest_key"]


def writable(world: World) -> list[str]:
    return [table for table in world.tables if not table.startswith("log_")]


def changeable(world: World) -> list[str]:
    return [table for table in writable(world) if table not in APPEND_ONLY]


def in_team(connection: Connection, team: int) -> None:
    connection.execute(sql.SQL("SET app.team = {}").format(sql.Literal(str(team))))


# What there is


def test_every_table_belongs_to_teams_or_is_known_to_be_shared(world: World, owner: Connection) -> None:
    found = {str(row[0]) for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert found - world.tables.keys() == SHARED


def test_there_are_the_log_tables_and_the_products(world: World) -> None:
    assert {"log_event", "log_stream_head", "streams_stream", "accounts_membership"} <= world.tables.keys()
    assert {"log_segment", "log_recent", "log_segment_part", "log_segment_index", "log_deletion"} <= world.tables.keys()


def test_every_such_table_says_whose_each_row_is(world: World, owner: Connection) -> None:
    statement = "SELECT count(*) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped"
    without = [
        table for table, column in world.tables.items() if owner.execute(statement, [table, column]).fetchone() != (1,)
    ]
    assert without == []


def test_nothing_leads_around_the_walls(owner: Connection) -> None:
    """A view or a function that runs as its owner shows what its owner sees."""
    views = owner.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'").fetchall()
    elevated = owner.execute("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")
    assert views + elevated.fetchall() == []


# Row-level security


def test_row_level_security_is_enabled_and_forced(world: World, owner: Connection) -> None:
    rows = owner.execute(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = ANY(%s)",
        [list(world.tables)],
    )
    found = {str(table): (enabled, forced) for table, enabled, forced in rows}
    assert found == dict.fromkeys(world.tables, (True, True))


def test_one_rule_without_a_subquery_holds_for_everybody_and_everything(world: World, owner: Connection) -> None:
    """Permissive policies add up, so that a second one could only let more through."""
    rows = owner.execute(
        "SELECT tablename, qual, with_check, cmd, roles::text FROM pg_policies WHERE schemaname = 'public'"
    ).fetchall()
    assert sorted(rows) == sorted(
        (table, rule, rule, "ALL", "{public}")
        for table, column in world.tables.items()
        for rule in [RULE.replace("team_id", column)]
    )
    trees = owner.execute("SELECT polqual::text || polwithcheck::text FROM pg_policy").fetchall()
    assert not [tree for (tree,) in trees if "SUBLINK" in str(tree)]


def test_every_table_has_rows_of_both_teams(world: World) -> None:
    """Else "0 rows" below would prove nothing."""
    with connect("maintenance") as maintenance_role:
        empty = [
            (table, team)
            for table, column in world.tables.items()
            for team in (world.mine, world.other)
            if count(maintenance_role, table, f"{column} = {team}") == 0
        ]
    assert empty == []


@pytest.mark.parametrize("setting", [None, "", "0", "-1", "9223372036854775807"])
def test_without_a_team_the_reader_sees_nothing(world: World, reader: Connection, setting: str | None) -> None:
    if setting is not None:
        reader.execute(sql.SQL("SET app.team = {}").format(sql.Literal(setting)))
    assert {table: count(reader, table) for table in readable(world)} == dict.fromkeys(readable(world), 0)


@pytest.mark.parametrize("setting", ["mine", "1 OR true", "1;"])
def test_a_setting_that_is_no_team_is_an_error(world: World, reader: Connection, setting: str) -> None:
    reader.execute(sql.SQL("SET app.team = {}").format(sql.Literal(setting)))
    with pytest.raises(errors.DataError):
        count(reader, "log_event")


def test_with_a_team_the_reader_sees_its_rows_only(world: World, reader: Connection) -> None:
    in_team(reader, world.mine)
    for table in readable(world):
        column = world.tables[table]
        assert count(reader, table, f"{column} = {world.mine}") > 0, table
        assert count(reader, table, f"{column} IS DISTINCT FROM {world.mine}") == 0, table


def test_a_transactions_team_ends_with_it(world: World, reader: Connection) -> None:
    with reader.transaction():
        reader.execute(f"SET LOCAL app.team = '{world.mine}'")
        assert count(reader, "log_event") > 0
    assert count(reader, "log_event") == 0


def test_no_row_can_be_inserted_for_another_team(world: World, reader: Connection) -> None:
    """The other team's very rows, once more."""
    in_team(reader, world.mine)
    for table in writable(world):
        names = {"table": sql.Identifier(table), "column": sql.Identifier(world.tables[table])}
        with connect("maintenance") as maintenance_role:
            row = maintenance_role.execute(
                sql.SQL("SELECT row_to_json(t)::text FROM {table} t WHERE {column} = %s LIMIT 1").format(**names),
                [world.other],
            ).fetchone()
        assert row is not None
        insert = "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_record(NULL::{table}, %s)"
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            reader.execute(sql.SQL(insert).format(**names), row)


def test_no_row_can_be_given_to_another_team(world: World, reader: Connection) -> None:
    in_team(reader, world.mine)
    for table in changeable(world):
        update = sql.SQL("UPDATE {} SET {} = %s").format(sql.Identifier(table), sql.Identifier(world.tables[table]))
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            reader.execute(update, [world.other])


def test_another_teams_rows_can_be_neither_changed_nor_deleted(world: World, reader: Connection) -> None:
    in_team(reader, world.mine)
    for table in changeable(world):
        names = {"table": sql.Identifier(table), "column": sql.Identifier(world.tables[table])}
        for statement in (
            "UPDATE {table} SET {column} = {column} WHERE {column} = %s",
            "DELETE FROM {table} WHERE {column} = %s",
        ):
            assert reader.execute(sql.SQL(statement).format(**names), [world.other]).rowcount == 0


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_what_happened_cannot_be_changed(owner: Connection, table: str) -> None:
    changes = {right for right in ("UPDATE", "DELETE", "TRUNCATE") if _may(owner, "reader", table, right)}
    assert changes == set()
    assert _may(owner, "reader", table, "INSERT")


# The roles


def test_the_reader_cannot_write_log_tables(world: World, owner: Connection) -> None:
    kept = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    may = [
        (table, right)
        for table in world.tables
        if table.startswith("log_")
        for right in kept
        if _may(owner, "reader", table, right)
    ]
    assert may == []


def test_the_reader_cannot_read_secrets(reader: Connection) -> None:
    for table in SECRET:
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
            count(reader, table)


def test_the_appender_inserts_but_cannot_read_events(world: World, owner: Connection, appender: Connection) -> None:
    in_team(appender, world.mine)
    with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
        appender.execute("SELECT id FROM log_event LIMIT 1")
    assert _may(owner, "appender", "log_event", "INSERT")
    changes = {
        right for right in ("SELECT", "UPDATE", "DELETE", "TRUNCATE") if _may(owner, "appender", "log_event", right)
    }
    assert changes == set()


def test_the_appender_has_no_business_with_the_product(world: World, owner: Connection) -> None:
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    may = [
        (table, right)
        for table in [*writable(world), *SHARED]
        for right in rights
        if _may(owner, "appender", table, right)
    ]
    assert may == []


def test_no_role_can_become_another(owner: Connection) -> None:
    names = [role_name(role) for role in settings.ROLE_URLS]
    memberships = owner.execute(
        "SELECT member::regrole::text FROM pg_auth_members WHERE member = ANY(%s::regrole[])", [names]
    )
    assert memberships.fetchall() == []
    for role in settings.ROLE_URLS:
        with connect(role) as connection:
            for other in {*names, owner.info.user} - {role_name(role)}:
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other)))


def test_only_those_who_must_see_across_teams_bypass_the_walls(owner: Connection) -> None:
    rows = owner.execute(
        "SELECT rolname, rolbypassrls, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication, rolcanlogin"
        " FROM pg_roles WHERE rolname = ANY(%s)",
        [[role_name(role) for role in settings.ROLE_URLS]],
    )
    assert {str(name): tuple(rest) for name, *rest in rows} == {
        role_name("reader"): (False, False, True),
        role_name("appender"): (True, False, True),
        role_name("maintenance"): (True, False, True),
    }


def _may(owner: Connection, role: str, table: str, right: str) -> bool:
    """Also where the right is to a single column."""
    row = owner.execute("SELECT has_table_privilege(%s, %s, %s)", [role_name(role), table, right]).fetchone()
    found = row == (True,)
    if right in {"SELECT", "INSERT", "UPDATE", "REFERENCES"}:
        columns = owner.execute("SELECT has_any_column_privilege(%s, %s, %s)", [role_name(role), table, right])
        found = found or columns.fetchone() == (True,)
    return found
