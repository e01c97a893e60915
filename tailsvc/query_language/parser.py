"""AND, OR, NOT and parentheses, by descent.

    query    = [any]
    any      = all {"OR" all}
    all      = one {["AND"] one}
    one      = ("NOT" | "-") one | "(" any ")" | field ":(" any ")" | term

In the parentheses behind a field every term is a value of it, and AND is never left out: `level:(error warn)` would
find nothing, and is hardly what was meant.
"""

from collections.abc import Callable

from tailsvc import limits
from tailsvc.errors import InvalidQuery
from tailsvc.filters import EVERYTHING, And, Filter, Not, Or
from tailsvc.query_language import terms
from tailsvc.query_language.faults import PARAMETER, fault
from tailsvc.query_language.terms import Field
from tailsvc.query_language.words import Sign, Token, Word, tokens

_OPERATORS = ("AND", "OR", "NOT")


def parse_query(text: str) -> Filter:
    """What the query selects; a blank one selects everything. Raises InvalidQuery, which names the column."""
    if len(text) > limits.QUERY_CHARS:
        raise InvalidQuery(PARAMETER, f"The query has {len(text):,} characters; at most {limits.QUERY_CHARS:,} go.")
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._terms = 0
        self._depth = 0

    def query(self) -> Filter:
        if self._is_at(Sign.END):
            return EVERYTHING
        found = self._any(None)
        if not self._is_at(Sign.END):
            raise fault(self._next.column, "there is no ( for this ).")
        return found

    def _any(self, field: Field | None) -> Filter:
        parts = [self._all(field)]
        while self._operator() == "OR":
            self._take()
            parts.append(self._all(field))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, field: Field | None) -> Filter:
        parts = [self._one(field)]
        while self._continues(field):
            if self._operator() == "AND":
                self._take()
            parts.append(self._one(field))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _continues(self, field: Field | None) -> bool:
        if self._is_at(Sign.END) or self._is_at(Sign.CLOSE) or self._operator() == "OR":
            return False
        if field is not None and self._operator() != "AND":
            raise fault(self._next.column, f"expected AND, OR or ) between the values of {field.shown}.")
        return True

    def _one(self, field: Field | None) -> Filter:
        token = self._take()
        if _operator_of(token) == "NOT" or token.what is Sign.MINUS:
            return Not(self._deeper(token, lambda: self._one(field)))
        if token.what is Sign.OPEN:
            return self._deeper(token, lambda: self._group(token, field))
        if not isinstance(token.what, Word) or _operator_of(token):
            raise fault(token.column, f"expected a word or a field:value, not {_shown(token)}.")
        return self._term(token, token.what, field)

    def _term(self, token: Token, word: Word, field: Field | None) -> Filter:
        self._terms += 1
        if self._terms > limits.QUERY_TERMS:
            raise fault(word.column, f"at most {limits.QUERY_TERMS} words and values go into one query.")
        if field is not None:
            return terms.on_field(field, word)
        colon = word.find(":")
        if colon is None:
            return terms.free(word)
        named, value = terms.field_of(word.cut(0, colon)), word.cut(colon + 1)
        if word.end > word.characters[colon].column + 1:
            return terms.on_field(named, value)
        if self._is_at(Sign.OPEN) and self._next.column == word.end:
            return self._deeper(token, lambda: self._group(self._take(), named))
        raise fault(word.end, f"expected a value of {named.shown} directly behind the colon.")

    def _group(self, opened: Token, field: Field | None) -> Filter:
        found = self._any(field)
        if not self._is_at(Sign.CLOSE):
            raise fault(self._next.column, f"expected ) for the ( in column {opened.column}.")
        self._take()
        return found

    def _deeper(self, token: Token, read: Callable[[], Filter]) -> Filter:
        self._depth += 1
        if self._depth > limits.QUERY_DEPTH:
            raise fault(token.column, f"parentheses and NOT nest at most {limits.QUERY_DEPTH} deep.")
        found = read()
        self._depth -= 1
        return found

    def _is_at(self, sign: Sign) -> bool:
        return self._next.what is sign

    def _operator(self) -> str | None:
        return _operator_of(self._next)

    def _take(self) -> Token:
        token = self._next
        if token.what is not Sign.END:
            self._next = next(self._tokens)
        return token


def _operator_of(token: Token) -> str | None:
    word = token.what
    return word.text if isinstance(word, Word) and word.is_bare and word.text in _OPERATORS else None


def _shown(token: Token) -> str:
    return token.what.value if isinstance(token.what, Sign) else f"{token.what.text} (in quotes it is a word)"
