"""Frame: events as columns, in memory.

Columns are named as the fields of `Event` are; see `attributes` for theirs, and `raw` has four: `raw` (lines kept as
they are), `raw.bytes` (lines that are not UTF-8 or hold NUL, each byte as one character), `raw.template`. A message
may have a template too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tailsvc.events import Event, StoredEvent
from tailsvc.segments.attributes import (
    MIXED,
    MOST_COLUMNS,
    PLAIN,
    REST,
    as_mixed,
    attribute_names,
    join_attributes,
    split_attributes,
)
from tailsvc.segments.columns import Column, Columns, Number, Rows, Text, join_numbers, join_texts
from tailsvc.segments.printing import TIMESTAMP, Slot, print_numbers, print_texts, print_times
from tailsvc.segments.templates import template_of

RAW, RAW_BYTES, MESSAGE, TEMPLATE = "raw", "raw.bytes", "message", ".template"
TEMPLATES = (RAW + TEMPLATE, MESSAGE + TEMPLATE)  # by their whole names: an attribute's may end so too
IS_BOT = "is_bot"
TEXT_COLUMNS = tuple(name for name in Event._fields[2:-1] if name not in ("status", "response_time_ms", IS_BOT))
_ORDER = Event._fields[2:-1]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Frame:
    """`ids` and `times` (microseconds) of every row, and what else the rows say."""

    ids: Times
    times: Times
    columns: Columns

    def __len__(self) -> int:
        return len(self.ids)

    def text(self, name: str) -> Text | None:
        column = self.columns.get(name)
        return column if isinstance(column, Text) else None

    def number(self, name: str) -> Number | None:
        column = self.columns.get(name)
        return column if isinstance(column, Number) else None

    @property
    def bots(self) -> Number:
        """Whether a bot sent it: every event says that; where nothing is noted, none did."""
        noted = self.number(IS_BOT)
        return Number(np.zeros(len(self), np.int64) if noted is None else noted.values)

    def take(self, rows: Rows | slice) -> "Frame":
        return Frame(self.ids[rows], self.times[rows], {name: self.columns[name].take(rows) for name in self.columns})

    def printed(self, slot: Slot, rows: Rows | slice = slice(None)) -> list[str]:
        """The slot's texts; for rows without a value whatever is quick."""
        if slot.column == TIMESTAMP:
            return print_times(self.times[rows], slot.format)
        column = self.columns.get(slot.column)
        if isinstance(column, Number):
            return print_numbers(column.take(rows), slot.format)
        if slot.column == MESSAGE and self.text(MESSAGE + TEMPLATE) is not None:
            return [*print_texts([text or "" for text in self.whole(MESSAGE, rows)], slot.format)]
        if column is None:
            return [""] * len(self.ids[rows])
        values, codes = column.values, column.codes[rows].tolist()
        if len(codes) < len(values):
            return [*print_texts([values[code - 1] if code else "" for code in codes], slot.format)]
        values = ["", *print_texts(values, slot.format)]
        return [values[code] for code in codes]

    def whole(self, name: str, rows: Rows | slice = slice(None)) -> list[str | None]:
        """The texts of `raw` or `message`, those with a template rendered."""
        plain, templates = self.text(name), self.text(name + TEMPLATE)
        count = len(self.ids[rows])
        found: list[str | None] = [None] * count if plain is None else plain.texts(rows)
        if templates is None:
            return found
        codes = templates.codes[rows]
        numbers = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        for code in np.unique(codes).tolist():
            if code:
                places = np.flatnonzero(codes == code)
                rendered = self._rendered(templates.values[code - 1], numbers[places])
                for place, text in zip(places.tolist(), rendered, strict=True):
                    found[place] = text
        return found

    def _rendered(self, spec: str, rows: Rows) -> list[str]:
        template = template_of(spec)
        return template.render([self.printed(slot, rows) for slot in template.slots])

    def raws(self, rows: Rows | slice = slice(None)) -> list[bytes]:
        texts = self.whole(RAW, rows)
        odd = self.text(RAW_BYTES)
        lines = [b"" if text is None else text.encode() for text in texts]
        if odd is not None:
            for place, line in enumerate(odd.texts(rows)):
                if line is not None:
                    lines[place] = line.encode("latin-1")
        return lines

    def events(self, rows: Rows | slice = slice(None)) -> list[StoredEvent]:
        ids, times = self.ids[rows].tolist(), self.times[rows].tolist()
        columns = [self._field(name, rows, len(ids)) for name in _ORDER]
        attributes = join_attributes(self.columns, rows, len(ids))
        events = map(Event._make, zip(times, self.raws(rows), *columns, attributes, strict=True))
        return [*map(StoredEvent, ids, events)]

    def _field(self, name: str, rows: Rows | slice, count: int) -> Sequence[Any]:
        if name == MESSAGE:
            return self.whole(MESSAGE, rows)
        column = self.columns.get(name)
        if name == IS_BOT:
            return [False] * count if column is None else [bool(bot) for bot in column.numbers(rows)]  # type: ignore[union-attr]
        if column is None:
            return [None] * count
        return column.texts(rows) if isinstance(column, Text) else column.numbers(rows)

    def with_whole_lines(self) -> "Frame":
        """The same without templates."""
        columns = {name: self.columns[name] for name in self.columns if name not in TEMPLATES}
        for name in (RAW, MESSAGE):
            if name + TEMPLATE in self.columns:
                columns[name] = Text.of(self.whole(name))
        return Frame(self.ids, self.times, columns)


