"""Lines of which is known how they are made of their values: their templates need not be learned, only proved.

A line is its literals and what stood in its slots. So it is told by its columns where each slot's column prints as the
text that stood there; what is a column's very text needs no look at all.
"""

from collections.abc import Iterator, Sequence
from operator import eq
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tailsvc.clock_columns import read_clocks
from tailsvc.event_tables import ABSENT, Coded, EventTable, Woven, by_value, is_partial, values_of
from tailsvc.segments.attributes import MIXED, PLAIN, as_json_texts
from tailsvc.segments.columns import Mask, Number, Rows
from tailsvc.segments.frame import Frame, Times, text_of
from tailsvc.segments.printing import (
    TIMESTAMP,
    Form,
    Slot,
    number_forms,
    print_numbers,
    print_texts,
    text_forms,
    time_forms,
)
from tailsvc.segments.templates import Part, Template

# The forms that values take in turn (`5` and `5.5`, a text and a dash), and tries that told few lines.
_MOST_FORMS, _MOST_FAILURES = 16, 3
_FEWEST = 3  # lines that a template must tell to be worth keeping

Place = Rows | slice
Told = npt.NDArray[np.int32]


class _Printed(NamedTuple):
    """What a slot becomes in a template; without a column a literal."""

    before: str
    slot: Slot | None
    behind: str = ""


def weave(frame: Frame, table: EventTable, place: Place, templates: dict[str, int]) -> Told:
    """For each row of the table the number of the template that tells its line, or 0.

    `frame` has the table's rows at `place`; `templates` are those of the whole frame, by their text, and grow.
    """
    told = np.zeros(len(table), np.int32)
    if table.woven is None:
        return told
    weaving = _Weaving(frame, table, table.woven, place)
    rows = _readable(table.raws)
    failures = 0
    while len(rows) >= _FEWEST and failures < _MOST_FAILURES and len(templates) < _MOST_FORMS:
        template, mask = weaving.of(int(rows[0]))
        found = rows[mask[rows]]
        if len(found) < _FEWEST or not template.slots:
            rows, failures = rows[1:], failures + 1
            continue
        told[found] = templates.setdefault(template.spec, len(templates) + 1)
        rows = rows[~mask[rows]]
    return told


def _readable(raws: Sequence[bytes]) -> Rows:
    """Those that are the very text they were read as; bytes that are no text were replaced before."""
    joined = b"\n".join(raws)
    try:
        joined.decode()
    except UnicodeDecodeError:
        pass
    else:
        if b"\x00" not in joined:
            return np.arange(len(raws))
    return np.array([row for row, raw in enumerate(raws) if text_of(raw) is not None], np.intp)


