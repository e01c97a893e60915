"""Which lines can be told from their columns: learns templates, verifies them row by row, and lets the lines go."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import eq
from zlib import crc32

import numpy as np
import numpy.typing as npt

from tailsvc.segments.attributes import MIXED, PLAIN
from tailsvc.segments.columns import Column, Mask, Rows, Text, presence
from tailsvc.segments.frame import MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame
from tailsvc.segments.printing import TIMESTAMP, Form, Slot, nano_forms, number_forms, text_forms, time_forms
from tailsvc.segments.templates import Effort, Template, learn
from tailsvc.timestamps import TIME_UNIX_NANO

_MOST_TEMPLATES = 64  # of one frame
_MOST_KNOWN = 32  # for one shape of rows
# Shapes that a book knows templates for, and flushes until one that is not met any more makes room for another. Some
# lines have hundreds of shapes: whoever searches them looks at each template.
_MOST_KNOWN_SHAPES, _UNUSED = 128, 16
_MANY_SHAPES = 16  # in one frame: what a slot prints is then printed once for all of them
_FAILURES = 3  # in a row, until the rest of a shape is taken as being without a form
# Shapes in a row that taught nothing, the frequent ones first, until the others are not looked at.
_MOST_IDLE, _ROWS_PER_IDLE = 16, 256
_FRUITLESS = 5  # flushes, until a shape is not looked at again
_SAMPLE = 16
_FEWEST = 3  # rows that a template must tell to be worth keeping
# What learning may cost a frame, in looks of about a microsecond: a usual line takes some hundred.
_EFFORT, _EFFORT_PER_ROW = 50_000, 20
_MOST_SHAPES = 4096  # that a book remembers as fruitless; some streams never run out of new ones


@dataclass
class Book:
    """Templates that served before, by what they are for; so that each flush need not learn them anew."""

    known: OrderedDict[tuple[str, int], list[Template]] = field(default_factory=OrderedDict)
    used: dict[tuple[str, int], int] = field(default_factory=dict)  # in which flush last
    flushes: int = 0
    # How often in a row nothing was learned of a shape: what is free text needs no look at every flush.
    fruitless: Counter[tuple[str, int]] = field(default_factory=Counter)

    def is_worth_a_look(self, key: tuple[str, int]) -> bool:
        """Whether something may be learned of this shape; counts the look."""
        if len(self.fruitless) >= _MOST_SHAPES:
            self.fruitless.clear()
        self.fruitless[key] += 1
        return self.fruitless[key] <= _FRUITLESS

    def has_room(self, key: tuple[str, int]) -> bool:
        """Whether a template for this shape may be remembered."""
        if key in self.known or len(self.known) < _MOST_KNOWN_SHAPES:
            return True
        oldest = next(iter(self.known))
        return self.flushes - self.used[oldest] > _UNUSED

    def of(self, key: tuple[str, int]) -> list[Template]:
        """Those that are known for this shape."""
        if key not in self.known:
            return []
        self.known.move_to_end(key)
        self.used[key] = self.flushes
        return [*self.known[key]]

    def remember(self, key: tuple[str, int], template: Template) -> None:
        self.fruitless.pop(key, None)
        kept = self.known.setdefault(key, [])
        kept.insert(0, template)
        del kept[_MOST_KNOWN:]
        self.used[key] = self.flushes
        if len(self.known) > _MOST_KNOWN_SHAPES:
            oldest, _ = self.known.popitem(last=False)
            del self.used[oldest]


def with_templates(frame: Frame, book: Book) -> Frame:
    """The same frame; lines and messages that a template tells are let go."""
    columns = dict(frame.columns)
    shapes = _shapes(frame)
    book.flushes += 1
    effort = Effort(_EFFORT + _EFFORT_PER_ROW * len(frame))
    # Lines first: they may name the whole message. Then the message, of what is left.
    for name in (RAW, MESSAGE):
        plain = columns.get(name)
        if isinstance(plain, Text):
            columns |= _Fold(frame, name, plain, shapes, book, effort).run()
    return Frame(frame.ids, frame.times, columns)


def _shapes(frame: Frame) -> npt.NDArray[np.uint64]:
    """A number for each row that tells which columns it has."""
    shapes = np.zeros(len(frame), np.uint64)
    for name, column in frame.columns.items():
        if name not in (RAW, RAW_BYTES):
            weight = np.uint64(crc32(name.encode()) * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF)
            shapes ^= presence(column) * weight
    return shapes


class _Fold:
    """One pass over the texts of one column."""

    def __init__(
        self, frame: Frame, name: str, plain: Text, shapes: npt.NDArray[np.uint64], book: Book, effort: Effort
    ) -> None:
        self.frame = frame
        self.name = name
        self.shapes = shapes
        self.book = book
        self.effort = effort
        self.plain = plain
        earlier = frame.text(name + TEMPLATE)
        self.codes = np.zeros(len(frame), np.int32) if earlier is None else earlier.codes.astype(np.int32)
        self.prints_all = False
        self.idle, self.most_idle = 0, _MOST_IDLE + len(frame) // _ROWS_PER_IDLE
        self.printed: dict[Slot, list[str]] = {}
        self.templates: dict[str, int] = {}
        if earlier is not None:
            self.templates = {spec: code for code, spec in enumerate(earlier.values, 1)}

    def run(self) -> dict[str, Column]:
        there = np.flatnonzero(self.plain.present)
        shapes = self.shapes[there]
        order = np.argsort(shapes, kind="stable")
        distinct, starts, counts = np.unique(shapes[order], return_index=True, return_counts=True)
        self.prints_all = len(distinct) > _MANY_SHAPES
        for nth in np.argsort(-counts, kind="stable").tolist():
            start = int(starts[nth])
            self._fold_shape(int(distinct[nth]), there[order[start : start + int(counts[nth])]])
        if not self.templates:
            return {}
        left = Text(self.plain.values, np.where(self.codes, 0, self.plain.codes).astype(np.int32)).compact()
        return {self.name: left, self.name + TEMPLATE: Text([*self.templates], self.codes)}

    def _fold_shape(self, shape: int, rows: Rows) -> None:
        key = (self.name, shape)
        for template in self.book.of(key):
            rows = self._use(template, rows)
            if not len(rows):
                return
        if len(rows) >= _FEWEST and self._may_learn() and self.book.has_room(key) and self.book.is_worth_a_look(key):
            self.idle += 1
            self._learn(key, rows)

    def _learn(self, key: tuple[str, int], rows: Rows) -> None:
        failures = 0
        while len(rows) >= _FEWEST and failures < _FAILURES and self._may_learn():
            first = int(rows[0])
            learned = learn(self._texts(rows[:1])[0], self._forms(first), self.effort)
            if learned is None or not self._is_of_use(learned, rows):
                rows, failures = rows[1:], failures + 1
                continue
            failures = self.idle = 0
            self.book.remember(key, learned)
            rows = self._use(learned, rows)

    def _may_learn(self) -> bool:
        return len(self.templates) < _MOST_TEMPLATES and self.effort.left > 0 and self.idle < self.most_idle

    def _is_of_use(self, template: Template, rows: Rows) -> bool:
        sample = rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE]
        return int(self._told(template, sample).sum()) >= min(_FEWEST, len(sample))

    def _use(self, template: Template, rows: Rows) -> Rows:
        """Lets the template tell what it can; the rows that it cannot."""
        told = self._told(template, rows)
        if told.any():
            self.codes[rows[told]] = self.templates.setdefault(template.spec, len(self.templates) + 1)
        return rows[~told]

    def _told(self, template: Template, rows: Rows) -> Mask:
        """For each row whether the template renders its text."""
        if any(slot.column != TIMESTAMP and slot.column not in self.frame.columns for slot in template.slots):
            return np.zeros(len(rows), np.bool_)
        rendered = template.render([self._printed(slot, rows) for slot in template.slots])
        texts = self._texts(rows)
        if rendered == texts:
            return np.ones(len(rows), np.bool_)
        return np.fromiter(map(eq, rendered, texts), np.bool_, len(rows))

    def _printed(self, slot: Slot, rows: Rows) -> list[str]:
        if not self.prints_all:
            return self.frame.printed(slot, rows)
        if slot not in self.printed:
            self.printed[slot] = self.frame.printed(slot)
        return [*map(self.printed[slot].__getitem__, rows.tolist())]

    def _texts(self, rows: Rows) -> list[str]:
        return [text or "" for text in self.plain.texts(rows)]

    def _forms(self, row: int) -> Iterator[Form]:
        yield from time_forms(self.plain.texts(slice(row, row + 1))[0] or "", int(self.frame.times[row]))
        for name, column in self.frame.columns.items():
            if name in (RAW, self.name) or not _may_be_slot(name):
                continue
            if isinstance(column, Text):
                value = column.texts(slice(row, row + 1))[0]
                if value and name == PLAIN + TIME_UNIX_NANO:
                    yield from nano_forms(self.plain.texts(slice(row, row + 1))[0] or "", name, value)
                if value:
                    yield from text_forms(name, value)
            else:
                number = column.numbers(slice(row, row + 1))[0]
                if number is not None:
                    yield from number_forms(name, number)


def _may_be_slot(name: str) -> bool:
    """A field or an attribute: no template, no `raw.bytes`."""
    return "." not in name or name.startswith((PLAIN, MIXED))
