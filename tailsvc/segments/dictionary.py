"""A column's distinct values, and what was found out about them: asked again for the next row group, it is there."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from tailsvc.filters.patterns import like, literals
from tailsvc.segments.columns import Mask, Text

_REMEMBERED = 8


class Dictionary(list[str]):
    """Values that are asked more than once."""

    __slots__ = ("_found",)

    def __init__(self, values: Sequence[str]) -> None:
        super().__init__(values)
        self._found: dict[Hashable, Mask] = {}

    def chosen(self, question: Hashable, answer: Callable[[], Mask]) -> Mask:
        known = self._found.get(question)
        if known is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            known = self._found[question] = answer()
        return known


def rows_with(column: Text, needle: str) -> Mask | None:
    """The rows in whose value the folded needle occurs; None: none. Codes are needed only where it does."""
    places = column.holding(needle) if column.may_hold(needle) else ()
    if not places:
        return None
    chosen = np.zeros(column.distinct, np.bool_)
    chosen[list(places)] = True
    return column.where(chosen)


def like_values(values: Sequence[str], pattern: str) -> Mask:
    if isinstance(values, Dictionary):
        return values.chosen(("like", pattern), lambda: _like(values, pattern))
    return _like(values, pattern)


def _like(values: Sequence[str], pattern: str) -> Mask:
    return np.fromiter(map(_like_test(pattern), values), np.bool_, len(values))


def _like_test(pattern: str) -> Callable[[str], bool]:
    """The usual patterns are methods of texts, ten times as quick as an expression."""
    parts = literals(pattern)
    literal = parts[0] if len(parts) == 1 else ""
    if literal and pattern == literal + "%":
        return lambda text: text.startswith(literal)
    if literal and pattern == "%" + literal:
        return lambda text: text.endswith(literal)
    if literal and pattern == "%" + literal + "%":
        return lambda text: literal in text
    return lambda text: like(text, pattern)