class _Weaving:
    def __init__(self, frame: Frame, table: EventTable, woven: Woven, place: Place) -> None:
        self._frame = frame
        self._place = place
        self._table = table
        self._woven = woven
        self._stored = [self._stored_of(name) for name in woven.names]
        self._masks: dict[tuple[int, _Printed], Mask | None] = {}

    def of(self, row: int) -> tuple[Template, Mask]:
        """The template of this row's line, and the rows whose lines it tells."""
        parts: list[Part] = [self._woven.literals[0]]
        mask = np.ones(len(self._table), np.bool_)
        for nth, literal in enumerate(self._woven.literals[1:]):
            printed = self._printed_in(nth, row)
            parts += [printed.before, *([] if printed.slot is None else [printed.slot]), printed.behind + literal]
            fits = self._mask(nth, printed)
            if fits is not None:
                mask &= fits
        return Template([*_joined(parts)]), mask

    def _stored_of(self, name: str) -> tuple[str, Sequence[Any] | None]:
        """The column's name, and its values in this table."""
        if not name.startswith(PLAIN):
            return name, self._table.times if name == TIMESTAMP else self._table.fields.get(name)
        short = name[len(PLAIN) :]
        values = self._table.attributes.get(short)
        if values is None:
            return name, None
        if name not in self._frame.columns:
            name, values = MIXED + short, by_value(as_json_texts, values)
        return name, by_value(_where_there, values) if is_partial(values) else values

    def _printed_in(self, nth: int, row: int) -> _Printed:
        text, (name, values) = self._woven.texts[nth][row], self._stored[nth]
        if values is None or (name != TIMESTAMP and name not in self._frame.columns):
            return _Printed(text, None)
        if values[row] == text:
            return _Printed("", Slot(name))
        for form in self._forms(name, values[row], text):
            before, found, behind = text.partition(form.printed)
            if found and (name == TIMESTAMP or before == behind == "" or before == behind == '"'):
                return _Printed(before, form.slot, behind)
        return _Printed(text, None)

    def _forms(self, name: str, value: Any, text: str) -> Iterator[Form]:
        if value is None:
            return
        if name == TIMESTAMP:
            yield from sorted(time_forms(text, value), key=lambda form: -len(form.printed))
        elif isinstance(self._frame.columns[name], Number):
            yield from number_forms(name, value)
        elif value:
            yield from text_forms(name, value)

    def _mask(self, nth: int, printed: _Printed) -> Mask | None:
        """The rows in which the slot reads so; None for all."""
        key = nth, printed
        if key not in self._masks:
            self._masks[key] = self._compared(nth, printed)
        return self._masks[key]

    def _compared(self, nth: int, read: _Printed) -> Mask | None:
        texts, values = self._woven.texts[nth], self._stored[nth][1] or ()
        slot = read.slot
        if slot is None:
            return _by_row(texts, [text == read.before for text in values_of(texts)])
        alike = _same_clocks(texts, read, self._frame.times[self._place]) if slot.column == TIMESTAMP else None
        if alike is not None:
            return alike
        if isinstance(texts, Coded) and isinstance(values, Coded) and texts.codes is values.codes:
            same = _same(texts.values, self._printed_values(slot, values.values), read)
            return None if same is None else _by_row(texts, same)
        return _same(texts, self._frame.printed(slot, self._place) if slot.format else values, read)

    def _printed_values(self, slot: Slot, values: Sequence[Any]) -> Sequence[str]:
        """As the frame prints their rows."""
        column = self._frame.columns[slot.column]
        if isinstance(column, Number):
            return print_numbers(Number.of(values, column.values.dtype.type), slot.format)
        return print_texts([value or "" for value in values], slot.format)


def _where_there(values: Sequence[Any]) -> Sequence[Any]:
    return [None if value is ABSENT else value for value in values]


def _same(texts: Sequence[str], printed: Sequence[str | None], read: _Printed) -> Mask | None:
    """Where what is printed is the text; None for everywhere."""
    if read.before or read.behind:
        printed = [value and read.before + value + read.behind for value in printed]
    if printed is texts or [*printed] == [*texts]:  # which compares all of them in one go
        return None
    return np.fromiter(map(eq, printed, texts), np.bool_, len(texts))


def _by_row(texts: Sequence[str], found: Sequence[bool] | Mask) -> Mask:
    """What was found of the column's values, for each row."""
    mask: Mask = np.asarray(found, np.bool_)
    return mask[texts.codes] if isinstance(texts, Coded) else mask


def _same_clocks(texts: Sequence[str], read: _Printed, times: Times) -> Mask | None:
    """Which of the texts show their row's time so; None where they are not all written in this way."""
    if read.slot is None or not read.slot.format.startswith("iso"):
        return None
    _, separator, digits, shift = read.slot.format.split(":")
    clocks = read_clocks(texts)
    if clocks is None or clocks[2:] != (separator, int(digits), read.before, read.behind):
        return None
    shown = times + int(shift) * 1_000_000
    same: Mask = clocks.micros == shown - shown % 10 ** max(0, 6 - clocks.digits)
    return same if clocks.nanos is None else same & (clocks.nanos == 0)


def _joined(parts: Sequence[Part]) -> Iterator[Part]:
    """Neighbouring literals as one."""
    literal = ""
    for part in parts:
        if isinstance(part, Slot):
            if literal:
                yield literal
            yield part
            literal = ""
        else:
            literal += part
    if literal:
        yield literal