def frame_of(events: Sequence[Event], first_id: int) -> Frame:
    """Events as they were appended; their raw lines are kept whole."""
    fields = dict(zip(Event._fields, zip(*events, strict=True), strict=True))
    columns: dict[str, Column] = {}
    for name in TEXT_COLUMNS:
        if fields[name].count(None) != len(events):
            columns[name] = Text.of(fields[name])
    for name, dtype in (("status", int), ("response_time_ms", float)):
        if fields[name].count(None) != len(events):
            columns[name] = Number.of(fields[name], dtype)
    if True in fields[IS_BOT]:
        columns[IS_BOT] = Number(np.array(fields[IS_BOT], np.int64))
    if fields["attributes"].count(None) != len(events):
        columns |= split_attributes(fields["attributes"])
    columns |= line_columns(fields["raw"])
    ids = np.arange(first_id, first_id + len(events), dtype=np.int64)
    return Frame(ids, np.array(fields["timestamp"], np.int64), columns)


def frame_of_stored(stored: Sequence[StoredEvent]) -> Frame:
    frame = frame_of([one.event for one in stored], 1)
    return Frame(np.array([one.id for one in stored], np.int64), frame.times, frame.columns)


def line_columns(raws: Sequence[bytes]) -> dict[str, Text]:
    """The columns of lines that are kept whole."""
    if not raws:
        return {RAW: Text([], np.zeros(0, np.int32))}
    try:
        texts = b"\n".join(raws).decode()
        if "\x00" not in texts:
            lines = texts.split("\n")
            lines = lines if len(lines) == len(raws) else [*map(bytes.decode, raws)]
            # Not made distinct: nearly all are, and nearly all are let go for a template.
            return {RAW: Text(lines, np.arange(1, len(lines) + 1, dtype=np.int32))}
    except UnicodeDecodeError:
        pass
    plain = [*map(text_of, raws)]
    odd = [None if text is not None else raw.decode("latin-1") for raw, text in zip(raws, plain, strict=True)]
    return {RAW: Text.of(plain), RAW_BYTES: Text.of(odd)}


def text_of(raw: bytes) -> str | None:
    """None for a line that is no text: not UTF-8, or with NUL."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def join_frames(frames: Sequence[Frame]) -> Frame:
    """All rows, one frame after the other."""
    if len(frames) == 1:
        return frames[0]
    if _changes_attributes(frames):
        frames = [frame.with_whole_lines() for frame in frames]
    found = dict.fromkeys(name for frame in frames for name in frame.columns)
    names = dict.fromkeys(_joined_name(name, frames) for name in found)
    columns = {name: _join_column(name, frames) for name in names}
    if REST in columns or len(attribute_names(columns)) > MOST_COLUMNS:
        columns = _with_attributes_split_again(columns, sum(map(len, frames)))
    ids = np.concatenate([frame.ids for frame in frames])
    return Frame(ids, np.concatenate([frame.times for frame in frames]), columns)


def _changes_attributes(frames: Sequence[Frame]) -> bool:
    """Whether a column that a template may name becomes another in the whole."""
    names = {name for frame in frames for name in attribute_names(frame.columns)}
    changed = any(_joined_name(name, frames) != name for name in names)
    return changed or len(names) > MOST_COLUMNS or any(REST in frame.columns for frame in frames)


def _with_attributes_split_again(columns: dict[str, Column], count: int) -> dict[str, Column]:
    """Of too many names the frequent ones get columns; no name has a column and stands in the rest too."""
    attributes = join_attributes(columns, slice(None), count)
    others = {name: columns[name] for name in columns if name not in {*attribute_names(columns), REST}}
    return others | split_attributes(attributes)


def _joined_name(name: str, frames: Sequence[Frame]) -> str:
    """An attribute that is of several kinds in these frames becomes one of JSON texts."""
    if not name.startswith(PLAIN):
        return name
    short = name[len(PLAIN) :]
    columns = [frame.columns[name] for frame in frames if name in frame.columns]
    kinds = {column.values.dtype.kind if isinstance(column, Number) else "text" for column in columns}
    mixed = len(kinds) > 1 or any(MIXED + short in frame.columns for frame in frames)
    return MIXED + short if mixed else name


def _join_column(name: str, frames: Sequence[Frame]) -> Column:
    found: list[Column | int] = []
    for frame in frames:
        column = frame.columns.get(name)
        if column is None and name.startswith(MIXED):
            plain = frame.columns.get(PLAIN + name[len(MIXED) :])
            column = None if plain is None else as_mixed(plain)
        if column is None and name == IS_BOT:  # which every event says
            column = Number(np.zeros(len(frame), np.int64))
        found.append(len(frame) if column is None else column)
    numbers = [column for column in found if isinstance(column, Number)]
    if numbers:
        return join_numbers(found, numbers[0].values.dtype)  # type: ignore[arg-type]
    return join_texts(found)  # type: ignore[arg-type]


def sorted_by_time(frame: Frame) -> Frame:
    """In the order of reading: by time, then by id."""
    in_order = np.all(
        (frame.times[1:] > frame.times[:-1])
        | ((frame.times[1:] == frame.times[:-1]) & (frame.ids[1:] > frame.ids[:-1]))
    )
    return frame if in_order else frame.take(np.lexsort((frame.ids, frame.times)))
