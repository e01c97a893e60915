"""One filter language for search, count and tail: a typed tree, how clauses become one, and what it means.

The meaning is said once, by `matching`; every other evaluator (SQL in the Postgres store) is tested to agree with it.
"""

from tailsvc.filters.clauses import Ignored, parse_clauses
from tailsvc.filters.matching import matches, value_of
from tailsvc.filters.nodes import (
    EVERYTHING,
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

__all__ = [
    "EVERYTHING",
    "And",
    "Between",
    "Contains",
    "Everything",
    "Exists",
    "Filter",
    "Ignored",
    "Like",
    "Not",
    "OneOf",
    "Or",
    "matches",
    "parse_clauses",
    "value_of",
]
