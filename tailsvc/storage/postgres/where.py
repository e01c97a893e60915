"""A selection as the condition of a SELECT: the only composed SQL. Values are parameters, always."""

from typing import Any, LiteralString, assert_never

from psycopg import sql
from psycopg.sql import SQL, Composable, Identifier

from tailsvc import limits
from tailsvc.filters.nodes import (
    ATTRIBUTE_PREFIX,
    NUMBER_FIELDS,
    SEARCHED_FIELDS,
    And,
    Between,
    Contains,
    Everything,
    Exists,
    Filter,
    Like,
    Not,
    OneOf,
    Or,
)
from tailsvc.filters.numbers import as_number
from tailsvc.filters.patterns import Part, parts_of
from tailsvc.folding import letters_like
from tailsvc.queries import Direction, Position, Selection
from tailsvc.storage.base import StreamRef
from tailsvc.storage.postgres.snapshots import Deletion

_TRUE, _FALSE = SQL("true"), SQL("false")
# Characters of a text times those of a pattern: in so many steps LIKE takes a second, in which nothing can stop it.
_LIKE_STEPS = 1 << 28
_ARRAY_TYPES: dict[str, LiteralString] = {"is_bot": "bool[]", **dict.fromkeys(NUMBER_FIELDS, "float8[]")}


