"""Deletions that wait, applied to the rows of a frame."""

from collections.abc import Sequence

import numpy as np

from tailsvc.queries import Direction, Selection
from tailsvc.segments.columns import Rows
from tailsvc.segments.evaluate import matching_rows
from tailsvc.segments.frame import Frame
from tailsvc.segments.selecting import selected_rows
from tailsvc.storage.postgres.pieces import Piece
from tailsvc.storage.postgres.snapshots import Deletion


def visible_rows(frame: Frame, rows: Rows, piece: Piece, deletions: Sequence[Deletion]) -> Rows:
    """Those of `rows` (ascending) that no waiting deletion hides."""
    for deletion in deletions:
        if len(rows) and deletion.touches(piece):
            rows = np.setdiff1d(rows, deleted_rows(frame, rows, deletion), assume_unique=True)
    return rows


def deleted_rows(frame: Frame, rows: Rows, deletion: Deletion) -> Rows:
    window = Selection(deletion.start, deletion.end, as_of=deletion.greatest_id)
    concerned = np.intersect1d(
        rows, selected_rows(frame, window, after=None, direction=Direction.OLDEST_FIRST), assume_unique=True
    )
    return matching_rows(frame, deletion.condition, concerned, limit=None, newest_first=False)
