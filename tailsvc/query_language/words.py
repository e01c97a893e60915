"""A query's text as tokens: words, parentheses and minus signs.

A word ends at a space, a parenthesis or the end. Quotes may surround the whole of it or a part, as in a shell; between
them, and after a backslash, every character stands for itself. All others may have a meaning: they are *bare*.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tailsvc.query_language.faults import fault

_RANGE = re.compile(r"\[\s*[^\s\[\]]+\s+TO\s+[^\s\[\]]+\s*\]")


class Character(NamedTuple):
    text: str
    bare: bool
    column: int


@dataclass(frozen=True, slots=True)
class Word:
    """`column` is where it begins, `end` the column behind it."""

    characters: tuple[Character, ...]
    column: int
    end: int

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.characters)

    @property
    def is_bare(self) -> bool:
        return all(each.bare for each in self.characters)

    def find(self, character: str) -> int | None:
        """The first place where it stands bare."""
        return next((place for place, each in enumerate(self.characters) if each[:2] == (character, True)), None)

    def cut(self, start: int, end: int | None = None) -> "Word":
        column = self.characters[start].column if start < len(self.characters) else self.end
        return Word(self.characters[start:end], column, self.end)


class Sign(Enum):
    OPEN = "("
    CLOSE = ")"
    MINUS = "-"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    what: Word | Sign
    column: int


def tokens(text: str) -> Iterator[Token]:
    """Ends with Sign.END. Raises InvalidQuery for a quote that is not closed or a backslash before nothing."""
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif character in "()":
            yield Token(Sign(character), at + 1)
            at += 1
        elif character == "-" and _leads(text, at):
            yield Token(Sign.MINUS, at + 1)
            at += 1
        else:
            word = _Reader(text, at).read()
            yield Token(word, word.column)
            at = word.end - 1
    yield Token(Sign.END, len(text) + 1)


def _leads(text: str, at: int) -> bool:
    """Whether the minus stands directly before something."""
    following = text[at + 1 : at + 2]
    return bool(following) and not following.isspace() and following != ")"


class _Reader:
    """Reads one word."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = self._at = start
        self._found: list[Character] = []

    def read(self) -> Word:
        while self._at < len(self._text) and not self._ends(self._text[self._at]):
            self._step(self._text[self._at])
        return Word(tuple(self._found), self._start + 1, self._at + 1)

    def _ends(self, character: str) -> bool:
        return character.isspace() or character in "()"

    def _step(self, character: str) -> None:
        if character == "\\":
            self._escaped()
        elif character == '"':
            self._quoted()
        elif character == "[" and self._may_begin_range() and (found := _RANGE.match(self._text, self._at)):
            self._take(found[0], bare=True)
        else:
            self._take(character, bare=True)

    def _may_begin_range(self) -> bool:
        return not self._found or self._found[-1][:2] == (":", True)

    def _take(self, text: str, *, bare: bool) -> None:
        self._found += [Character(each, bare, self._at + place) for place, each in enumerate(text, 1)]
        self._at += len(text)

    def _escaped(self) -> None:
        if self._at + 1 == len(self._text):
            raise fault(self._at + 1, r"expected a character behind the backslash; \\ is a backslash.")
        self._at += 1
        self._take(self._text[self._at], bare=False)

    def _quoted(self) -> None:
        opened = self._at + 1
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != '"':
            if self._text[self._at] == "\\":
                self._escaped()
            else:
                self._take(self._text[self._at], bare=False)
        if self._at == len(self._text):
            raise fault(opened, 'expected another " to close this one.')
        self._at += 1
