"""A segment's blobs as frames, one for each row group; only what is asked for is fetched and decoded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np

from tailsvc.errors import BrokenSegment
from tailsvc.segments.bundle import BUNDLE, Bundle, frame_of_bundles, read_bundle
from tailsvc.segments.column_codec import dictionary_of, unpack_codes, unpack_numbers
from tailsvc.segments.columns import Codes, Column, Deferred, Text, joined, places_in
from tailsvc.segments.dictionary import Dictionary
from tailsvc.segments.encode import part_of
from tailsvc.segments.frame import Frame, Times
from tailsvc.segments.packing import Unpacker
from tailsvc.segments.values import alphabet_of, count_of, unpack_values

T = TypeVar("T")
Load = Callable[[int], bytes]  # a part's blob by its number
Key = tuple[Any, ...]


class Memory(Protocol):
    """What of a segment was decoded before, by keys of the segment's own."""

    def find(self, key: Key) -> Any:
        """None: it is not there."""

    def keep(self, key: Key, make: Callable[[], Any]) -> Any:
        """Make it, and keep it. Whatever the segment is to blame for is a BrokenSegment."""


class Forgetful:
    """Keeps nothing."""

    def find(self, _key: Key) -> None:
        return None

    def keep(self, _key: Key, make: Callable[[], Any]) -> Any:
        return make()


class Segment:
    def __init__(self, load: Load, *, parts: int, base: int, memory: Memory | None = None) -> None:
        self._load = load
        self._parts = parts
        self._base = base
        self._memory = memory or Forgetful()
        self._held: dict[int, Unpacker] = {}  # for as long as this object is used: a look-up less for each column

    @cached_property
    def groups(self) -> list[int]:
        """The number of rows of each row group."""
        return list(self._part(0).header["rows"])

    def spans(self) -> list[tuple[int, int]]:
        """The first and the last time of each row group."""
        return [(order["first"], order["last"]) for order in self._part(0).header["order"]]

    def hold(self) -> None:
        """Have every part's blob by now, so that this can be read when the payload is gone."""
        for number in range(self._parts):
            self._part(number)

    def frame(self, group: int) -> Frame:
        if BUNDLE in self._part(0).header:
            return self.kept((BUNDLE,), lambda: frame_of_bundles([self.bundle()]))  # type: ignore[list-item]
        ids, times = self.kept(("order", group), lambda: self._order(group))
        return Frame(ids, times, _LazyColumns(self, group))

    def bundle(self) -> Bundle | None:
        """None for one that has columns."""
        return _guarded(lambda: read_bundle(self._part(0), self._base))

    def frames(self) -> list[Frame]:
        return [self.frame(group) for group in range(len(self.groups))]

    @cached_property
    def names(self) -> list[str]:
        """Of all columns. Needs every part's header."""
        return [name for part in range(self._parts) for name in self._part(part).header["columns"]]

    def column(self, name: str, group: int) -> Column | None:
        described = self._described(name)
        if described is None:
            return None
        unpacker, count = self._part(part_of(name, self._parts)), self.groups[group]
        if "numbers" in described:
            return self.kept((name, group), lambda: unpack_numbers(unpacker, described, group, count))
        return Text(_StoredText(self, unpacker, name, described, group))

    def _described(self, name: str) -> dict[str, Any] | None:
        columns: Mapping[str, dict[str, Any]] = self._part(part_of(name, self._parts)).header["columns"]
        return columns.get(name)

    def _part(self, number: int) -> Unpacker:
        part = self._held.get(number)
        if part is None:
            part = self._memory.find(("part", number)) or self._memory.keep(
                ("part", number), lambda: self._opened(number)
            )
            self._held[number] = part
        return part

    def _opened(self, number: int) -> Unpacker:
        part = Unpacker(self._load(number))
        if part.header.get("part") != number:
            raise BrokenSegment("one of its parts lies in the place of another")
        return part

    def kept(self, key: Key, make: Callable[[], T]) -> T:
        found: T | None = self._memory.find(key)
        if found is None:
            found = self._memory.keep(key, lambda: _guarded(make))
        return found

    def _order(self, group: int) -> tuple[Times, Times]:
        part, count = self._part(0), self.groups[group]
        order = part.header["order"][group]
        times = np.full(count, order["first"], np.int64)
        if "times" in order:
            times[1:] += np.cumsum(part.get_array(order["times"]).astype(np.int64) * order["unit"])
        jumps = np.ones(count, np.int64)
        jumps[0] = order["id"] + self._base
        if "ids" in order:
            zigzag = part.get_array(order["ids"]).astype(np.int64)
            jumps[1:] = np.where(zigzag & 1, -(zigzag + 1 >> 1), zigzag >> 1)
        return np.cumsum(jumps), times


class _StoredText(Deferred):
    __slots__ = ("_described", "_dictionary", "_group", "_name", "_of_group", "_segment", "_unpacker")

    def __init__(self, segment: Segment, unpacker: Unpacker, name: str, described: dict[str, Any], group: int) -> None:
        self._segment = segment
        self._unpacker = unpacker
        self._name = name
        self._described = described
        self._group = group
        self._of_group = group if "own" in described else -1
        self._dictionary = dictionary_of(described, group)

    @property
    def distinct(self) -> int:
        return count_of(self._dictionary)

    @property
    def alphabet(self) -> frozenset[str] | None:
        return alphabet_of(self._dictionary)

    def values(self) -> Sequence[str]:
        return self._segment.kept((self._name, self._of_group, "values"), lambda: Dictionary(self._decoded()))

    def codes(self) -> Codes:
        count = self._segment.groups[self._group]
        return self._segment.kept(
            (self._name, self._group), lambda: unpack_codes(self._unpacker, self._described, self._group, count)
        )

    def holding(self, needle: str) -> Sequence[int]:
        key = (self._name, self._of_group, "holding", needle)
        return self._segment.kept(key, lambda: places_in(self._folded(), needle))

    def _folded(self) -> str:
        return self._segment.kept((self._name, self._of_group, "folded"), lambda: joined(self._decoded()))

    def _decoded(self) -> list[str]:
        return unpack_values(self._unpacker, self._dictionary)


def _guarded(make: Callable[[], T]) -> T:
    """Whatever a decoder stumbles over, the segment is at fault."""
    try:
        return make()
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise BrokenSegment(f"a column cannot be read ({type(error).__name__})") from error


class _LazyColumns(Mapping[str, Column]):
    """The columns of one row group, decoded when they are asked for."""

    def __init__(self, segment: Segment, group: int) -> None:
        self._segment = segment
        self._group = group
        self._held: dict[str, Column | None] = {}

    def __getitem__(self, name: str) -> Column:
        column: Column | None = self.get(name)
        if column is None:
            raise KeyError(name)
        return column

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self._held:
            self._held[name] = self._segment.column(name, self._group)
        column = self._held[name]
        return default if column is None else column

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._segment._described(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._segment.names)

    def __len__(self) -> int:
        return len(self._segment.names)
