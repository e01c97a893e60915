"""Bring the embedded database up to this code, and remember that it is. Run as a child: `python -m ...`.

Importing the applications only to learn that nothing is to be done takes longer than everything else of a start. So
the database carries a fingerprint of the code that prepared it last, as its comment; while that is the code's own,
there is nothing to do.
"""

import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

from config.runtime.environment import CODE

_PREFIX = "tailsvc: prepared by code "
_PACKAGES = ("apps", "config", "tailsvc")


def fingerprint() -> str:
    """Changes with any change of our code, and with Django's version, which brings migrations of its own."""
    found = hashlib.sha256(f"{version('django')} {os.environ.get('TAILSVC_ROLE_PREFIX', '')}".encode())
    for path in sorted(_source_files()):
        found.update(f"\n{path.relative_to(CODE)} ".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _source_files() -> list[Path]:
    return [path for package in _PACKAGES for path in (CODE / package).rglob("*") if path.suffix in {".py", ".sql"}]


def is_prepared(connection: psycopg.Connection, code: str) -> bool:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    row = connection.execute(query).fetchone()
    return row is not None and row[0] == _PREFIX + code


def remember(connection: psycopg.Connection, code: str) -> None:
    name = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(_PREFIX + code)))


def main() -> None:
    code = fingerprint()
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        if is_prepared(connection, code):
            return

    from django.core.management import execute_from_command_line

    execute_from_command_line([sys.argv[0], "prepare_database"])
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        remember(connection, code)


if __name__ == "__main__":
    main()
