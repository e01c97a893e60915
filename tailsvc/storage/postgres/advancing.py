"""Positions of sources, moved in the transaction of the lines that were read from them."""

from collections.abc import Sequence

from tailsvc.errors import PositionMoved
from tailsvc.storage.base import Advance, Batch, StreamRef
from tailsvc.storage.postgres.pools import Connection
from tailsvc.storage.postgres.statements import plain


def advance(connection: Connection, stream: StreamRef, batches: Sequence[Batch]) -> None:
    """Raises PositionMoved, upon which the transaction is to be given up: others have these lines already."""
    whole = _whole(batches)
    for name, advances in (
        ("first_positions", [one for one in whole if not one.before]),
        ("move_positions", [one for one in whole if one.before]),
    ):
        if not advances:
            continue
        params = {
            "sources": [one.source for one in advances],
            "befores": [one.before for one in advances],
            "afters": [one.after for one in advances],
        }
        if connection.execute(plain(name), {**stream._asdict(), **params}).rowcount != len(advances):
            raise PositionMoved("A source was read further by somebody else.")


def _whole(batches: Sequence[Batch]) -> list[Advance]:
    """One for each source: batches that follow on each other come in one flush. Sorted, so that no two flushes that
    wait for each other's rows wait for ever."""
    found: dict[str, Advance] = {}
    for one in (advance for batch in batches for advance in batch.advances):
        earlier = found.get(one.source)
        if earlier is not None and earlier.after != one.before:
            raise PositionMoved("A source was read from another position than it was left at.")
        found[one.source] = one if earlier is None else earlier._replace(after=one.after)
    return [found[source] for source in sorted(found)]
