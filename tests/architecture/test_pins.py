"""Powers that few modules have. Each list is complete; whoever adds to one says why in review."""

import ast
import re

from tests.architecture.sources import Source, sources

# Who may look across teams.
OPENS_MAINTENANCE = {
    "apps.accounts.grants",  # a device's code belongs to no team before a person has decided
    "apps.accounts.lookups",  # who is it? asked before a team is known
    "apps.accounts.middleware",  # Django's admin, for operators
    "apps.accounts.provisioning",  # a team that is not there yet has no scope
    "apps.accounts.upkeep",  # Celery
    "apps.clusters.lookups",  # the collector works for every team
    "apps.ingest.usage",  # Celery
    "apps.compaction.services",  # Celery
    "apps.lifecycle.upkeep",  # Celery
    "apps.objects.history",  # which of the watched teams have something new, in one statement
    "apps.objects.upkeep",  # Celery
    "apps.retention.services",  # Celery
    "apps.streams.ingest_tokens",  # the signing keys, which are the service's and not a team's
    "apps.streams.lookups",  # whose ingest token is it? asked before a team is known
}
# Who names the maintenance log-in without opening it by `maintenance()`.
NAMES_MAINTENANCE = {
    "apps.accounts.admin",  # transactions in the admin
    "apps.accounts.provisioning",
    "apps.accounts.routing",  # sends the ORM there while it is open
    "apps.accounts.scope",  # opens it
    "apps.accounts.services",  # transactions where it is open
    "apps.http.problems",  # rolls back whatever is open
    "apps.ingest.usage",
    "apps.ops.database",  # grants the role its rights
    "apps.streams.ingest_tokens",  # a lock around the first signing key
    "config.collect",  # waits for the first cluster, without Django
    "config.databases",
    "config.settings",
    "tailsvc.storage.postgres.statements",  # grants, again
}
# The store's own connection that sees every team: upkeep only.
STORE_MAINTENANCE = {"tailsvc.storage.postgres.store"}
# SQL outside the store's package and outside migrations.
WRITES_SQL = {
    "apps.accounts.isolation",  # row-level security, as a step of migrations
    "apps.accounts.scope",  # SET LOCAL
    "apps.ingest.usage",  # adding up in an upsert
    "apps.ops.database",  # roles and grants
    "apps.ops.health",  # the server's settings
    "apps.streams.ingest_tokens",  # a lock around the first signing key
    "config.cli.checks",  # `tailsvc doctor`
    "config.collect",  # is there a cluster to collect from?
    "config.runtime.prepare",  # which code prepared this database?
}
# Who acts as the owner, whom migrations need.
ACTS_AS_OWNER = {
    "apps.ops.database",  # migrates and grants
    "config.cli.checks",  # looks whether that was done
}
_SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s|SET\s+(LOCAL|SESSION|ROLE)\s"
    r"|(CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|LOCK|COPY|VACUUM|NOTIFY)\s+[A-Z])"
)


def code() -> list[Source]:
    return [source for source in sources() if not source.is_migration]


def test_who_may_open_maintenance_is_pinned() -> None:
    assert {source.module for source in code() if "maintenance" in _imported_from(source, "apps.accounts.scope")} == (
        OPENS_MAINTENANCE
    )


def test_maintenance_is_opened_under_its_own_name_only() -> None:
    """Else the list above would be easy to get around."""
    for source in code():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and node.module == "apps.accounts.scope":
                assert not [alias.name for alias in node.names if alias.asname or alias.name == "*"], source.module
            if isinstance(node, ast.ImportFrom) and node.module == "apps.accounts":
                assert "scope" not in {alias.name for alias in node.names}, source.module
            if isinstance(node, ast.Import):
                assert "apps.accounts.scope" not in {alias.name for alias in node.names}, source.module


def test_who_names_the_maintenance_login_is_pinned() -> None:
    assert {source.module for source in code() if "maintenance" in set(source.texts())} == NAMES_MAINTENANCE


def test_the_store_s_way_across_teams_is_pinned() -> None:
    found = {
        source.module
        for source in code()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "maintenance"
    }
    assert found == STORE_MAINTENANCE


def test_who_acts_as_the_owner_is_pinned() -> None:
    assert {source.module for source in code() if "owner" in _chosen_logins(source)} == ACTS_AS_OWNER


def test_sql_is_written_in_the_store_s_package_and_few_other_places() -> None:
    found = {
        source.module
        for source in code()
        if not source.module.startswith("tailsvc.storage.postgres") and any(map(_SQL.match, source.texts()))
    }
    assert found == WRITES_SQL


def test_nobody_leaves_the_router_or_the_orm() -> None:
    """`.using()` would choose a log-in by hand; `.raw()` and `.extra()` are SQL by another name."""
    found = {
        (source.module, node.func.attr)
        for source in code()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in {"using", "raw", "extra"}
    }
    assert found == set()


def test_nobody_changes_the_role() -> None:
    found = [
        source.module for source in sources() if re.search(r"\bSET\s+(SESSION\s+)?ROLE\b", " ".join(source.texts()))
    ]
    assert found == []


def _imported_from(source: Source, module: str) -> set[str]:
    return {
        alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def _chosen_logins(source: Source) -> set[object]:
    """x in `connections["x"]`, `using="x"` and `database="x"`."""
    found: set[object] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("connections"):
            found.add(getattr(node.slice, "value", None))
        if isinstance(node, ast.keyword) and node.arg in {"using", "database"}:
            found.add(getattr(node.value, "value", None))
    return found
