"""What was fetched and decoded, for as long as there is room: segments never change, so nothing here grows old."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from tailsvc.segments.columns import Number, Text
from tailsvc.segments.frame import Frame
from tailsvc.segments.packing import Unpacker
from tailsvc.segments.summary import Cells

Key = tuple[Any, ...]
# What a Python text costs beside its characters.
_TEXT_OVERHEAD = 60
# What an entry costs beside its value and the texts of its key.
_ENTRY_OVERHEAD = 300


class Cache:
    """Least recently used goes first. `limit` in bytes; sizes are estimates."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, key: Key) -> Any:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Any) -> None:
        # With its key: searches that find nothing are empty values, of which each needle makes one for each column.
        size = size_of(value) + _ENTRY_OVERHEAD + sum(len(part) for part in key if isinstance(part, str))
        if size > self._limit // 4:  # one giant would throw everything else out
            return
        with self._lock:
            self._forget(key)
            self._kept[key] = (value, size)
            self.bytes += size
            while self.bytes > self._limit:
                self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.bytes -= found[1]


def size_of(value: Any) -> int:
    if isinstance(value, Frame):
        value = [value.ids, value.times, *value.columns.values()]
    elif isinstance(value, Text):
        value = [value.codes, value.values]
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Number | Unpacker):
        return value.size
    if isinstance(value, Cells):
        return value.counts.nbytes * 4
    if isinstance(value, Sequence):  # values of a dictionary; pairs of arrays
        return sum((len(each) + _TEXT_OVERHEAD) if isinstance(each, str) else size_of(each) for each in value)
    return _TEXT_OVERHEAD
