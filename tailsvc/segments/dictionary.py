"""A column's distinct values, and what was found out about them: asked again for the next row group, it is there."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from tailsvc.filters.patterns import like, literals
from tailsvc.folding import upper

Mask = npt.NDArray[np.bool_]
_SEPARATOR = "\x00"  # stands in no text of an event
_REMEMBERED = 8


class Dictionary(list[str]):
    """Values that are asked more than once."""

    __slots__ = ("_found", "_starts", "_text")

    def __init__(self, values: Sequence[str]) -> None:
        super().__init__(values)
        self._text: str | None = None
        self._starts: npt.NDArray[np.int64] | None = None
        self._found: dict[Hashable, Mask] = {}

    def chosen(self, question: Hashable, answer: Callable[[], Mask]) -> Mask:
        known = self._found.get(question)
        if known is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            known = self._found[question] = answer()
        return known

    def folded(self) -> str:
        if self._text is None:
            self._text = _joined(self)
        return self._text

    def starts(self) -> npt.NDArray[np.int64]:
        if self._starts is None:
            self._starts = _starts(self)
        return self._starts


def containing(values: Sequence[str], needle: str) -> Mask:
    """The values in which the folded needle occurs, in any case. All are searched as one text: most do not have it."""
    if isinstance(values, Dictionary):
        return values.chosen(("contains", needle), lambda: _containing(values, needle, values.folded(), values.starts))
    return _containing(values, needle, _joined(values), lambda: _starts(values))


def like_values(values: Sequence[str], pattern: str) -> Mask:
    if isinstance(values, Dictionary):
        return values.chosen(("like", pattern), lambda: _like(values, pattern))
    return _like(values, pattern)


def _containing(values: Sequence[str], needle: str, text: str, starts: Callable[[], npt.NDArray[np.int64]]) -> Mask:
    found = np.zeros(len(values), np.bool_)
    places = []
    at = text.find(needle)
    while at >= 0:
        places.append(at)
        at = text.find(needle, at + 1)
    if places:
        found[np.searchsorted(starts(), places, "right") - 1] = True
    return found


def _joined(values: Sequence[str]) -> str:
    return upper(_SEPARATOR.join(values))


def _starts(values: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each begins in the joined text; folding changes no length."""
    lengths = np.fromiter(map(len, values), np.int64, len(values)) + 1
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)[:-1]])


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
