"""The fields of events as people meet them: in what order, and with which operators."""

from dataclasses import dataclass
from typing import Any

from apps.console.explore.values import texts_of
from tailsvc.filters.clauses import OPERATORS, operators_of
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX, NUMBER_FIELDS

# What people look at first comes first.
FIELDS = (
    *("level", "service", "host", "method", "path", "status", "status_class", "response_time_ms", "ip", "message"),
    *("user_agent", "is_bot", "referrer", "replica", "container", "stdio", "filename", "src", "trace_id", "span_id"),
)
# Whose values are few enough for the most frequent ones to say something.
FACETS = ("level", "service", "status", "method", "host", "path", "container", "stdio", "ip", "is_bot")
# Of the operators with several names the one that is shown, in this order; and how it is read.
_WORDS = {
    "=": "is",
    "!=": "is not",
    ">": ">",
    ">=": "≥",
    "<": "<",
    "<=": "≤",
    "between": "between",
    "in": "is one of",
    "not_in": "is none of",
    "like": "like",
    "not_like": "not like",
}
SAME, DIFFERENT = "=", "!="


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a search, as the API's `filters` have it."""

    field: str
    operator: str
    value: Any

    @property
    def words(self) -> str:
        return _WORDS.get(self.operator, self.operator)

    @property
    def texts(self) -> list[str]:
        """The value for people: of sets and ranges each."""
        return texts_of(self.value)

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "operator": self.operator, "value": self.value}


def is_field(name: str) -> bool:
    return name in OPERATORS or (name.startswith(ATTRIBUTE_PREFIX) and name != ATTRIBUTE_PREFIX)


def operators_for(field: str) -> list[tuple[str, str]]:
    """The operators that a field takes, each with its words."""
    allowed = operators_of(field) or set()
    return [(operator, words) for operator, words in _WORDS.items() if operator in allowed]


def takes_numbers(field: str) -> bool:
    return field in NUMBER_FIELDS
