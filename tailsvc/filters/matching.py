"""What a filter means: does it match an event?"""

from typing import assert_never

from tailsvc.deadlines import check
from tailsvc.events import Event, searchable
from tailsvc.filters.nodes import (
    ATTRIBUTE_PREFIX,
    SEARCHED_FIELDS,
    And,
    Between,
    Contains,
    Everything,
    Exists,
    Filter,
    Like,
    Not,
    OneOf,
    Or,
)
from tailsvc.filters.numbers import as_number
from tailsvc.filters.patterns import like
from tailsvc.folding import upper


def matches(condition: Filter, event: Event) -> bool:  # noqa: PLR0911 (one arm a node)
    match condition:
        case Everything():
            return True
        case And(parts):
            return all(matches(part, event) for part in parts)
        case Or(parts):
            return any(matches(part, event) for part in parts)
        case Not(part):
            return not matches(part, event)
        case Exists(field):
            return value_of(event, field) is not None
        case OneOf(field, values):
            return one_of(value_of(event, field), values, of_attribute=field.startswith(ATTRIBUTE_PREFIX))
        case Between():
            return between(value_of(event, condition.field), condition)
        case Like(field, pattern):
            text = value_of(event, field)
            return isinstance(text, str) and like(text, pattern)
        case Contains(text):
            return _contains(event, upper(text))
        case _:
            assert_never(condition)


def value_of(event: Event, field: str) -> object:
    """The value of a filter's field; None where the event lacks it."""
    if field.startswith(ATTRIBUTE_PREFIX):
        return (event.attributes or {}).get(field[len(ATTRIBUTE_PREFIX) :])
    return getattr(event, field)


def one_of(value: object, values: tuple[object, ...], *, of_attribute: bool) -> bool:
    if not of_attribute:
        return value is not None and value in values
    if isinstance(value, bool):
        return ("true" if value else "false") in values
    if isinstance(value, int | float):
        return any(float(value) == as_number(str(text)) for text in values)
    return isinstance(value, str) and value in values


def between(value: object, bounds: Between) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    number = float(value)
    if bounds.low is not None and not (number >= bounds.low if bounds.includes_low else number > bounds.low):
        return False
    return bounds.high is None or (number <= bounds.high if bounds.includes_high else number < bounds.high)


def _contains(event: Event, needle: str) -> bool:
    check()
    if needle in upper(searchable(event.raw)):
        return True
    return any(needle in upper(text) for name in SEARCHED_FIELDS if (text := getattr(event, name)) is not None)
