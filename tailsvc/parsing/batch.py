"""The items of one body, read one group after the other into events and rejections."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from tailsvc.events import Event, ParsedBody, Rejection, searchable
from tailsvc.limits import JSON_DEPTH, LINE_BYTES, MIB, REJECTION_SAMPLE_BYTES
from tailsvc.parsing.aliases import LOG
from tailsvc.parsing.json_values import TooDeep, load
from tailsvc.parsing.lines import ESCAPED_NUL, Block
from tailsvc.parsing.object_tables import Plan, Plans, read_objects
from tailsvc.parsing.objects import read_object
from tailsvc.parsing.readings import event
from tailsvc.parsing.text import read_text, read_texts
from tailsvc.parsing.wrapped import bare_event, without_end, wrapped_event

_plans = Plans(unwrap=True)

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

Found = list[Event | None]


class Unusable(Exception):
    """An item is no event; the text says why."""


class Batch:
    """What was read so far; `received_at` in microseconds."""

    def __init__(self, received_at: int) -> None:
        self._received_at = received_at
        self._events: list[Event] = []
        self._rejections: list[Rejection] = []
        # Items that are no event. They are few: so no time is spent on noting the number of each event.
        self._others: list[int] = []

    def result(self) -> ParsedBody:
        return ParsedBody(self._events, self._rejections, self._numbers())

    def add_json(self, block: Block) -> None:
        """JSON values; blank lines are skipped."""
        found: Found = [None]
        if len(block.lines) > 1:  # a table of one row costs more than it saves
            found = _json_tables(_load_all(block), block.lines, self._received_at)
        self._add(block, found, _json_event)

    def add_text(self, block: Block) -> None:
        """Lines of text; blank ones are skipped."""
        self._add(block, _text_tables(block.lines, self._received_at), _text_event)

    def _add(self, block: Block, found: Found, read: Callable[[bytes, int], Event]) -> None:
        """The events found in tables; what is missing is read singly."""
        if None in found:
            for row, known in enumerate(found):
                if known is None:
                    found[row] = self._read(block.lines[row], block.first + row, read)
        self._events += filter(None, found)

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
        count = len(self._events) + len(self._others)
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


def _json_tables(values: list[Any], lines: list[bytes], received_at: int) -> Found:
    """The events of lines that are objects of a usual kind; None for others."""
    found: Found = [None] * len(lines)
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, value in enumerate(values):
        if type(value) is dict:
            groups.setdefault(tuple(value), []).append(row)
    for keys, rows in groups.items():
        plan = _plans.of(keys)
        if plan is None:
            continue
        group = [values[row] for row in rows]
        if LOG in keys:
            _read_wrapped(plan, group, rows, found, received_at)
        else:
            table = read_objects(plan, _columns_of(group))
            events = table.events([lines[row] for row in rows], received_at)
            _place(events, rows, table.odd, found)
    return found


def _read_wrapped(plan: Plan, group: list[dict[str, Any]], rows: list[int], found: Found, received_at: int) -> None:
    texts = [value[LOG] for value in group]
    if set(map(type, texts)) != {str}:
        return
    texts = [text if text[-1:] != "\n" else without_end(text) for text in texts]
    for part, table in read_texts(texts, received_at):
        table.within(read_objects(plan, _columns_of([group[row] for row in part])))
        events = table.events([texts[row].encode() for row in part], received_at)
        _place(events, [rows[row] for row in part], table.odd, found)


def _text_tables(lines: Sequence[bytes], received_at: int) -> Found:
    found: Found = [None] * len(lines)
    rows = [row for row, line in enumerate(lines) if line and len(line) <= LINE_BYTES and not line.isspace()]
    texts = [searchable(lines[row]) for row in rows]
    for part, table in read_texts(texts, received_at):
        places = [rows[row] for row in part]
        events = table.events([lines[place] for place in places], received_at)
        _place(events, places, table.odd, found)
    return found


def _load_all(block: Block) -> list[Any]:
    """The values of clean JSON lines; None for those that may hold NUL, are too long or are no JSON."""
    if not block.wild:
        try:
            return [*map(orjson.loads, block.lines)]
        except orjson.JSONDecodeError:
            pass
    return [*map(_load_clean, block.lines)]


def _load_clean(line: bytes) -> Any:
    if not line or len(line) > LINE_BYTES or ESCAPED_NUL in line:
        return None
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _columns_of(group: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [*zip(*map(dict.values, group), strict=True)]


def _place(events: list[Event], rows: list[int], odd: set[int], found: Found) -> None:
    for row, read in zip(rows, events, strict=True):
        found[row] = read
    for row in odd:
        found[rows[row]] = None
