"""The texts that a row group's text filter is built from.

A filter knows grams within runs of word bytes, so each such run of each line must lie within one of these texts: where
a literal and a value touch in the middle of a word (`12ms`), the two are put together.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tailsvc.events import searchable
from tailsvc.filters.nodes import SEARCHED_FIELDS
from tailsvc.folding import upper
from tailsvc.segments.columns import Number, Rows
from tailsvc.segments.frame import MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame, Times
from tailsvc.segments.printing import TIMESTAMP, Slot, print_numbers, print_texts, print_times
from tailsvc.segments.templates import Part, Template, template_of

_GRAM = 5  # bytes, as `text_filter` has it
_QUARTER = 900_000_000  # of an hour: what all clocks are ahead of UTC by is a multiple of it


def filter_texts(frame: Frame) -> set[str]:
    """Of one row group; its columns are taken to it."""
    found: set[str] = set()
    for name in (RAW, *SEARCHED_FIELDS):
        column = frame.text(name)
        if column is not None:
            found.update(column.used())
    odd = frame.text(RAW_BYTES)
    if odd is not None:
        found.update(searchable(line.encode("latin-1")) for line in odd.used())
    for name in (RAW, MESSAGE):
        _add_templates(found, frame, name)
    return found


def _add_templates(found: set[str], frame: Frame, name: str) -> None:
    templates = frame.text(name + TEMPLATE)
    if templates is None:
        return
    for code in np.flatnonzero(np.bincount(templates.codes)).tolist():
        if code:
            rows = np.flatnonzero(templates.codes == code)
            for run in _runs(template_of(templates.values[code - 1]).parts):
                found.update(_printed(frame, rows, run))


def _printed(frame: Frame, rows: Rows, run: Sequence[Part]) -> Iterable[str]:
    """What the run is in these rows."""
    slots = [part for part in run if isinstance(part, Slot)]
    if not slots:
        return ["".join(run)]  # type: ignore[arg-type]
    if len(slots) > 1:
        return Template(run).render([frame.printed(slot, rows) for slot in slots])
    before, behind = _affixes(run)
    values = _distinct(frame, rows, slots[0], before + behind)
    return [before + value + behind for value in values] if before or behind else values


def _distinct(frame: Frame, rows: Rows, slot: Slot, affixes: str) -> Sequence[str]:
    """The slot's texts, as few of them as have all the grams."""
    if slot.column == TIMESTAMP:
        return print_times(_telling(frame.times[rows], slot.format, affixes), slot.format)
    if slot.column == MESSAGE and MESSAGE + TEMPLATE in frame.columns:
        # By itself it is told by its own templates.
        return frame.printed(slot, rows) if affixes or slot.format else ()
    column = frame.columns[slot.column].take(rows)
    if isinstance(column, Number):
        return print_numbers(Number(np.unique(column.values)), slot.format)
    return print_texts(column.used(), slot.format)


def _telling(times: Times, format_: str, affixes: str) -> Times:
    """Of a calendar's time only day and hour are long enough for a gram (20T08), and its end with what follows.

    It ends with its seconds or their fraction.
    """
    kind, *options = format_.split(":")
    end = max(2, int(options[1])) if kind == "iso" else 2
    if kind in ("iso", "clf", "syslog") and end + len(upper(affixes).encode()) < _GRAM:
        return np.unique(times // _QUARTER) * _QUARTER
    return np.unique(times)


def _affixes(run: Sequence[Part]) -> tuple[str, str]:
    at = next(place for place, part in enumerate(run) if isinstance(part, Slot))
    return "".join(run[:at]), "".join(run[at + 1 :])  # type: ignore[arg-type]


def _runs(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The parts of a template, those together that touch within a word; each literal also by itself."""
    run: list[Part] = []
    for part in parts:
        if isinstance(part, Slot):
            run.append(part)
            continue
        yield [part]
        if run and _is_word(part[0]):
            run.append(part)  # the whole literal, for what follows may touch it too
            if _is_word(part[-1]):
                continue
        if run:
            yield run
        run = [part] if _is_word(part[-1]) else []
    if run:
        yield run


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or ord(character) >= 0x80
