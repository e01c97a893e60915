"""What became of a COMMIT whose connection died: acknowledged is only what is known to be there.

The transaction's number alone does not tell. A server that crashes forgets the numbers of transactions whose records
were not flushed, and gives them to others: "committed" may then be somebody else's. So each transaction leaves a mark
on the head when it takes its ids, and both must say that it was ours.
"""

import time

import psycopg

from tailsvc.errors import OutcomeUnknown, StorageUnavailable
from tailsvc.storage.base import Outcome, StreamRef
from tailsvc.storage.postgres.pools import Connection, Pools
from tailsvc.storage.postgres.statements import plain

_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.05


class CommitLost(Exception):
    """`before` is the id below the transaction's first; `outcomes` are those to give if it did commit."""

    def __init__(self, xact: str, flush: int, before: int, outcomes: list[Outcome]) -> None:
        super().__init__(xact)
        self.xact = xact
        self.flush = flush
        self.before = before
        self.outcomes = outcomes


def committed(pools: Pools, stream: StreamRef, lost: CommitLost) -> bool:
    """Raises OutcomeUnknown where it cannot be told, or not in time."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with pools.appender() as connection:
                found = _found(connection, stream, lost)
        except StorageUnavailable:
            found = None
        if found is not None:
            return found
        time.sleep(_PAUSE_SECONDS)
    raise _unknown()


def _found(connection: Connection, stream: StreamRef, lost: CommitLost) -> bool | None:
    """None: the old session has not noticed yet that its client is gone."""
    status = _status(connection, lost.xact)
    if status != "committed":
        return None if status == "in progress" else False
    head = connection.execute(plain("last_flush"), {"stream_id": stream.stream_id}).fetchone()
    if head is None:
        raise _unknown()
    last_id, flush = head
    if flush == lost.flush:
        return True
    if last_id == lost.before:
        return False  # the number is another transaction's: ours took no ids
    raise _unknown()  # others have taken ids since: behind ours, or in their place


def _status(connection: Connection, xact: str) -> str:
    try:
        row = connection.execute(plain("outcome"), {"xact": xact}).fetchone()
    except psycopg.errors.InvalidParameterValue:
        return "never given out"  # lost in a crash together with the transaction
    if row is None or row[0] is None:
        raise _unknown()
    return str(row[0])


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown("The database went away inside the commit; send again with the same key.")
