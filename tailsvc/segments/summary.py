"""Summaries: how many events a segment has in each minute, of each level and status.

Counts and histograms over whole minutes are answered from these cells, without the segment's columns. Cells are kept
as rows of a frame, so that a filter means the same for them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tailsvc.filters import And, Between, Everything, Exists, Filter, Not, OneOf, Or
from tailsvc.segments.columns import Column, Number, Text
from tailsvc.segments.frame import Frame
from tailsvc.segments.packing import Packer, Unpacker, narrowed

MINUTE = 60_000_000
# A segment with more cells is not worth a summary: its columns are as quickly read.
_MOST_CELLS = 4_096
_COUNTED_BY = {"level", "status"}
_LEVEL = 3  # of zstd


@dataclass(frozen=True, slots=True)
class Cells:
    """`frame` has a row for each cell: its time the minute's first microsecond, its columns level and status."""

    frame: Frame
    counts: npt.NDArray[np.int64]


def summarise(frame: Frame) -> bytes | None:
    """None where there would be too many cells."""
    minutes = frame.times // MINUTE
    first = int(minutes.min())
    levels = frame.text("level") or Text([], np.zeros(len(frame), np.int32))
    status = frame.number("status") or Number(np.zeros(len(frame), np.int64))
    keys = ((minutes - first) * (len(levels.values) + 1) + levels.codes.astype(np.int64)) * 1000 + status.values
    cells, counts = np.unique(keys, return_counts=True)
    if len(cells) > _MOST_CELLS:
        return None
    packer = Packer(_LEVEL)
    header = {
        "first": first,
        "levels": list(levels.values),
        "cells": packer.put_array(narrowed(cells)),
        "counts": packer.put_array(narrowed(counts)),
    }
    return packer.finish(header)


def read_summary(blob: bytes) -> Cells:
    """Raises BrokenSegment."""
    unpacker = Unpacker(blob)
    header = unpacker.header
    cells = unpacker.get_array(header["cells"]).astype(np.int64)
    rest, status = np.divmod(cells, 1000)
    minutes, levels = np.divmod(rest, len(header["levels"]) + 1)
    columns: dict[str, Column] = {
        "level": Text(header["levels"], levels.astype(np.int32)),
        "status": Number(status, None if status.all() else status != 0),
    }
    times = (minutes + header["first"]) * MINUTE
    counts = unpacker.get_array(header["counts"]).astype(np.int64)
    return Cells(Frame(np.arange(len(cells)), times, columns), counts)


def is_told_by_cells(condition: Filter) -> bool:
    match condition:
        case Everything():
            return True
        case And(parts) | Or(parts):
            return all(map(is_told_by_cells, parts))
        case Not(part):
            return is_told_by_cells(part)
        case Exists(field) | OneOf(field) | Between(field):
            return field in _COUNTED_BY
        case _:
            return False