class Where:
    """Collects the parameters while the condition is composed; each gets a name."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    def value(self, value: Any, type_: LiteralString) -> Composable:
        name = f"p{len(self.params)}"
        self.params[name] = value
        # The type is stated, so that the server never guesses one from the first value that it sees.
        return SQL("{}::{}").format(sql.Placeholder(name), SQL(type_))

    def selection(self, stream: StreamRef, selection: Selection) -> Composable:
        parts = [SQL("event.stream_id = {}").format(self.value(stream.stream_id, "int8"))]
        if selection.start is not None:
            parts.append(SQL("event.timestamp >= {}").format(self.value(selection.start, "int8")))
        if selection.end is not None:
            parts.append(SQL("event.timestamp <= {}").format(self.value(selection.end, "int8")))
        if selection.as_of is not None:
            parts.append(SQL("event.id <= {}").format(self.value(selection.as_of, "int8")))
        if selection.filter != Everything():
            parts.append(self.condition(selection.filter))  # type: ignore[arg-type]
        return SQL(" AND ").join(parts)

    def deleted(self, deletion: Deletion) -> Composable:
        """NULL counts as not deleted."""
        parts: list[Composable] = [SQL("event.id <= {}").format(self.value(deletion.greatest_id, "int8"))]
        if deletion.start is not None:
            parts.append(SQL("event.timestamp >= {}").format(self.value(deletion.start, "int8")))
        if deletion.end is not None:
            parts.append(SQL("event.timestamp <= {}").format(self.value(deletion.end, "int8")))
        parts.append(self.condition(deletion.condition))
        return SQL("(({}) IS TRUE)").format(SQL(" AND ").join(parts))

    def behind(self, position: Position, direction: Direction) -> Composable:
        comparison = SQL("<") if direction is Direction.NEWEST_FIRST else SQL(">")
        return SQL("(event.timestamp, event.id) {} ({}, {})").format(
            comparison, self.value(position.timestamp, "int8"), self.value(position.id, "int8")
        )

    def condition(self, node: Filter) -> Composable:
        match node:
            case Everything():
                return _TRUE
            case And(parts):
                return self._join(" AND ", parts, empty=_TRUE)
            case Or(parts):
                return self._join(" OR ", parts, empty=_FALSE)
            case Not(part):
                # NULL, a field that the event lacks, is not true: so its negation holds.
                return SQL("({} IS NOT TRUE)").format(self.condition(part))
            case Contains(text):
                return self._contains(text)
            case Exists() | OneOf() | Between() | Like():
                return self._on_field(node)
            case _:
                assert_never(node)

    def _join(self, word: str, parts: tuple[Filter, ...], *, empty: Composable) -> Composable:
        if not parts:
            return empty
        return SQL("({})").format(SQL(word).join(self.condition(part) for part in parts))

    def _on_field(self, node: Exists | OneOf | Between | Like) -> Composable:
        if node.field.startswith(ATTRIBUTE_PREFIX):
            return self._on_attribute(node, node.field[len(ATTRIBUTE_PREFIX) :])
        column = Identifier("event", node.field)
        match node:
            case Exists():
                return SQL("({} IS NOT NULL)").format(column)
            case OneOf(field, values):
                type_ = _ARRAY_TYPES.get(field, "text[]")
                return SQL("({} = ANY({}))").format(column, self.value(list(values), type_))
            case Between():
                return self._between(column, node)
            case Like(_, pattern):
                return self._like(column, pattern)

    def _on_attribute(self, node: Exists | OneOf | Between | Like, name: str) -> Composable:
        """Attributes keep their JSON type: which of the readings below applies depends on it."""
        key = self.value(name, "text")
        text = SQL("(event.attributes ->> {})").format(key)
        is_a = SQL("json_typeof(event.attributes -> {})").format(key)
        match node:
            case Exists():
                return SQL("({} <> 'null')").format(is_a)
            case OneOf(_, values):
                texts = self.value([str(value) for value in values], "text[]")
                numbers = [number for value in values if (number := as_number(str(value))) is not None]
                return SQL(
                    "(CASE {is_a} WHEN 'string' THEN {text} = ANY({texts}) WHEN 'boolean' THEN {text} = ANY({texts})"
                    " WHEN 'number' THEN {text}::float8 = ANY({numbers}) END)"
                ).format(is_a=is_a, text=text, texts=texts, numbers=self.value(numbers, "float8[]"))
            case Between():
                as_float = SQL("{}::float8").format(text)
                return SQL("(CASE {} WHEN 'number' THEN {} END)").format(is_a, self._between(as_float, node))
            case Like(_, pattern):
                return SQL("(CASE {} WHEN 'string' THEN {} END)").format(is_a, self._like(text, pattern))

    def _like(self, column: Composable, pattern: str) -> Composable:
        """Where LIKE could go on for minutes, a regular expression: it is dearer, but mindful of the time-out."""
        like = SQL("({} LIKE {})").format(column, self.value(pattern, "text"))
        most = _LIKE_STEPS // (len(pattern) or 1)
        if most >= limits.LINE_BYTES:
            return like
        return SQL(
            """(CASE WHEN octet_length({column}) <= {most} THEN {like} ELSE {column} COLLATE "C" ~ {same} END)"""
        ).format(
            column=column, most=self.value(most, "int8"), like=like, same=self.value(like_expression(pattern), "text")
        )

    def _between(self, column: Composable, node: Between) -> Composable:
        parts = [SQL("{} IS NOT NULL").format(column)]
        if node.low is not None:
            comparison = SQL(">=") if node.includes_low else SQL(">")
            parts.append(SQL("{} {} {}").format(column, comparison, self.value(node.low, "float8")))
        if node.high is not None:
            comparison = SQL("<=") if node.includes_high else SQL("<")
            parts.append(SQL("{} {} {}").format(column, comparison, self.value(node.high, "float8")))
        return SQL("({})").format(SQL(" AND ").join(parts))

    def _contains(self, text: str) -> Composable:
        needle = self.value(needle_pattern(text), "text")
        columns = [Identifier("event", name) for name in ("raw", *SEARCHED_FIELDS)]
        found = SQL(" OR ").join(SQL("{} ~ {}").format(column, needle) for column in columns)
        return SQL("({})").format(found)


def needle_pattern(text: str) -> str:
    """A regular expression that finds the text in any case: each letter becomes the class of its equals.

    Explicit classes, because what `~*` or `ILIKE` take as equal depends on the server's locale.
    """
    return "".join(_letter(letter) for letter in text)


def like_expression(pattern: str) -> str:
    """A regular expression for the whole text that matches as LIKE does."""
    parts = parts_of(pattern)
    return f"^{'.*'.join(map(_part, parts))}$"


def _part(part: Part) -> str:
    written, at = "", 0
    for offset, told in (*part.texts, (part.length, "")):
        written += "." * (offset - at) + "".join(map(_literally, told))
        at = offset + len(told)
    return written


def _letter(letter: str) -> str:
    equals = letters_like(letter)
    return f"[{equals}]" if len(equals) > 1 else _literally(letter)


def _literally(letter: str) -> str:
    return letter if letter.isalnum() or not letter.isascii() or not letter.isprintable() else "\\" + letter
