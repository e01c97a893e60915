"""LIKE patterns, read once. However they are made, a long text is gone over in time that grows with its length, and
in steps that leave the other threads their turn: patterns and texts are foreign both."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from tailsvc.deadlines import check
from tailsvc.errors import InvalidFilter

# Places times characters: up to so many an expression is quickest, and takes less than a millisecond at worst.
_FEW = 1 << 18
_PLACES_AT_ONCE = 1 << 16
# A read goes over thousands of texts: of longer ones each is worth a look at the clock.
_LONG = 1_000


@dataclass(slots=True, eq=False)
class Part:
    """What stands between two `%`: a number of characters, of which the texts are told; `_` are all others."""

    length: int
    texts: Sequence[tuple[int, str]]  # with their places in the part, in order
    _expression: re.Pattern[str] | None = field(default=None, init=False)

    def stands_at(self, text: str, at: int) -> bool:
        for offset, told in self.texts:  # noqa: SIM110 (`all` would cost as much again)
            if not text.startswith(told, at + offset):
                return False
        return True

    def find(self, text: str, at: int, end: int) -> int:
        """The first place from `at` on where it stands, all of it before `end`; -1: nowhere."""
        room = end - at - self.length
        if room < 0:
            return -1
        if not self.texts:
            return at
        if len(self.texts) == 1:
            ((offset, told),) = self.texts
            return max(-1, text.find(told, at + offset, at + offset + room + len(told)) - offset)
        if room * self.length > _FEW:
            return self._sweep(text, at, end)
        if self._expression is None:  # not before it is needed: a pattern may have a thousand parts
            self._expression = re.compile(self._written())
        found = self._expression.search(text, at, end)
        return -1 if found is None else found.start()

    def _written(self) -> str:
        written, at = "", 0
        for offset, told in (*self.texts, (self.length, "")):
            # A repeat is one step, however long.
            written += f"(?s:.{{{offset - at}}})" * (offset > at) + re.escape(told)
            at = offset + len(told)
        return written

    def _sweep(self, text: str, at: int, end: int) -> int:
        """The same, for many places at once and character by character."""
        while (places := min(_PLACES_AT_ONCE, end - self.length - at + 1)) > 0:
            check()
            window = _numbers(text[at : at + places + self.length - 1])
            found = np.ones(places, np.bool_)
            for offset, told in self.texts:
                for place, character in enumerate(told, offset):
                    found &= window[place : place + places] == ord(character)
                if not found.any():
                    break
            else:
                return at + int(found.argmax())
            at += places
        return -1


def _numbers(text: str) -> Any:
    """Its code points."""
    try:
        return np.frombuffer(text.encode("latin-1"), np.uint8)
    except UnicodeEncodeError:
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@lru_cache(maxsize=256)
def parts_of(pattern: str) -> Sequence[Part]:
    """The pattern between its `%`; one that is empty alone matches the empty text only.

    Raises InvalidFilter for a pattern that ends in a lone backslash.
    """
    parts, current, characters = [], [""], iter(pattern)  # of the current part, the texts between its `_`
    for character in characters:
        if character == "%":
            parts.append(_part(current))
            current = [""]
        elif character == "_":
            current.append("")
        elif character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise InvalidFilter("A like pattern may not end in a lone backslash.")
            current[-1] += escaped
        else:
            current[-1] += character
    return (*parts, _part(current))


def _part(between: Sequence[str]) -> Part:
    texts, at = [], 0
    for text in between:
        if text:
            texts.append((at, text))
        at += len(text) + 1
    return Part(at - 1, texts)


def literals(pattern: str) -> list[str]:
    """The texts that every match contains."""
    return [text for part in parts_of(pattern) for _, text in part.texts]


def like(text: str, pattern: str) -> bool:
    """Whether LIKE holds. Each part takes the first place left: what fits behind a later one does so too."""
    first, *rest = parts_of(pattern)
    if not rest:
        return len(text) == first.length and first.stands_at(text, 0)
    *middle, last = rest
    at, end = first.length, len(text) - last.length
    if at > end or not (first.stands_at(text, 0) and last.stands_at(text, end)):
        return False
    if len(text) >= _LONG:
        check()
    for part in middle:
        place = part.find(text, at, end)
        if place < 0:
            return False
        at = place + part.length
    return True
