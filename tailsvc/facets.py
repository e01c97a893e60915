"""How the values of a field are counted and named; the same for every store."""

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson

from tailsvc import limits
from tailsvc.levels import USUAL_LEVELS

# Levels are upper case: none is called so.
OTHER = "other"
# What a counted value costs beside its characters.
_VALUE_OVERHEAD = 200


class SplitNames:
    """The names that one histogram tells apart: the usual levels, and so many others as they come."""

    def __init__(self) -> None:
        self._told = {"", *USUAL_LEVELS}
        self._most = len(self._told) + limits.SPLIT_VALUES

    def of(self, value: str) -> str:
        if value not in self._told and value != OTHER:
            if len(self._told) == self._most:
                return OTHER
            self._told.add(value)
        return value


class ValueCounts:
    """How often each value of some fields came. Where they need too much room, the rarest are let go, and begin anew
    when they come again."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._approximate: set[str] = set()
        self._counts: dict[str, Counter[str]] = {field: Counter() for field in fields}
        self._sizes = dict.fromkeys(fields, 0)

    def add(self, field: str, value: str, times: int) -> None:
        if value not in self._counts[field]:
            if sum(self._sizes.values()) >= limits.FACET_BYTES:
                self._make_room()
            self._sizes[field] += len(value) + _VALUE_OVERHEAD
        self._counts[field][value] += times

    @property
    def approximate(self) -> tuple[str, ...]:
        """The fields of which some were let go: their counts may be too small."""
        return tuple(sorted(self._approximate))

    def top(self, field: str, limit: int) -> list[tuple[str, int]]:
        """The most frequent values first, ties in the order of the texts."""
        return top(self._counts[field], limit)

    def _make_room(self) -> None:
        """The field that has most keeps its most frequent values, half of its room."""
        field = max(self._sizes, key=self._sizes.__getitem__)
        room, size, kept = self._sizes[field] // 2, 0, Counter[str]()
        for value, times in self._counts[field].most_common():
            if size >= room:
                break
            kept[value] = times
            size += len(value) + _VALUE_OVERHEAD
        self._counts[field], self._sizes[field] = kept, size
        self._approximate.add(field)


def facet_text(value: object) -> str:
    """A value as a filter would name it: texts as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # 200 and 200.0 are one value to every filter
    return orjson.dumps(value).decode()


def top(counts: Mapping[str, int], limit: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
