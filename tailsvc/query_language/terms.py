"""What one term means: a free word, or a field and a value. Values are read as those of clauses are."""

import difflib
import re
from dataclasses import dataclass
from functools import cache

from tailsvc.errors import InvalidFilter
from tailsvc.filters import EVERYTHING, Exists, Filter
from tailsvc.filters.clauses import OPERATORS, condition_on
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX, NUMBER_FIELDS, TEXT_FIELDS
from tailsvc.filters.numbers import as_number
from tailsvc.folding import upper
from tailsvc.parsing.aliases import synonym, synonyms
from tailsvc.query_language.faults import fault
from tailsvc.query_language.words import Word

_OPERATORS = (">=", "<=", ">", "<", "=")  # the longer ones first
_STATUS_CLASS = re.compile(r"[1-5]xx", re.IGNORECASE)
_BRACKETS = re.compile(r"\[\s*(\S+)\s+TO\s+(\S+)\s*\]")
_FOR_LIKE = str.maketrans({each: f"\\{each}" for each in "%_\\"})
# Stored in upper case, and asked for in any.
_UPPER_CASE = {"level", "method"}
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Field:
    name: str  # as filters have it
    shown: str  # as it was typed


def field_of(word: Word) -> Field:
    """Raises InvalidQuery for a name that is none, with those that are near."""
    typed = word.text
    if not typed:
        raise fault(word.column, "expected a field before the colon; a text with a colon goes in quotes.")
    name = typed if _is_field(typed) else synonym(typed)
    if name is None:
        raise fault(word.column, _unknown(typed))
    return Field(name, typed)


def on_field(field: Field, value: Word) -> Filter:
    try:
        return _condition(field.name, value)
    except InvalidFilter as error:
        raise fault(value.column, f"{field.shown}: {error}") from error


def free(word: Word) -> Filter:
    """A piece of text, wherever it occurs; so a star before or behind it says nothing more."""
    start, end = 0, len(word.characters)
    while start < end and _is_star(word, start):
        start += 1
    while end > start and _is_star(word, end - 1):
        end -= 1
    inner = word.cut(start, end)
    if (star := inner.find("*")) is not None:
        column = inner.characters[star].column
        raise fault(column, "a * within a word goes with a field only: message:a*b. In quotes it is a star.")
    if not inner.characters and not word.characters:
        raise fault(word.column, "expected a text between the quotes; a lone * finds everything.")
    return condition_on("q", "=", inner.text) if inner.characters else EVERYTHING


def _is_star(word: Word, place: int) -> bool:
    return word.characters[place][:2] == ("*", True)


def _is_field(name: str) -> bool:
    return name in OPERATORS or (name.startswith(ATTRIBUTE_PREFIX) and name != ATTRIBUTE_PREFIX)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name[:100].lower(), _names(), _NEAR)
    guess = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"there is no field {name[:100]!r}.{guess} A field of your own is attributes.<name>; "
        "a text with a colon goes in quotes."
    )


@cache
def _names() -> list[str]:
    return [*OPERATORS, *(name for name in synonyms() if name not in OPERATORS)]


def _condition(name: str, value: Word) -> Filter:
    if (operator := _operator_of(value)) is not None:
        return _compared(name, operator, value)
    if _is_lone_star(value):
        return _exists(name)
    if (bounds := _range(name, value)) is not None:
        return _between(name, *bounds)
    if name == "status" and _STATUS_CLASS.fullmatch(value.text):
        return condition_on("status_class", "=", value.text)
    if value.find("*") is not None:
        return _like(name, value)
    return condition_on(name, "=", value.text)


def _operator_of(value: Word) -> str | None:
    head = "".join(each.text if each.bare else " " for each in value.characters[:2])
    return next((each for each in _OPERATORS if head.startswith(each)), None)


def _compared(name: str, operator: str, value: Word) -> Filter:
    if value.column + len(operator) == value.end:
        raise fault(value.end, f"expected a value directly behind {operator}.")
    if operator != "=" and not _takes_numbers(name):
        raise InvalidFilter(f"its values are not numbers, so it takes no {operator}.")
    return condition_on(name, operator, value.cut(len(operator)).text)


def _is_lone_star(value: Word) -> bool:
    return len(value.characters) == 1 and _is_star(value, 0)


def _exists(name: str) -> Filter:
    return Exists("status" if name == "status_class" else name)


def _range(name: str, value: Word) -> tuple[str, str] | None:
    """Its ends as texts, "" for an open one; None if it is no range."""
    if not value.is_bare:
        return None
    if (found := _BRACKETS.fullmatch(value.text)) is not None:
        low, high = ("" if end == "*" else end for end in found.groups())
        return low, high
    low, dots, high = value.text.partition("..")
    # Only between numbers: elsewhere dots are dots, as in ../etc.
    is_range = dots and (low or high) and all(end == "" or as_number(end) is not None for end in (low, high))
    return (low, high) if is_range and _takes_numbers(name) else None


def _between(name: str, low: str, high: str) -> Filter:
    if not _takes_numbers(name):
        raise InvalidFilter("its values are not numbers, so it takes no range.")
    if low and high:
        return condition_on(name, "between", [low, high])
    if low or high:
        return condition_on(name, ">=" if low else "<=", low or high)
    return _exists(name)


def _like(name: str, value: Word) -> Filter:
    if name not in TEXT_FIELDS and not name.startswith(ATTRIBUTE_PREFIX):
        ranges = "; write 5xx or 500..599" if name == "status" else ""
        raise InvalidFilter(f"its values are no texts, so it takes no *{ranges}.")
    fold = upper if name in _UPPER_CASE else str
    pattern = "".join(
        "%" if _is_star(value, place) else fold(each.text).translate(_FOR_LIKE)
        for place, each in enumerate(value.characters)
    )
    return condition_on(name, "like", pattern)


def _takes_numbers(name: str) -> bool:
    return name in NUMBER_FIELDS or name.startswith(ATTRIBUTE_PREFIX)
