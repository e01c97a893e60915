"""Loads statements.sql: a mapping from a statement's name to its text."""

import re
from importlib.resources import files
from typing import LiteralString, cast

from psycopg import sql

_HERE = files("tailsvc.storage.postgres")
_NAMED = re.compile(r"^-- name: (\w+)\n(?:--[^\n]*\n)*(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def _load() -> dict[str, LiteralString]:
    text = _HERE.joinpath("statements.sql").read_text(encoding="utf-8")
    return {name: cast("LiteralString", body.strip()) for name, body in _NAMED.findall(text)}


STATEMENTS = _load()


def plain(name: str) -> sql.SQL:
    """A statement with parameters only."""
    return sql.SQL(STATEMENTS[name])


def migration(name: str) -> str:
    """One numbered step of the tables' making."""
    return _HERE.joinpath("migrations", f"{name}.sql").read_text(encoding="utf-8")


def rights(*, reader: str, appender: str, maintenance: str, server_version: int) -> list[sql.Composed]:
    """The statements that say what each role may do with the log tables, as far as the server has such rights."""
    text = _HERE.joinpath("rights.sql").read_text(encoding="utf-8")
    roles = {
        "reader": sql.Identifier(reader),
        "appender": sql.Identifier(appender),
        "maintenance": sql.Identifier(maintenance),
    }
    lines = cast("list[LiteralString]", [line for line in text.splitlines() if not line.startswith("--")])
    known = [line for line in lines if line and (server_version >= 170_000 or not line.startswith("GRANT MAINTAIN"))]
    return [sql.SQL(line).format(**roles) for line in known]
