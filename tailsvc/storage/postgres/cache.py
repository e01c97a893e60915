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


# What is found out about a segment is small, and is asked again: it outlives columns that come by once, in a search
# over more than there is room for.
_SMALL = 1_024
_SHARE_OF_SMALL = 8


class Cache:
    """Least recently used goes first, what is small last. `limit` in bytes; sizes are estimates."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._small = _Shelf()
        self._large = _Shelf()
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        return self._small.bytes + self._large.bytes

    def get(self, key: Key) -> Any:
        with self._lock:
            found = self._small.find(key)
            return self._large.find(key) if found is None else found

    def put(self, key: Key, value: Any) -> None:
        # With its key: searches that find nothing are empty values, of which each needle makes one for each column.
        size = size_of(value) + _ENTRY_OVERHEAD + sum(len(part) for part in key if isinstance(part, str | bytes))
        if size > self._limit // 4:  # one giant would throw everything else out
            return
        with self._lock:
            self._small.forget(key)
            self._large.forget(key)
            (self._small if size <= _SMALL else self._large).keep(key, value, size)
            while self.bytes > self._limit:
                has_more = self._small.bytes > self._limit // _SHARE_OF_SMALL or not self._large.bytes
                (self._small if has_more else self._large).forget_oldest()


class _Shelf:
    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self.bytes = 0

    def find(self, key: Key) -> Any:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: Key, value: Any, size: int) -> None:
        self._kept[key] = (value, size)
        self.bytes += size

    def forget(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.bytes -= found[1]

    def forget_oldest(self) -> None:
        self.forget(next(iter(self._kept)))


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
