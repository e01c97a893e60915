"""A segment's blobs as frames, one for each row group; only what is asked for is fetched and decoded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain
from typing import Any, Protocol, TypeVar

import numpy as np

from tailsvc.errors import BrokenSegment
from tailsvc.segments.bundle import BUNDLE, Bundle, frame_of_bundles, read_bundle
from tailsvc.segments.column_codec import dictionary_of, unpack_codes, unpack_numbers
from tailsvc.segments.columns import Codes, Column, Deferred, Number, Text, join_numbers, places_in
from tailsvc.segments.dictionary import Dictionary
from tailsvc.segments.encode import part_of
from tailsvc.segments.frame import Frame, Times
from tailsvc.segments.packing import Unpacker
from tailsvc.segments.values import alphabet_of, count_of, unpack_joined, unpack_values

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

    def frame(self, *groups: int) -> Frame:
        """The rows of these row groups, at least one; of several, a text column may have equal values."""
        if BUNDLE in self._part(0).header:
            return self.kept((BUNDLE,), lambda: frame_of_bundles([self.bundle()]))  # type: ignore[list-item]
        orders = [self._order(group) for group in groups]
        ids, times = orders[0] if len(orders) == 1 else map(np.concatenate, zip(*orders, strict=True))
        return Frame(ids, times, _LazyColumns(self, groups))

    def bundle(self) -> Bundle | None:
        """None for one that has columns."""
        return _guarded(lambda: read_bundle(self._part(0), self._base))

    def frames(self) -> list[Frame]:
        return [self.frame(group) for group in range(len(self.groups))]

    @cached_property
    def names(self) -> list[str]:
        """Of all columns. Needs every part's header."""
        return [name for part in range(self._parts) for name in self._part(part).header["columns"]]

    def column(self, name: str, groups: Sequence[int]) -> Column | None:
        described = self._described(name)
        if described is None:
            return None
        if "numbers" in described:
            numbers = [self._numbers(name, described, group) for group in groups]
            return numbers[0] if len(numbers) == 1 else join_numbers(numbers, numbers[0].values.dtype)
        unpacker = self._part(part_of(name, self._parts))
        stored = [_StoredText(self, unpacker, name, described, group) for group in groups]
        return Text(stored[0] if len(stored) == 1 else _JoinedText(stored, shared="own" not in described))

    def _numbers(self, name: str, described: dict[str, Any], group: int) -> Number:
        unpacker, count = self._part(part_of(name, self._parts)), self.groups[group]
        return self.kept((name, group), lambda: unpack_numbers(unpacker, described, group, count))

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
        return self.kept(("order", group), lambda: self._unpacked_order(group))

    def _unpacked_order(self, group: int) -> tuple[Times, Times]:
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
        return self._segment.kept(
            (self._name, self._of_group, "values"), lambda: Dictionary(unpack_values(self._unpacker, self._dictionary))
        )

    def codes(self) -> Codes:
        count = self._segment.groups[self._group]
        return self._segment.kept(
            (self._name, self._group), lambda: unpack_codes(self._unpacker, self._described, self._group, count)
        )

    def holding(self, needle: str) -> Sequence[int]:
        key = (self._name, self._of_group, "holding", needle)
        return self._segment.kept(key, lambda: places_in(self._folded(), needle))

    def _folded(self) -> str:
        return self._segment.kept((self._name, self._of_group, "folded"), self._joined)

    def _joined(self) -> str:
        return unpack_joined(self._unpacker, self._dictionary)


class _JoinedText(Deferred):
    """The same column in several row groups, one after the other."""

    __slots__ = ("_dictionaries", "_groups", "_starts")

    def __init__(self, groups: Sequence[_StoredText], *, shared: bool) -> None:
        self._groups = groups
        self._dictionaries = groups[:1] if shared else groups
        # Where in all the values those of each group begin.
        sizes = [0 if shared else group.distinct for group in groups]
        self._starts = [*accumulate(sizes[:-1], initial=0)]

    @property
    def distinct(self) -> int:
        return sum(each.distinct for each in self._dictionaries)

    @property
    def alphabet(self) -> frozenset[str] | None:
        first, *others = (each.alphabet for each in self._dictionaries)
        return first if all(other == first for other in others) else None

    def values(self) -> Sequence[str]:
        if len(self._dictionaries) == 1:
            return self._dictionaries[0].values()
        return [*chain.from_iterable(each.values() for each in self._dictionaries)]

    def codes(self) -> Codes:
        found = [group.codes() for group in self._groups]
        if self._starts[-1]:
            moved = zip(self._starts, found, strict=True)
            found = [np.where(codes, codes.astype(np.int32) + start, 0) for start, codes in moved]
        return np.concatenate(found)

    def holding(self, needle: str) -> Sequence[int]:
        starts = zip(self._starts, self._dictionaries, strict=False)
        return [start + place for start, each in starts for place in each.holding(needle)]


def _guarded(make: Callable[[], T]) -> T:
    """Whatever a decoder stumbles over, the segment is at fault."""
    try:
        return make()
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise BrokenSegment(f"a column cannot be read ({type(error).__name__})") from error


class _LazyColumns(Mapping[str, Column]):
    """The columns of some row groups, decoded when they are asked for."""

    def __init__(self, segment: Segment, groups: Sequence[int]) -> None:
        self._segment = segment
        self._groups = groups
        self._held: dict[str, Column | None] = {}

    def __getitem__(self, name: str) -> Column:
        column: Column | None = self.get(name)
        if column is None:
            raise KeyError(name)
        return column

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self._held:
            self._held[name] = self._segment.column(name, self._groups)
        column = self._held[name]
        return default if column is None else column

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._segment._described(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._segment.names)

    def __len__(self) -> int:
        return len(self._segment.names)
