"""For whom the database is asked: the walls between teams.

Everything that acts for a team runs inside `team_scope(team_id)`, as the reader role, whom Postgres shows that team's
rows and no others. What must look across teams runs inside `maintenance()`, as the maintenance role; the modules that
may open it are pinned by a test. Outside both, the router refuses to touch a team's table. The innermost one rules.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from django.db import connections, transaction

_team: ContextVar[int | None] = ContextVar("team", default=None)
_maintenance: ContextVar[bool] = ContextVar("maintenance", default=False)


class OutsideTeamScope(RuntimeError):
    """A team's table was touched without saying for which team: a fault in our code, never a client's."""


@contextmanager
def team_scope(team_id: int) -> Iterator[None]:
    """Open a transaction in which the reader role sees this team's rows only. Re-entrant for the same team."""
    if _team.get() is not None and _team.get() != team_id:
        raise OutsideTeamScope("a scope of another team is open")
    routed = _maintenance.set(False)
    try:
        if _team.get() == team_id:
            yield
        else:
            with _transaction_of(team_id):
                yield
    finally:
        _maintenance.reset(routed)


@contextmanager
def maintenance(*, atomic: bool = False) -> Iterator[None]:
    """Route the ORM to the role that sees every team; with `atomic`, in one transaction."""
    routed = _maintenance.set(True)
    try:
        with transaction.atomic(using="maintenance") if atomic else nullcontext():
            yield
    finally:
        _maintenance.reset(routed)


def in_maintenance() -> bool:
    return _maintenance.get()


def current_team() -> int | None:
    return _team.get()


def after_commit(act: Callable[[], object]) -> None:
    """Do it once the open scope's transaction is committed; not at all if it is rolled back."""
    transaction.on_commit(act, using="maintenance" if in_maintenance() else "default")


@contextmanager
def _transaction_of(team_id: int) -> Iterator[None]:
    # Durable: SET LOCAL lasts until the outermost transaction ends, so this must be the outermost.
    with transaction.atomic(using="default", durable=True):
        with connections["default"].cursor() as cursor:
            # A literal: set_config() would not reach the shards of a distributed database.
            cursor.execute(f"SET LOCAL app.team = '{int(team_id)}'")
        token = _team.set(team_id)
        try:
            yield
        finally:
            _team.reset(token)
