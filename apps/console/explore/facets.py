"""The most frequent values of a field, to click."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.utils.safestring import SafeString

from apps.console.explore.fields import DIFFERENT, SAME, Clause, is_field, operators_for
from apps.console.explore.log_text import to_html
from apps.console.explore.search import Search
from apps.query import summaries
from apps.query.questions import Question
from apps.query.walks import Asked
from tailsvc.errors import InvalidQuery

_SHOWN, MOST_OFFERED = 10, 50
_SHOWN_CHARS = 80


class Value(NamedTuple):
    shown: SafeString
    times: int
    percent: int  # of the most frequent one
    filtered: str  # the address of the search with this value only
    excluded: str  # and without it; "" where the field has no such operator


@dataclass(frozen=True, slots=True)
class Facet:
    field: str
    values: list[Value]


def count(asked: Asked, question: Question, field: str, search: Search, *, now: datetime) -> Facet:
    """Raises InvalidQuery for what is no field."""
    counted = values_of(asked, question, field, limit=_SHOWN, now=now)
    most = counted[0][1] if counted else 1
    operators = {operator for operator, _ in operators_for(field)}
    return Facet(field, [_value(field, text, number, most, search, operators) for text, number in counted])


def values_of(asked: Asked, question: Question, field: str, *, limit: int, now: datetime) -> list[tuple[str, int]]:
    if not is_field(field):
        raise InvalidQuery("facet", f"There is no field {field[:100]!r}.")
    selection = summaries.closed_selection(asked, question, now=now)
    return list(summaries.facets(asked, selection, [field], limit=limit).values[field])


def _value(field: str, text: str, number: int, most: int, search: Search, operators: set[str]) -> Value:
    excluded = search.plus(Clause(field, DIFFERENT, text)).address if DIFFERENT in operators else ""
    return Value(
        to_html(text, most=_SHOWN_CHARS),
        number,
        max(1, 100 * number // most),
        search.plus(Clause(field, SAME, text)).address,
        excluded,
    )
