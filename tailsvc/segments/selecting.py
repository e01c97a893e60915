"""Which rows of a frame a selection and a place in the walk leave."""

import numpy as np

from tailsvc.queries import Direction, Position, Selection
from tailsvc.segments.columns import Rows
from tailsvc.segments.frame import Frame


def selected_rows(frame: Frame, selection: Selection, *, after: Position | None, direction: Direction) -> Rows:
    """Rows (ascending) within the window and behind `after`, without a look at the filter. Frames are sorted."""
    first, last = 0, len(frame)
    if selection.start is not None:
        first = int(np.searchsorted(frame.times, selection.start, "left"))
    if selection.end is not None:
        last = int(np.searchsorted(frame.times, selection.end, "right"))
    if after is not None and direction is Direction.NEWEST_FIRST:
        last = min(last, _place(frame, after, "left"))
    elif after is not None:
        first = max(first, _place(frame, after, "right"))
    rows = np.arange(first, max(first, last))
    if selection.as_of is not None and len(rows):
        rows = rows[frame.ids[rows] <= selection.as_of]
    return rows


def _place(frame: Frame, position: Position, side: str) -> int:
    """Where the position would be inserted, before or behind its equal."""
    low = int(np.searchsorted(frame.times, position.timestamp, "left"))
    high = int(np.searchsorted(frame.times, position.timestamp, "right"))
    return low + int(np.searchsorted(frame.ids[low:high], position.id, side))  # type: ignore[call-overload]
