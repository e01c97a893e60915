"""LIKE patterns, read once."""

import re
from functools import lru_cache

from tailsvc.errors import InvalidFilter

_ANY_ONE = "(?s:.)"


def segments(pattern: str) -> list[str]:
    """The pattern between its `%`, each as a regular expression; [""] matches the empty text only.

    Raises InvalidFilter for a pattern that ends in a lone backslash.
    """
    found, current, characters = [], "", iter(pattern)
    for character in characters:
        if character == "%":
            found.append(current)
            current = ""
        elif character == "_":
            current += _ANY_ONE
        elif character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise InvalidFilter("A like pattern may not end in a lone backslash.")
            current += re.escape(escaped)
        else:
            current += re.escape(character)
    return [*found, current]


def literals(pattern: str) -> list[str]:
    """The texts that every match contains."""
    found, current, characters = [], "", iter(pattern)
    for character in characters:
        if character in "%_":
            found.append(current)
            current = ""
        else:
            current += next(characters, "") if character == "\\" else character
    return [text for text in [*found, current] if text]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> list[re.Pattern[str]]:
    return [re.compile(segment) for segment in segments(pattern)]


def like(text: str, pattern: str) -> bool:
    """Whether LIKE holds. Each segment takes the leftmost place left: linear, where one expression would backtrack."""
    first, *rest = _compiled(pattern)
    if not rest:
        return first.fullmatch(text) is not None
    found = first.match(text)
    if found is None:
        return False
    at = found.end()
    *middle, last = rest
    for segment in middle:
        found = segment.search(text, at)
        if found is None:
            return False
        at = found.end()
    return _ends_with(text, last, at)


def _ends_with(text: str, segment: re.Pattern[str], at: int) -> bool:
    """A segment matches a fixed number of characters, so its place at the end is known."""
    length = _length(segment.pattern)
    return len(text) - length >= at and segment.fullmatch(text, len(text) - length) is not None


@lru_cache(maxsize=1024)
def _length(segment: str) -> int:
    plain = segment.replace(_ANY_ONE, "x")
    return len(re.sub(r"\\(.)", "x", plain, flags=re.DOTALL))
