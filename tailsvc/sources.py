"""Who emitted an event inside its stream: its replica, else its `src`, else its container.

`replica_of` says it of an event, `emitted_by` finds a replica's events, `BY_FIELD` finds all names there are.
"""

from tailsvc.events import Event
from tailsvc.filters import EVERYTHING, And, Filter, Like, Not, OneOf, Or

_FIELDS = ("replica", "src", "container")


def replica_of(event: Event) -> str:
    """Empty where the event does not say it."""
    return event.replica or event.src or event.container or ""


def _lacks(field: str) -> Filter:
    """Without the field, or with an empty one."""
    return Not(Like(field, "_%"))


def _decided_by(field: str) -> Filter:
    """The events whose emitter this field tells."""
    before = tuple(map(_lacks, _FIELDS[: _FIELDS.index(field)]))
    return And(before) if before else EVERYTHING


# (field, the events of which it counts), as facets want it.
BY_FIELD: tuple[tuple[str, Filter], ...] = tuple(
    (field, And((_decided_by(field), Like(field, "_%")))) for field in _FIELDS
)


def emitted_by(replica: str) -> Filter:
    name = replica.replace("\x00", "\ufffd")  # as an event's texts have it
    return Or(tuple(And((_decided_by(field), OneOf(field, (name,)))) for field in _FIELDS))
