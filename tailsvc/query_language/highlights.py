"""What a person looks for in the lines that were found, and where it is in them."""

import re
from collections.abc import Sequence

from tailsvc.filters import And, Contains, Filter, Or
from tailsvc.folding import upper


def searched_texts(condition: Filter) -> list[str]:
    """The pieces of text that may have made an event match, in the order of the query."""
    match condition:
        case Contains(text):
            return [text]
        case And(parts) | Or(parts):
            return [text for part in parts for text in searched_texts(part)]
        case _:
            return []


def places(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where words occur, in any case, in order and without overlaps. Folding keeps every letter in its place."""
    if not words:
        return []
    folded = upper(text)
    found: list[tuple[int, int]] = []
    spans = [match.span() for word in words if word for match in re.finditer(re.escape(upper(word)), folded)]
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
