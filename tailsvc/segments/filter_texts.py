"""The texts that a row group's text filter is built from.

A filter knows grams within runs of word bytes, so each such run of each line must lie within one of these texts: where
a literal and a value touch in the middle of a word (`12ms`), the two are put together.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tailsvc.events import searchable
from tailsvc.filters.nodes import SEARCHED_FIELDS
from tailsvc.segments.columns import Number, Text
from tailsvc.segments.frame import MESSAGE, RAW, RAW_BYTES, TEMPLATE, Frame
from tailsvc.segments.printing import Slot, print_numbers, print_texts
from tailsvc.segments.templates import Part, Template, template_of


def filter_texts(frame: Frame) -> set[str]:
    """Of one row group; its columns are taken to it."""
    found: set[str] = set()
    for name in (RAW, *SEARCHED_FIELDS):
        column = frame.text(name)
        if column is not None:
            found.update(_used(column))
    odd = frame.text(RAW_BYTES)
    if odd is not None:
        found.update(searchable(line.encode("latin-1")) for line in _used(odd))
    for name in (RAW, MESSAGE):
        found.update(_of_templates(frame, name))
    return found


def _used(column: Text) -> list[str]:
    return [column.values[code - 1] for code in np.unique(column.codes).tolist() if code]


def _of_templates(frame: Frame, name: str) -> Iterator[str]:
    templates = frame.text(name + TEMPLATE)
    if templates is None:
        return
    for code in np.unique(templates.codes).tolist():
        if code:
            template = template_of(templates.values[code - 1])
            rows = frame.take(np.flatnonzero(templates.codes == code))
            for run in _runs(template.parts):
                yield from _printed(rows, run)


def _printed(rows: Frame, run: Sequence[Part]) -> set[str] | list[str]:
    """What the run is in these rows, each text once."""
    slots = [part for part in run if isinstance(part, Slot)]
    if not slots:
        return ["".join(run)]  # type: ignore[arg-type]
    if len(slots) > 1:
        return set(Template(run).render([rows.printed(slot) for slot in slots]))
    before, behind = _affixes(run)
    values = _distinct(rows, slots[0])
    return {before + value + behind for value in values} if before or behind else set(values)


def _distinct(rows: Frame, slot: Slot) -> Sequence[str]:
    column = rows.columns.get(slot.column)
    if isinstance(column, Number):
        return print_numbers(Number(np.unique(column.values)), slot.format)
    if isinstance(column, Text) and slot.column != MESSAGE:
        return print_texts(_used(column), slot.format)
    return rows.printed(slot)


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
