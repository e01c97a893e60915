"""Events by the column: what the parser makes of many lines of the same form, and blocks are made of.

A body's events are a sequence like any other; the tuples are made when somebody asks for them. What goes into a block
never does: making a tuple for every line, only to take it apart again, costs more than the block.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, repeat
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from tailsvc.events import AttributeValue, Event

Values = Sequence[Any]  # of a field, by row
Rows = Sequence[int]


class Absent:
    """The type of ABSENT, which stands in a column of attributes where a row has none of that name: null is a value."""

    __slots__ = ()


ABSENT = Absent()
_make_event = partial(tuple.__new__, Event)
_DEFAULTS = {**dict.fromkeys(Event._fields[2:]), "is_bot": False}
ATTRIBUTES = "attributes"
_SAMPLE = 64


class Coded(Sequence[Any]):
    """A column that says few things often: a row's value is that of `values` which its code names.

    So it is read, changed and compared by its few values. Some may be alike, and some of no row.
    """

    __slots__ = ("codes", "values")

    def __init__(self, values: Values, codes: npt.NDArray[np.int32]) -> None:
        self.values = values
        self.codes = codes

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Coded":
        places: defaultdict[str, int] = defaultdict(count().__next__)
        codes = np.fromiter(map(places.__getitem__, texts), np.int32, len(texts))
        return cls([*places], codes)

    def saying(self, values: Values) -> "Coded":
        """The same rows, with other values in the places of these."""
        return self if values is self.values else Coded(values, self.codes)

    def take(self, places: Sequence[int]) -> "Coded":
        return Coded(self.values, self.codes[places])

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: Any) -> Any:
        return self.values[self.codes[row]]

    def __iter__(self) -> Iterator[Any]:
        return map(self.values.__getitem__, self.codes.tolist())

    def __contains__(self, value: object) -> bool:
        return value in self.values and value in [*self]


def coded(texts: Sequence[str]) -> Sequence[str]:
    """The same, coded where its beginning repeats itself."""
    is_varied = len(texts) < _SAMPLE or len(set(texts[:_SAMPLE])) > _SAMPLE // 2
    return texts if is_varied else Coded.of(texts)


def values_of(column: Values) -> Values:
    """What the column says at all: all that holds of each of these holds of each row."""
    return column.values if isinstance(column, Coded) else column


def by_value(read: Callable[[Values], Values], column: Values) -> Values:
    """`read` of the whole column, where one row's result has nothing to do with another's."""
    return column.saying(read(column.values)) if isinstance(column, Coded) else read(column)


def is_partial(column: Values) -> bool:
    """Whether ABSENT stands in it."""
    return Absent in set(map(type, values_of(column)))


class Woven(NamedTuple):
    """How the lines of a table are made of its values: a literal, a slot, a literal, a slot ... a literal.

    `names` are the slots' fields (an attribute's is `attributes.<name>`), `texts` what stood there, by slot and row.
    """

    literals: Sequence[str]
    names: Sequence[str]
    texts: Sequence[Sequence[str]]

    def take(self, places: Sequence[int]) -> "Woven":
        return self._replace(texts=[_taken(texts, places) for texts in self.texts])


@dataclass(frozen=True, slots=True)
class EventTable:
    """Events of one form. `rows` are their places among the events of the whole, rising."""

    rows: Rows
    times: Sequence[int]
    raws: Sequence[bytes]
    fields: Mapping[str, Values]  # by field of Event; what no row says is absent
    attributes: Mapping[str, Values]  # by name; ABSENT for a row without it
    others: Sequence[Mapping[str, AttributeValue] | None] | None = None  # attributes that few rows have
    woven: Woven | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Sequence[int]) -> "EventTable":
        """These rows only."""
        return EventTable(
            _taken(self.rows, places),
            _taken(self.times, places),
            _taken(self.raws, places),
            {name: _taken(values, places) for name, values in self.fields.items()},
            {name: _taken(values, places) for name, values in self.attributes.items()},
            None if self.others is None else _taken(self.others, places),
            None if self.woven is None else self.woven.take(places),
        )

    def shifted(self, by: int) -> "EventTable":
        """The same, so many places further on."""
        if not by:
            return self
        rows = self.rows
        return replace(
            self,
            rows=range(rows.start + by, rows.stop + by) if isinstance(rows, range) else [row + by for row in rows],
        )

    def events(self) -> Iterator[Event]:
        fields: list[Iterable[Any]] = [
            self.fields.get(name) or repeat(default) for name, default in _DEFAULTS.items() if name != ATTRIBUTES
        ]
        return map(_make_event, zip(self.times, self.raws, *fields, self.all_attributes()))  # noqa: B905 (repeat has no end)

    def all_attributes(self) -> Iterable[Mapping[str, AttributeValue] | None]:
        if not self.attributes:
            return repeat(None) if self.others is None else self.others
        names = tuple(self.attributes)
        rows = zip(*self.attributes.values(), strict=True)
        found: Iterable[dict[str, AttributeValue] | None]
        if any(map(is_partial, self.attributes.values())):
            found = (
                {name: value for name, value in zip(names, row, strict=True) if value is not ABSENT} or None
                for row in rows
            )
        else:
            found = (dict(zip(names, row, strict=True)) for row in rows)
        if self.others is None:
            return found
        both = zip(found, self.others, strict=True)
        return ({**(regular or {}), **other} if other else regular for regular, other in both)


class EventTables(Sequence[Event]):
    """The tables of a body, or of several, and the events that are in none; together each row once."""

    def __init__(self, count: int, tables: Sequence[EventTable], singles: Mapping[int, Event]) -> None:
        self.tables = tables
        self.singles = singles
        self._count = count
        self._events: list[Event] | None = None

    @classmethod
    def of(cls, events: Sequence[Event]) -> "EventTables":
        if isinstance(events, EventTables):
            return events
        return cls(len(events), (), dict(enumerate(events)))

    @classmethod
    def joined(cls, parts: Sequence[Sequence[Event]]) -> "EventTables":
        """One after the other."""
        if len(parts) == 1:
            return cls.of(parts[0])
        tables: list[EventTable] = []
        singles: dict[int, Event] = {}
        before = 0
        for part in map(cls.of, parts):
            tables += [table.shifted(before) for table in part.tables]
            singles |= {row + before: event for row, event in part.singles.items()}
            before += len(part)
        return cls(before, tables, singles)

    @property
    def oldest(self) -> int:
        """The time of the oldest event, in microseconds. Not for an empty sequence."""
        times = [min(table.times) for table in self.tables]
        return min([*times, *(event.timestamp for event in self.singles.values())])

    @property
    def raw_bytes(self) -> int:
        return sum(sum(map(len, table.raws)) for table in self.tables) + sum(
            len(event.raw) for event in self.singles.values()
        )

    @property
    def line_ends(self) -> int:
        """How many ends of lines there are within the lines."""
        ends = sum(b"".join(table.raws).count(b"\n") for table in self.tables)
        return ends + sum(event.raw.count(b"\n") for event in self.singles.values())

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._made()[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._made())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._made() == [*other]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._made())

    def _made(self) -> list[Event]:
        if self._events is None:
            made: list[Any] = [None] * self._count
            for row, event in self.singles.items():
                made[row] = event
            for table in self.tables:
                if isinstance(table.rows, range):
                    made[table.rows.start : table.rows.stop] = table.events()
                    continue
                for row, event in zip(table.rows, table.events(), strict=True):
                    made[row] = event
            self._events = made
        return self._events


def _taken(values: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    if isinstance(values, Coded):
        return values.take(places)
    return [values[place] for place in places]
