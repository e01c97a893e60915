"""The generated files, mapped: where each line ends, batches as slices, and the times of lines."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.facts import Facts
from benchmarks.generate import read_facts, stream_file

_SCAN_BYTES = 1 << 26
_STAMP = slice(14, 37)  # every line begins {"timestamp":"2026-11-20T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Slice:
    """One request's lines: bytes [start, stop) of a stream's file."""

    stream: str
    start: int
    stop: int
    events: int

    @property
    def size(self) -> int:
        return self.stop - self.start


class Dataset:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.facts: Facts = read_facts(place)
        self._ends = {stream: _line_ends(stream_file(place, stream)) for stream in self.facts.streams}

    @property
    def events(self) -> int:
        return sum(len(ends) for ends in self._ends.values())

    @property
    def streams(self) -> list[str]:
        return list(self._ends)

    def slices(self, size: int, events: int) -> list[Slice]:
        """About the first `events` events in slices of `size`, the streams interleaved in the order of time."""
        share = events / self.events
        placed = [
            (at, piece)
            for stream, ends in self._ends.items()
            for at, piece in _cut(stream, ends, size, min(len(ends), round(len(ends) * share)))
        ]
        return [piece for _, piece in sorted(placed, key=lambda each: (each[0], each[1].stream))]

    def times(self, stream: str, *, newest: int, skip: int) -> list[int]:
        """The times (ms) of so many lines before the last `skip`, oldest first."""
        ends = self._ends[stream]
        stop = len(ends) - skip
        with mapped(stream_file(self.place, stream)) as lines:
            starts = [int(ends[nth - 1]) if nth else 0 for nth in range(max(0, stop - newest), stop)]
            return [_millis(lines[start + _STAMP.start : start + _STAMP.stop]) for start in starts]


def mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _cut(stream: str, ends: npt.NDArray[np.int64], size: int, count: int) -> Iterator[tuple[float, Slice]]:
    """(place in the stream's history, slice)."""
    for first in range(0, count, size):
        last = min(first + size, count)
        start = int(ends[first - 1]) if first else 0
        yield first / len(ends), Slice(stream, start, int(ends[last - 1]), last - first)


def _line_ends(path: Path) -> npt.NDArray[np.int64]:
    everything = np.memmap(path, np.uint8, mode="r")
    parts = [
        np.flatnonzero(everything[at : at + _SCAN_BYTES] == 10) + at + 1
        for at in range(0, len(everything), _SCAN_BYTES)
    ]
    return np.concatenate(parts)


def _millis(stamp: bytes) -> int:
    return int(np.datetime64(stamp.decode(), "ms").astype(np.int64))
