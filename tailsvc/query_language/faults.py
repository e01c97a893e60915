"""How a query is refused: with the place, counted in characters from 1."""

from tailsvc.errors import InvalidQuery

PARAMETER = "query"


def fault(column: int, what: str) -> InvalidQuery:
    return InvalidQuery(PARAMETER, f"column {column}: {what}")
