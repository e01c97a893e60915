"""The statements of a flush, past the driver's cursor.

A cursor adapts every value, decides what to prepare and is ready for results of any kind: 80 µs of CPU a statement. A
flush has a few statements, always the same, and its values are bytes already: they go to libpq as they are, in 20.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import pq

from tailsvc.storage.postgres.pools import Connection

Value = bytes | None
_BINARY = {"text", "bytea"}  # as binary their length counts, so that a NUL is refused instead of ending the value

_GOOD = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """With numbered parameters, each cast to its type in the text."""

    name: bytes
    text: bytes
    formats: Sequence[int]

    @classmethod
    def of(cls, name: str, text: bytes, types: Sequence[str]) -> "Statement":
        """`types` are those of the parameters, in their order."""
        return cls(name.encode(), text, [int(type_ in _BINARY) for type_ in types])


def run(connection: Connection, statement: Statement, values: Sequence[Value]) -> tuple[Value, ...] | None:
    """Its first row, as text. Raises psycopg.Error."""
    if statement.name not in connection.prepared:
        _good(connection.pgconn.prepare(statement.name, statement.text))
        connection.prepared.add(statement.name)
    given = cast("Sequence[bytes]", values)  # it takes None, which its types do not say
    result = _good(connection.pgconn.exec_prepared(statement.name, given, statement.formats))
    return tuple(result.get_value(0, column) for column in range(result.nfields)) if result.ntuples else None


def command(connection: Connection, text: bytes) -> None:
    """One without values and rows: BEGIN, COMMIT. Raises psycopg.Error."""
    _good(connection.pgconn.exec_(text))


def _good(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status in _GOOD:
        return result
    if not result.error_field(pq.DiagnosticField.SQLSTATE):  # the connection's, not the server's
        raise psycopg.OperationalError(result.get_error_message())
    raise psycopg.errors.error_from_result(result)
