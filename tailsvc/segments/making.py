"""Frames to segments, with all that is known of them beside their columns: what compaction makes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tailsvc.segments.encode import GROUP_EVENTS, Encoded, encode
from tailsvc.segments.filter_texts import filter_texts
from tailsvc.segments.frame import Frame, join_frames, sorted_by_time
from tailsvc.segments.learning import Book, with_templates
from tailsvc.segments.summary import summarise
from tailsvc.segments.text_filter import build

# Events so far behind one that came before them go to a piece of their own: a few strays must not ruin pruning.
_LATE = 3600 * 1_000_000


class Made(NamedTuple):
    encoded: Encoded
    summary: bytes | None
    filters: list[bytes]  # one for each row group


def merge(frames: Sequence[Frame]) -> Frame:
    """All rows in the order of reading; what has no template yet may learn one from its neighbours."""
    return sorted_by_time(with_templates(join_frames(frames), Book()))


def split_late(frame: Frame) -> list[Frame]:
    """The frame, or its late rows and the others."""
    arrival = np.argsort(frame.ids)
    times = frame.times[arrival]
    late = np.zeros(len(frame), np.bool_)
    late[arrival] = times < np.maximum.accumulate(times) - _LATE
    return [frame.take(np.flatnonzero(rows)) for rows in (late, ~late)] if late.any() else [frame]


def make_segment(frame: Frame, *, base: int, raw_bytes: int) -> Made:
    """`frame` is sorted; ids are kept relative to `base`."""
    groups = range(0, len(frame), GROUP_EVENTS)
    filters = [build(filter_texts(frame.take(slice(start, start + GROUP_EVENTS)))) for start in groups]
    return Made(encode(frame, base=base, raw_bytes=raw_bytes, thorough=True), summarise(frame), filters)
