"""One database, four log-ins: makes the roles, migrates as the owner, and grants each role what it needs."""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from apps.engine import log_rights

# Two hosts that start at once must not both migrate.
_LOCK = 0x7461696C_73766331
# What even the reader, who acts for web requests, must not see.
_SECRET_TABLES = {"streams_signingkey", "accounts_user"}
# What the reader may add to, and never change.
_APPEND_ONLY_TABLES = {"accounts_auditentry"}
# The appender copies, which Postgres refuses to roles bound by row-level security; it may not read events.
_BYPASS = {"appender", "maintenance"}


def prepare(report: Callable[[str], None]) -> None:
    connection = connections["owner"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            _make_roles(cursor, report)
            if unapplied():
                call_command("migrate", database="owner", interactive=False, verbosity=0)
                report("migrated")
            with transaction.atomic(using="owner"):  # nobody is without rights in between
                _grant(cursor)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def unapplied() -> list[str]:
    """Names of migrations that the database does not have yet."""
    executor = MigrationExecutor(connections["owner"])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def role_name(role: str) -> str:
    return unquote(urlsplit(settings.ROLE_URLS[role]).username or "")


def missing_roles(cursor: CursorWrapper) -> list[str]:
    names = {role: role_name(role) for role in settings.ROLE_URLS}
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(names.values())])
    there = {row[0] for row in cursor.fetchall()}
    return [role for role, name in names.items() if name not in there]


def roles_sql() -> str:
    """The statements that make the roles, for an administrator to run (passwords included: do not log)."""
    return "\n".join(_role_statement(role).as_string() + ";" for role in settings.ROLE_URLS)


def _make_roles(cursor: CursorWrapper, report: Callable[[str], None]) -> None:
    for role in missing_roles(cursor):
        cursor.execute(_role_statement(role))
        report(f"created role {role_name(role)}")


def _role_statement(role: str) -> sql.Composed:
    password = unquote(urlsplit(settings.ROLE_URLS[role]).password or "")
    return sql.SQL("CREATE ROLE {} LOGIN NOINHERIT {} PASSWORD {}").format(
        sql.Identifier(role_name(role)),
        sql.SQL("BYPASSRLS" if role in _BYPASS else "NOBYPASSRLS"),
        sql.Literal(password),
    )


def _grant(cursor: CursorWrapper) -> None:
    """One table a statement, as distributed databases want it. Repeating a grant changes nothing."""
    names = {role: role_name(role) for role in settings.ROLE_URLS}
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'log\\_%%'")
    tables = [row[0] for row in cursor.fetchall()]
    for role in ("reader", "maintenance"):
        grantee = sql.Identifier(names[role])
        for table in tables:
            name = sql.Identifier(table)
            if role == "reader" and table in _SECRET_TABLES | _APPEND_ONLY_TABLES:
                cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(name, grantee))  # an earlier version's rights
            if role == "reader" and table in _SECRET_TABLES:
                continue
            append_only = role == "reader" and table in _APPEND_ONLY_TABLES
            rights = sql.SQL("SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE")
            cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(rights, name, grantee))
        cursor.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(grantee))
    cursor.execute(
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(sql.Identifier(names["appender"]))
    )
    for statement in log_rights(**names, server_version=cursor.connection.info.server_version):
        cursor.execute(statement)
