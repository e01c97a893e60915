"""The items of one body, read one group after the other into events and rejections."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import orjson

from tailsvc.event_tables import EventTable, EventTables
from tailsvc.events import Event, ParsedBody, Rejection, searchable
from tailsvc.limits import JSON_DEPTH, LINE_BYTES, MIB, REJECTION_SAMPLE_BYTES
from tailsvc.parsing.aliases import LOG
from tailsvc.parsing.flat_objects import FEWEST_ALIKE, Shapes, texts_of
from tailsvc.parsing.json_values import TooDeep, load
from tailsvc.parsing.lines import ESCAPED_NUL, Block
from tailsvc.parsing.object_groups import by_keys, table_of, tables_of
from tailsvc.parsing.object_tables import plan_of
from tailsvc.parsing.objects import read_object
from tailsvc.parsing.readings import event
from tailsvc.parsing.tables import Table
from tailsvc.parsing.text import read_text, read_texts
from tailsvc.parsing.wrapped import bare_event, without_end, wrapped_event

_shapes = Shapes()

_TOO_LONG = f"The line is longer than {LINE_BYTES // MIB} MiB."
_TOO_DEEP = f"The object is nested deeper than {JSON_DEPTH} levels."
_NOT_JSON = "The line is not valid JSON."
_ARRAY = "An array"
_WORDS = {
    b"null": "A null",
    b"true": "A boolean",
    b"false": "A boolean",
    b"NaN": "A number",
    b"Infinity": "A number",
    b"-Infinity": "A number",
}
_NUMBER = re.compile(rb"-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?")


class Unusable(Exception):
    """An item is no event; the text says why."""


class Batch:
    """What was read so far; `received_at` in microseconds."""

    def __init__(self, received_at: int) -> None:
        self._received_at = received_at
        self._count = 0
        self._tables: list[EventTable] = []
        self._singles: dict[int, Event] = {}
        self._rejections: list[Rejection] = []
        # Items that are no event. They are few: so no time is spent on noting the number of each event.
        self._others: list[int] = []

    def result(self) -> ParsedBody:
        events: Sequence[Event] = EventTables(self._count, self._tables, self._singles)
        if not self._tables:
            events = [*self._singles.values()]
        return ParsedBody(events, self._rejections, self._numbers())

    def add_json(self, block: Block) -> None:
        """JSON values; blank lines are skipped."""
        tables: list[EventTable] = []
        if len(block.lines) > 1:  # a table of one row costs more than it saves
            tables = [table for table in _json_tables(block, self._received_at) if len(table)]
        self._add(block, tables, _json_event)

    def add_text(self, block: Block) -> None:
        """Lines of text; blank ones are skipped."""
        tables = [table for table in _text_tables(block.lines, self._received_at) if len(table)]
        self._add(block, tables, _text_event)

    def _add(self, block: Block, tables: Sequence[EventTable], read: Callable[[bytes, int], Event]) -> None:
        """The events found in tables; what is missing is read singly."""
        count = len(block.lines)
        before = self._count
        missing = set(range(count)).difference(*(table.rows for table in tables)) if tables else range(count)
        singles = {row: self._read(block.lines[row], block.first + row, read) for row in sorted(missing)}
        if None in singles.values():
            places = [*accumulate(singles.get(row, self) is not None for row in range(count))]
            tables = [replace(table, rows=[before + places[row] - 1 for row in table.rows]) for table in tables]
            self._singles |= {before + places[row] - 1: event for row, event in singles.items() if event is not None}
            self._count += places[-1]
        else:
            tables = [table.shifted(before) for table in tables]
            self._singles |= {before + row: event for row, event in singles.items() if event is not None}
            self._count += count
        self._tables += tables

    def _read(self, line: bytes, number: int, read: Callable[[bytes, int], Event]) -> Event | None:
        if line and not line.isspace():
            try:
                if len(line) > LINE_BYTES:
                    raise Unusable(_TOO_LONG)
                return read(line, self._received_at)
            except Unusable as reason:
                sample = line[:REJECTION_SAMPLE_BYTES]
                self._rejections.append(Rejection(number, str(reason), sample))
        self._others.append(number)
        return None

    def _numbers(self) -> Sequence[int]:
        """Of each event, the item that it was."""
        count = self._count + len(self._others)
        if not self._others:
            return range(1, count + 1)
        others = set(self._others)
        return [number for number in range(1, count + 1) if number not in others]


def _json_event(line: bytes, received_at: int) -> Event:
    """One JSON value of whatever kind. Raises Unusable."""
    text = line.strip()
    if text[:1] not in (b"{", b'"'):
        raise Unusable(_why_not(text))
    try:
        value = load(line)
        if type(value) is str:
            return bare_event(value, received_at)
        if type(value.get(LOG)) is str:
            return wrapped_event(value, received_at)
        return event(read_object(value), line, received_at)
    except TooDeep:
        raise Unusable(_TOO_DEEP) from None
    except ValueError:
        raise Unusable(_NOT_JSON) from None


def _why_not(text: bytes) -> str:
    """Why a line that begins with neither a brace nor a quote is no event."""
    kind = _WORDS.get(text) or (_ARRAY if text[:1] == b"[" else _NUMBER.fullmatch(text) and "A number")
    return f"{kind} is not an event; send an object or a string." if kind else _NOT_JSON


def _text_event(line: bytes, received_at: int) -> Event:
    return event(read_text(searchable(line), received_at), line, received_at)


def _json_tables(block: Block, received_at: int) -> Iterator[EventTable]:
    """The events of lines that are objects of a usual kind."""
    texts = texts_of(block)
    rest = set(range(len(block.lines)))
    for rows, table in () if texts is None else _shapes.read(texts):
        rest.difference_update(rows)
        yield _events(table, rows, block.lines, received_at)
    rows = sorted(rest)
    lines = block.lines if len(rest) == len(block.lines) else [block.lines[row] for row in rows]
    values = zip(rows, _load_all(lines, wild=block.wild), strict=True)
    plain: dict[int, dict[str, Any]] = {}
    wrapped: dict[int, dict[str, Any]] = {}
    for row, value in values:
        if type(value) is dict:
            kind = type(value.get(LOG))
            if kind is not int and kind is not float:  # those with too many digits are texts, read singly
                (wrapped if kind is str else plain)[row] = value
    groups = by_keys(plain)
    if texts is not None:
        _learn_shapes(groups, texts)
    for rows, table in tables_of(plain, groups):
        yield _events(table, rows, block.lines, received_at)
    if wrapped:
        yield from _read_wrapped(wrapped, received_at)


def _learn_shapes(groups: Mapping[tuple[str, ...], list[int]], texts: Sequence[str]) -> None:
    for keys, rows in groups.items():
        if len(rows) >= FEWEST_ALIKE and LOG not in keys and (plan := plan_of(keys)) is not None:
            _shapes.learn(keys, plan, [texts[row] for row in rows])


def _read_wrapped(objects: Mapping[int, dict[str, Any]], received_at: int) -> Iterator[EventTable]:
    rows = [*objects]
    texts = [value.pop(LOG) for value in objects.values()]
    texts = [text if text[-1:] != "\n" else without_end(text) for text in texts]
    for part, table in read_texts(texts, received_at):
        of_part = [rows[place] for place in part]
        table.within(table_of([objects[row] for row in of_part]))
        yield table.events(of_part, [texts[place].encode() for place in part], received_at)


def _text_tables(lines: Sequence[bytes], received_at: int) -> Iterator[EventTable]:
    rows = [row for row, line in enumerate(lines) if line and len(line) <= LINE_BYTES and not line.isspace()]
    texts = [searchable(lines[row]) for row in rows]
    for part, table in read_texts(texts, received_at):
        yield _events(table, [rows[row] for row in part], lines, received_at)


def _events(table: Table, rows: list[int], lines: Sequence[bytes], received_at: int) -> EventTable:
    if len(rows) == len(lines):
        return table.events(range(len(lines)), lines, received_at)
    return table.events(rows, [lines[row] for row in rows], received_at)


def _load_all(lines: Sequence[bytes], *, wild: bool) -> list[Any]:
    """The values of clean JSON lines; None for those that may hold NUL, are too long or are no JSON."""
    if not wild:
        try:
            return [*map(orjson.loads, lines)]
        except orjson.JSONDecodeError:
            pass
    return [*map(_load_clean, lines)]


def _load_clean(line: bytes) -> Any:
    if not line or len(line) > LINE_BYTES or ESCAPED_NUL in line:
        return None
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
