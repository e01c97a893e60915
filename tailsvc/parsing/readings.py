"""What a line says, put together from its parts: a text, the object or header around it, and the time of receipt."""

from typing import Any

from tailsvc.events import Event
from tailsvc.limits import FUTURE_MICROS
from tailsvc.parsing import columns
from tailsvc.parsing.bots import is_bot
from tailsvc.parsing.columns import Columns, Reading
from tailsvc.parsing.objects import first_attributes
from tailsvc.timestamps import TIME_UNIX_NANO, Moment, iso_text

Attributes = dict[str, Any] | None

# What we add to an event's attributes ourselves.
ORIGINAL_TIMESTAMP = "original_timestamp"


def event(reading: Reading, raw: bytes, received_at: int) -> Event:
    """The event of a reading; times in microseconds."""
    found, moment, fallback_level = reading
    if found[columns.LEVEL] is None:
        found[columns.LEVEL] = fallback_level
    found[columns.RAW] = raw
    if moment is None:
        found[columns.TIMESTAMP] = received_at
    elif moment[0] > received_at + FUTURE_MICROS:
        found[columns.TIMESTAMP] = received_at
        _note(found, ORIGINAL_TIMESTAMP, iso_text(moment[0]))
    else:
        found[columns.TIMESTAMP] = moment[0]
        if moment[2]:
            _note(found, TIME_UNIX_NANO, str(moment[0] * 1000 + moment[2]))
    return Event._make(found)


def within(inner: Reading, outer: Reading) -> Reading:
    """The inner reading; what it does not say is taken from what is around it."""
    found, moment, fallback_level = inner
    around, outer_moment, _ = outer
    for column in columns.NAMED:
        if found[column] is None:
            found[column] = around[column]
    found[columns.IS_BOT] = is_bot(found[columns.USER_AGENT])
    found[columns.ATTRIBUTES] = with_outer(around[columns.ATTRIBUTES], found[columns.ATTRIBUTES])
    return found, finer(moment, outer_moment), fallback_level


def with_outer(outer: Attributes, inner: Attributes) -> Attributes:
    """Both; of one name the inner."""
    if not outer or not inner:
        return outer or inner
    return first_attributes({**outer, **inner})


def finer(inner: Moment | None, outer: Moment | None) -> Moment | None:
    """The inner time, except where the outer one is the same but says more digits."""
    if inner is None or outer is None:
        return inner or outer
    micros, step, nanos = inner
    if nanos or outer[0] - outer[0] % step != micros:
        return inner
    return outer


def _note(found: Columns, name: str, text: str) -> None:
    found[columns.ATTRIBUTES] = {**(found[columns.ATTRIBUTES] or {}), name: text}
