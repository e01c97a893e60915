"""What a request for logs asks: Feldera's own `cursor`, and our `follow` and `tail`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from apps.feldera import errors
from apps.feldera.catch_up import MOST_LINES, LogsCursor
from apps.http.parameters import flag, whole_number

_CURSOR = re.compile(r"([0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}):([0-9]{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """`counts_lines`: a cursor was sent, or asked for by sending an empty one."""

    follow: bool
    tail: int | None
    counts_lines: bool
    cursor: LogsCursor | None


def read_question(query: Mapping[str, str]) -> Question:
    """Raises FelderaError, and Problem 422."""
    tail = whole_number(query, "tail", default=0, low=0, high=MOST_LINES) if "tail" in query else None
    cursor = query.get("cursor")
    return Question(
        follow=flag(query, "follow") if "follow" in query else True,
        tail=tail,
        counts_lines=cursor is not None,
        cursor=_read_cursor(cursor) if cursor else None,
    )


def _read_cursor(text: str) -> LogsCursor:
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise errors.invalid_cursor(text)
    return LogsCursor(UUID(found[1]), int(found[2]))
