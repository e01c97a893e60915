"""Row-level security for a team's table, as a step of a migration."""

from django.db.migrations.operations import RunSQL

# No subquery, so that the tables can be distributed; FORCE, so that even the owner is bound.
_TEAM = "nullif(current_setting('app.team', true), '')::bigint"


class IsolateByTeam(RunSQL):
    """The reader role sees the rows whose `column` is the team of its scope, and can write no others."""

    def __init__(self, table: str, column: str = "team_id") -> None:
        rule = f'"{column}" = {_TEAM}'
        super().__init__(
            sql=[
                f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
                f'CREATE POLICY team_isolation ON "{table}" USING ({rule}) WITH CHECK ({rule})',
            ],
            reverse_sql=[
                f'DROP POLICY team_isolation ON "{table}"',
                f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
            ],
        )
