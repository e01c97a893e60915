"""Which lines can be told from their columns: learns templates, verifies them row by row, and lets the lines go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import numpy.typing as npt

from tailsvc.segments.attributes import PLAIN
from tailsvc.segments.columns import Column, Text, presence
from tailsvc.segments.frame import MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame
from tailsvc.segments.printing import Form, Slot, number_forms, text_forms, time_forms
from tailsvc.segments.templates import Template, learn

_MOST_TEMPLATES = 64  # of one frame
_MOST_KNOWN = 32  # for one shape of rows
_FAILURES = 3  # in a row, until the rest of a shape is taken as being without a form
_SAMPLE = 16
_FEWEST = 3  # rows that a template must tell to be worth keeping

Rows = Sequence[int]


@dataclass
class Book:
    """Templates that served before, by what they are for; so that each flush need not learn them anew."""

    known: dict[tuple[str, int], list[Template]] = field(default_factory=dict)

    def remember(self, key: tuple[str, int], template: Template) -> None:
        if len(self.known) >= 256:
            self.known.clear()
        kept = self.known.setdefault(key, [])
        kept.insert(0, template)
        del kept[_MOST_KNOWN:]


def with_templates(frame: Frame, book: Book) -> Frame:
    """The same frame; lines and messages that a template tells are let go."""
    columns = dict(frame.columns)
    shapes = _shapes(frame)
    # Lines first: they may name the whole message. Then the message, of what is left.
    for name in (RAW, MESSAGE):
        plain = columns.get(name)
        if isinstance(plain, Text):
            columns |= _Fold(frame, name, plain, shapes, book).run()
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

    def __init__(self, frame: Frame, name: str, plain: Text, shapes: npt.NDArray[np.uint64], book: Book) -> None:
        self.frame = frame
        self.name = name
        self.texts = plain.texts()
        self.shapes = shapes
        self.book = book
        self.plain = plain
        earlier = frame.text(name + TEMPLATE)
        self.codes = np.zeros(len(frame), np.int32) if earlier is None else earlier.codes.copy()
        self.templates: dict[str, int] = {}
        if earlier is not None:
            self.templates = {spec: code for code, spec in enumerate(earlier.values, 1)}
        self.printed: dict[Slot, list[str]] = {}

    def run(self) -> dict[str, Column]:
        there = np.flatnonzero(self.plain.present)
        for shape in np.unique(self.shapes[there]).tolist():
            self._fold_shape(shape, there[self.shapes[there] == np.uint64(shape)].tolist())
        if not self.templates:
            return {}
        left = Text(self.plain.values, np.where(self.codes, 0, self.plain.codes).astype(np.int32)).compact()
        return {self.name: left, self.name + TEMPLATE: Text([*self.templates], self.codes)}

    def _fold_shape(self, shape: int, rows: Rows) -> None:
        key = (self.name, shape)
        for template in list(self.book.known.get(key, ())):
            rows = self._use(template, rows)
            if not rows:
                return
        failures = 0
        while len(rows) >= _FEWEST and failures < _FAILURES and len(self.templates) < _MOST_TEMPLATES:
            learned = learn(self.texts[rows[0]] or "", self._forms(rows[0]))
            if learned is None or not self._is_of_use(learned, rows):
                rows, failures = rows[1:], failures + 1
                continue
            failures = 0
            self.book.remember(key, learned)
            rows = self._use(learned, rows)

    def _is_of_use(self, template: Template, rows: Rows) -> bool:
        sample = rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE]
        told = len(sample) - len(self._untold(template, sample))
        return told >= min(_FEWEST, len(sample))

    def _use(self, template: Template, rows: Rows) -> list[int]:
        """Lets the template tell what it can; the rows that it cannot."""
        left = self._untold(template, rows)
        if len(left) < len(rows):
            code = self.templates.setdefault(template.spec, len(self.templates) + 1)
            told = set(rows).difference(left) if left else rows
            self.codes[np.fromiter(told, np.intp, len(rows) - len(left))] = code
        return left

    def _untold(self, template: Template, rows: Rows) -> list[int]:
        if any(slot.column != "timestamp" and slot.column not in self.frame.columns for slot in template.slots):
            return list(rows)
        printed = [self._printed(slot) for slot in template.slots]
        texts = self.texts
        if len(rows) != len(texts):
            printed = [[column[row] for row in rows] for column in printed]
            texts = [texts[row] for row in rows]
        told = template.render(printed)
        return [row for row, text, line in zip(rows, told, texts, strict=True) if text != line]

    def _printed(self, slot: Slot) -> list[str]:
        if slot not in self.printed:
            self.printed[slot] = self.frame.printed(slot)
        return self.printed[slot]

    def _forms(self, row: int) -> Iterator[Form]:
        yield from time_forms(self.texts[row] or "", int(self.frame.times[row]))
        for name, column in self.frame.columns.items():
            if name in (RAW, RAW_BYTES, self.name) or name.endswith(TEMPLATE) or not _may_be_slot(name):
                continue
            if isinstance(column, Text):
                value = column.texts(slice(row, row + 1))[0]
                if value:
                    yield from text_forms(name, value)
            else:
                number = column.numbers(slice(row, row + 1))[0]
                if number is not None:
                    yield from number_forms(name, number)


def _may_be_slot(name: str) -> bool:
    return "." not in name or name.startswith(PLAIN)
