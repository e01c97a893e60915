"""What lets the log tables be distributed by stream."""

from collections.abc import Iterator

import pytest

from tests.isolation.test_row_level_security import Connection, connect, tables_of_teams


@pytest.fixture
def owner(database: None) -> Iterator[Connection]:
    with connect("owner") as connection:
        yield connection


def test_every_key_and_index_of_a_log_table_begins_with_its_stream(owner: Connection) -> None:
    rows = owner.execute(
        """
        SELECT t.relname, i.relname, a.attname FROM pg_index x
        JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE t.relname LIKE 'log\\_%' AND t.relnamespace = 'public'::regnamespace
        """
    ).fetchall()
    assert {"log_event", "log_stream_head"} <= {table for table, _, _ in rows}
    assert [(table, index) for table, index, first in rows if first != "stream_id"] == []


def test_every_log_table_has_a_primary_key_and_both_owners(owner: Connection) -> None:
    tables = {table for table in tables_of_teams() if table.startswith("log_")}
    keyed = owner.execute("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p'").fetchall()
    assert tables <= {str(table) for (table,) in keyed}
    columns = """
        SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnotnull AND attname IN ('stream_id', 'team_id')
        """
    found = {table: owner.execute(columns, [table]).fetchone() for table in tables}
    assert found == dict.fromkeys(tables, (["stream_id", "team_id"],))


def test_no_foreign_key_leads_from_or_to_a_log_table(owner: Connection) -> None:
    found = owner.execute(
        """
        SELECT conname FROM pg_constraint
        WHERE contype = 'f' AND (conrelid::regclass::text LIKE 'log\\_%' OR confrelid::regclass::text LIKE 'log\\_%')
        """
    )
    assert found.fetchall() == []
