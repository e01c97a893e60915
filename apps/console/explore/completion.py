"""What could stand where somebody is typing a query: fields, values, AND, OR and NOT.

Text that is being typed is rarely a query yet, so it is read here as far as it goes, by the rules of `query_language`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.console.explore.fields import FIELDS, is_field, takes_numbers
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX
from tailsvc.folding import upper
from tailsvc.parsing.aliases import synonym

_MOST = 12
_WORDS = ("AND", "OR", "NOT")
_SIGNS = set('()"\\*')
_CLASSES = ("5xx", "4xx", "3xx", "2xx", "1xx")
_HINTS = {
    "status": [*((one, "class") for one in _CLASSES), (">=500", "500 or more"), ("400..499", "a range")],
    "response_time_ms": [(">1000", "slower than a second"), ("100..500", "a range"), ("*", "has one")],
    "is_bot": [("true", ""), ("false", "")],
    "status_class": [(one, "class") for one in _CLASSES],
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody types: the word so far, and the field whose value it is, if it is one's."""

    word: str  # as typed, quotes and all
    field: str | None
    is_value: bool

    @property
    def value(self) -> str:
        """Without the quotes and backslashes."""
        return _unquoted(self.word)


@dataclass(frozen=True, slots=True)
class Offer:
    text: str  # takes the place of the word
    note: str = ""


def place_in(before: str) -> Place:
    """`before` is the text up to the caret."""
    reader = _Reader()
    for character in before:
        reader.read(character)
    return reader.place()


def offers_of_fields(place: Place, attributes: Iterable[str] = ()) -> list[Offer]:
    """Fields, and AND, OR, NOT, that begin so; those that hold it somewhere come later."""
    word = place.word
    if not word or '"' in word or "\\" in word:
        return []
    names = [*FIELDS, *(ATTRIBUTE_PREFIX + name for name in attributes)]
    found = [Offer(f"{each} ", "all of both" if each == "AND" else "") for each in _WORDS if each.startswith(word)]
    folded = upper(word)
    near = [name for name in names if folded in upper(name)]
    near.sort(key=lambda name: not upper(name).removeprefix(upper(ATTRIBUTE_PREFIX)).startswith(folded))
    return [*found, *(Offer(f"{_field_text(name)}:", _note(name)) for name in near)][:_MOST]


def offers_of_values(place: Place, counted: Sequence[tuple[str, int]]) -> list[Offer]:
    """Values of the field, the most frequent first, and what else goes there."""
    typed = upper(place.value)
    found = [Offer(f"{quoted(value)} ", f"{count:,}") for value, count in counted if typed in upper(value)]
    hints = [Offer(f"{text} ", note) for text, note in _HINTS.get(place.field or "", ()) if text.startswith(place.word)]
    return [*found[:_MOST], *hints][: _MOST + 4]


def quoted(value: str) -> str:
    """As a value in a query that means just this text."""
    has_meaning = (
        not value
        or any(each.isspace() or each in _SIGNS for each in value)
        or value[0] in "<>=-["
        or ".." in value
        or value in _WORDS
    )
    return _in_quotes(value) if has_meaning else value


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _field_text(name: str) -> str:
    if not name.startswith(ATTRIBUTE_PREFIX):
        return name
    inner = name.removeprefix(ATTRIBUTE_PREFIX)
    return ATTRIBUTE_PREFIX + (_in_quotes(inner) if ":" in inner else quoted(inner))  # a colon would end the name


def _note(name: str) -> str:
    return "number" if takes_numbers(name) else "attribute" if name.startswith(ATTRIBUTE_PREFIX) else ""


class _Reader:
    """Follows a text character by character, and knows at its end where it is."""

    def __init__(self) -> None:
        self._word = ""
        self._colon: int | None = None  # in the word: behind the field
        self._in_quotes = self._escaped = False
        self._groups: list[str | None] = []  # the field of each open parenthesis

    def read(self, character: str) -> None:
        if self._escaped or character == "\\":
            self._escaped = not self._escaped
        elif character == '"':
            self._in_quotes = not self._in_quotes
        elif not self._in_quotes:
            if character.isspace() or character in "()":
                self._end_word(character)
                return
            if character == "-" and not self._word:
                return
            if character == ":" and self._colon is None:
                self._colon = len(self._word) + 1
        self._word += character

    def place(self) -> Place:
        if self._colon is not None:
            return Place(self._word[self._colon :], self._field(), is_value=True)
        within = self._groups[-1] if self._groups else None
        return Place(self._word, within, is_value=within is not None)

    def _end_word(self, character: str) -> None:
        if character == "(":
            is_of_field = self._colon is not None and self._colon == len(self._word)
            self._groups.append(self._field() if is_of_field else self._groups[-1] if self._groups else None)
        elif character == ")" and self._groups:
            self._groups.pop()
        self._word, self._colon = "", None

    def _field(self) -> str | None:
        typed = _unquoted(self._word[: (self._colon or 1) - 1])
        return typed if is_field(typed) else synonym(typed)


def _unquoted(word: str) -> str:
    found, characters = "", iter(word)
    for character in characters:
        if character == "\\":
            found += next(characters, "")
        elif character != '"':
            found += character
    return found
