"""The seed's filters: a JSON array of {"field", "operator", "value"}, all of which must hold.

Lenient where the seed is: an unknown field is passed over, an operator that its table does not list for the field
becomes `=`; both are told. A value that cannot be used is an error always.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tailsvc import limits
from tailsvc.errors import InvalidFilter
from tailsvc.filters.nodes import (
    ATTRIBUTE_PREFIX,
    EVERYTHING,
    TEXT_FIELDS,
    And,
    Between,
    Contains,
    Filter,
    Like,
    Not,
    OneOf,
    Value,
)
from tailsvc.filters.numbers import as_number
from tailsvc.filters.patterns import parts_of
from tailsvc.folding import upper
from tailsvc.levels import normalise_level

_SAME = {"=", "=="}
_DIFFERENT = {"!=", "not"}
_SETS = {"in", "not_in"}
_PATTERNS = {"like", "not_like"}
_ORDER = {
    ">": ">",
    "gt": ">",
    ">=": ">=",
    "gte": ">=",
    "<": "<",
    "lt": "<",
    "<=": "<=",
    "lte": "<=",
}

_TEXT_OPERATORS = _SAME | _DIFFERENT | _SETS | _PATTERNS
# The seed's table, field by field; the fields that it does not have are ours and take what texts take.
OPERATORS: dict[str, set[str]] = {
    **dict.fromkeys(TEXT_FIELDS, _TEXT_OPERATORS),
    "is_bot": {"=", *_DIFFERENT},
    "status_class": {"=", *_DIFFERENT},
    "status": _SAME | _DIFFERENT | set(_ORDER) | _SETS | {"between"},
    "response_time_ms": _SAME | set(_ORDER) | {"between"},
    "method": _SAME | _DIFFERENT | _SETS,
    "level": _SAME | _DIFFERENT | _SETS,
}
_ATTRIBUTE_OPERATORS = _TEXT_OPERATORS | set(_ORDER) | {"between"}
_STATUS_CLASSES = {f"{digit}xx": digit * 100 for digit in range(1, 6)}
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something of a clause that was not followed; `index` counts clauses from 0."""

    index: int
    field: str
    reason: str


def parse_clauses(text: str, *, strict: bool = False) -> tuple[Filter, list[Ignored]]:
    """The JSON text of `filters` -> one filter and what was passed over. Raises InvalidFilter."""
    try:
        clauses = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidFilter(f"filters is not JSON: {error}.") from error
    if not isinstance(clauses, list):
        raise InvalidFilter("filters must be a JSON array of clauses.")
    if len(clauses) > limits.CLAUSES_PER_FILTER:
        raise InvalidFilter(f"filters has {len(clauses)} clauses; at most {limits.CLAUSES_PER_FILTER} are taken.")
    ignored: list[Ignored] = []
    parts = [part for index, clause in enumerate(clauses) if (part := _clause(index, clause, ignored)) is not None]
    if strict and ignored:
        first = ignored[0]
        raise InvalidFilter(f"filters[{first.index}]: {first.reason}")
    return all_of(parts), ignored


def all_of(parts: Sequence[Filter]) -> Filter:
    """All that say something; the one that does as it is."""
    kept = tuple(part for part in parts if part != EVERYTHING)
    return EVERYTHING if not kept else kept[0] if len(kept) == 1 else And(kept)


def _clause(index: int, clause: Any, ignored: list[Ignored]) -> Filter | None:
    if not isinstance(clause, dict) or not isinstance(clause.get("field"), str):
        raise InvalidFilter(f"filters[{index}] must be an object with a text `field`.")
    field = "q" if clause["field"] == "search" else clause["field"]
    if "value" not in clause:
        raise InvalidFilter(f"filters[{index}] ({field}) has no `value`.")
    allowed = operators_of(field)
    if allowed is None:
        ignored.append(Ignored(index, field, f"there is no field {field!r}"))
        return None
    operator = clause.get("operator", "=")
    if not isinstance(operator, str):
        raise InvalidFilter(f"filters[{index}] ({field}): `operator` must be a text.")
    if field != "q" and operator.lower() not in allowed:
        ignored.append(Ignored(index, field, f"{field} has no operator {operator!r}; = was used"))
        operator = "="
    try:
        return condition_on(field, operator.lower(), clause["value"])
    except InvalidFilter as error:
        raise InvalidFilter(f"filters[{index}] ({field}): {error}") from error


def operators_of(field: str) -> set[str] | None:
    """Those that its table lists; None: there is no such field. `q` has none."""
    if field.startswith(ATTRIBUTE_PREFIX) and len(field) > len(ATTRIBUTE_PREFIX):
        return _ATTRIBUTE_OPERATORS
    return set() if field == "q" else OPERATORS.get(field)


def condition_on(field: str, operator: str, value: Any) -> Filter:  # noqa: PLR0911 (one way out an operator)
    """What one clause means. Raises InvalidFilter for a value that cannot be used."""
    if field == "q":
        text = _text(value)
        return Contains(text) if text else EVERYTHING
    if operator in _DIFFERENT:
        return Not(condition_on(field, "=", value))
    if operator in {"not_in", "not_like"}:
        return Not(condition_on(field, operator.removeprefix("not_"), value))
    if operator in _ORDER:
        return _ordered(field, _ORDER[operator], _number(value))
    if operator == "between":
        return _range(field, value)
    if operator == "like":
        return _like(field, value)
    if operator == "in":
        values = value if isinstance(value, list) else [value]
        if len(values) > limits.VALUES_PER_CLAUSE:
            raise InvalidFilter(f"at most {limits.VALUES_PER_CLAUSE} values are taken.")
        return OneOf(field, tuple(_reader(field)(item) for item in values))
    return _same(field, value)


def _same(field: str, value: Any) -> Filter:
    if field == "status_class":
        first = _STATUS_CLASSES.get(_text(value).lower())
        if first is None:
            raise InvalidFilter("the value must be one of 1xx, 2xx, 3xx, 4xx, 5xx.")
        return Between("status", first, first + 99)
    return OneOf(field, (_reader(field)(value),))


def _reader(field: str) -> Callable[[Any], Value]:
    """How a value for this field is read and brought into the form that events have."""
    readers: dict[str, Callable[[Any], Value]] = {
        "is_bot": _flag,
        "status": _number,
        "response_time_ms": _number,
        "method": lambda value: upper(_text(value)),
        "level": lambda value: normalise_level(_text(value)),
    }
    return readers.get(field, _text)


def _ordered(field: str, operator: str, number: float) -> Filter:
    inclusive = operator.endswith("=")
    if operator.startswith(">"):
        return Between(field, low=number, includes_low=inclusive)
    return Between(field, high=number, includes_high=inclusive)


def _range(field: str, value: Any) -> Filter:
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidFilter("between takes a list of two numbers.")
    return Between(field, _number(value[0]), _number(value[1]))


def _like(field: str, value: Any) -> Filter:
    pattern = _text(value)
    parts_of(pattern)  # refuses a pattern that cannot be read
    return Like(field, pattern)


def _text(value: Any) -> str:
    if isinstance(value, bool | int | float):
        value = orjson.dumps(value).decode()
    if not isinstance(value, str):
        raise InvalidFilter("the value must be a text or a number.")
    if len(value) > limits.PATTERN_CHARS:
        raise InvalidFilter(f"the value is longer than {limits.PATTERN_CHARS} characters.")
    return value.replace("\x00", "\ufffd")


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = as_number(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidFilter("the value must be a number.")
    return float(value)


def _flag(value: Any) -> bool:
    word = _text(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise InvalidFilter("the value must be true or false.")
