"""A follower's position as text: `<first digits of the epoch>-<id>`, as in the `id` of a server-sent event.

Nothing is gained by forging one: it leads to nothing but events of the stream that the reader may read anyway.
"""

import re
from typing import NamedTuple
from uuid import UUID

from tailsvc.errors import InvalidQuery

_TEXT = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]{0,17})", re.ASCII)


class Place(NamedTuple):
    epoch: str  # its first eight digits: enough to tell one from another
    id: int

    def is_of(self, epoch: UUID) -> bool:
        return self.epoch == epoch.hex[:8]


def write_place(epoch: UUID, event_id: int) -> str:
    return f"{before_id(epoch)}{event_id}"


def before_id(epoch: UUID) -> str:
    """What stands before the id: the same for many events."""
    return f"{epoch.hex[:8]}-"


def read_place(name: str, text: str) -> Place:
    """`name` is the parameter's. Raises InvalidQuery."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise InvalidQuery(name, f"{name} must be a position as the tail sends it, for example 1a2b3c4d-1234.")
    return Place(found[1], int(found[2]))
