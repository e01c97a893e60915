"""Few rows of many frames as events.

What an event is made of is read by the column, which costs the same for three rows as for a hundred: so the rows are
put together first, and read as one frame.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from tailsvc.events import StoredEvent
from tailsvc.segments.columns import Column, Number, Rows, Text
from tailsvc.segments.frame import Frame

Part = tuple[Frame, Rows]


def events_of(parts: Sequence[Part]) -> list[StoredEvent]:
    """One part after the other."""
    return [event for alike in _alike(parts) for event in _joined(alike).events()]


def _alike(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Neighbours in which no column is of two kinds: texts here and numbers there."""
    group: list[Part] = []
    kinds: dict[str, Any] = {}
    for part in parts:
        found = {name: _kind(column) for name, column in part[0].columns.items()}
        if any(kinds.get(name, kind) != kind for name, kind in found.items()):
            yield group
            group, kinds = [], {}
        group.append(part)
        kinds |= found
    if group:
        yield group


def _kind(column: Column) -> Any:
    return column.values.dtype if isinstance(column, Number) else Text


def _joined(parts: Sequence[Part]) -> Frame:
    names = dict.fromkeys(name for frame, _ in parts for name in frame.columns)
    ids = np.concatenate([frame.ids[rows] for frame, rows in parts])
    times = np.concatenate([frame.times[rows] for frame, rows in parts])
    return Frame(ids, times, {name: _column(name, parts) for name in names})


def _column(name: str, parts: Sequence[Part]) -> Column:
    said: list[Any] = []
    dtype: Any = None
    for frame, rows in parts:
        column = frame.columns.get(name)
        if column is None:
            said.extend(repeat(None, len(rows)))
        elif isinstance(column, Text):
            said += column.texts(rows)
        else:
            said += column.numbers(rows)
            dtype = column.values.dtype
    return Text.of(said) if dtype is None else Number.of(said, dtype)
