"""The filter tree.

A condition on a field that the event lacks does not hold; its negation does. Field names are those of `Event`, or
`attributes.<name>`.
"""

from dataclasses import dataclass

ATTRIBUTE_PREFIX = "attributes."

TEXT_FIELDS = frozenset(
    {
        *("level", "method", "path", "host", "ip", "user_agent", "referrer", "service", "src", "message"),
        *("filename", "replica", "container", "stdio", "trace_id", "span_id"),
    }
)
NUMBER_FIELDS = frozenset({"status", "response_time_ms"})
# What a search for a piece of text looks into, besides the raw line.
SEARCHED_FIELDS = (
    "path",
    "host",
    "user_agent",
    "referrer",
    "ip",
    "service",
    "message",
    "method",
    "src",
)

Value = str | float | bool


@dataclass(frozen=True, slots=True)
class Everything:
    """Every event."""


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Every event that `part` does not match; also those that lack its field."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value, of whatever kind; an attribute that is null has none."""

    field: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field equals one of the values.

    Texts for text fields, numbers for number fields, `True`/`False` for `is_bot`. For an attribute the values are
    texts: they equal a text attribute as they are, a number if they read as that number, a boolean as true or false.
    """

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The field is a number from `low` to `high`; None is no bound; a reversed range is empty."""

    field: str
    low: float | None = None
    high: float | None = None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True, slots=True)
class Like:
    """SQL's LIKE, case-sensitive: % any text, _ one character, backslash takes the next character literally."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The text occurs in the raw line or in one of SEARCHED_FIELDS, whatever the case of its letters."""

    text: str


Filter = Everything | And | Or | Not | Exists | OneOf | Between | Like | Contains

EVERYTHING = Everything()
