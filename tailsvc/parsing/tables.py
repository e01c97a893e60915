"""Many lines of the same form, column by column: the quick way.

What Python does for one value at a time costs more than the parsing itself, so lines are read in groups, and each step
is done for a whole column at once. A table handles the usual case only: rows in which something is out of the ordinary
are named in `odd` and are read again, one by one, by `objects` and `text`, which come to the same result wherever a
row is not odd.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from tailsvc.event_tables import EventTable, Rows, Woven, by_value
from tailsvc.events import Event
from tailsvc.limits import FUTURE_MICROS
from tailsvc.parsing import columns
from tailsvc.parsing.bots import are_bots, is_bot
from tailsvc.parsing.columns import Reading
from tailsvc.timestamps import TIME_UNIX_NANO, Times, times_of

# Any column, and the same with nothing for rows that are odd.
Column = Sequence[Any]

_OURS = (columns.TIMESTAMP, columns.RAW, columns.IS_BOT)
Attributes = Mapping[str, Any] | None


class Table:
    """`columns` are by column number; None is a column that no row has. `levels` are those of rows without another.

    `attributes` are those that every row has; `others`, by row, those that only some have: they come behind.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.columns: list[Column | None] = [None] * len(Event._fields)
        self.micros: Sequence[int] | None = None  # the rows' times, and the smallest step of each
        self.steps: Sequence[int] = ()
        self.nanos: Sequence[int] | None = None  # beyond the microsecond
        self.levels: Sequence[str | None] | None = None
        self.attributes: dict[str, Column] = {}
        self.others: Sequence[Attributes] | None = None
        self.woven: Woven | None = None
        self.odd: set[int] = set()

    @classmethod
    def of_readings(cls, readings: Sequence[Reading]) -> "Table":
        """All with a time, or all without."""
        table = cls(len(readings))
        for column, values in enumerate(zip(*(found for found, _, _ in readings), strict=True)):
            if column not in _OURS and (values[0] is not None or values.count(None) != len(values)):
                table.columns[column] = values
        table.others, table.columns[columns.ATTRIBUTES] = table.columns[columns.ATTRIBUTES], None
        if readings[0][1] is not None:
            table.set_times(times_of([moment for _, moment, _ in readings]))
        if any(level is not None for _, _, level in readings):
            table.levels = [level for _, _, level in readings]
        return table

    @classmethod
    def all_odd(cls, count: int) -> "Table":
        table = cls(count)
        table.odd.update(range(count))
        return table

    def reading(self, row: int = 0) -> Reading | None:
        """A row by itself; None if it is odd."""
        if row in self.odd:
            return None
        found = [None if values is None else values[row] for values in self.columns]
        found[columns.IS_BOT] = is_bot(found[columns.USER_AGENT])
        found[columns.ATTRIBUTES] = self.all_attributes()[row]
        nanos = 0 if self.nanos is None else self.nanos[row]
        moment = None if self.micros is None else (self.micros[row], self.steps[row], nanos)
        return found, moment, None if self.levels is None else self.levels[row]

    def set_times(self, times: Times) -> None:
        """Rows without a time are odd."""
        micros, self.steps, nanos = times
        if None in micros:
            self.odd.update(row for row, time in enumerate(micros) if time is None)
            micros = [time or 0 for time in micros]
        self.micros = micros  # type: ignore[assignment]
        self.nanos = nanos if any(nanos) else None

    def within(self, outer: "Table") -> None:
        """What the rows do not say is taken from the same rows of the table around this; see `readings.within`."""
        self.odd |= outer.odd
        for column in columns.NAMED:
            around = outer.columns[column]
            if around is not None:
                said = self.columns[column]
                self.columns[column] = around if said is None else _merge(said, around)
        self.attributes = {**outer.attributes, **self.attributes}
        self._take_finer_times(outer)

    def _take_finer_times(self, outer: "Table") -> None:
        """See `readings.finer`."""
        if self.micros is None:
            self.micros, self.steps, self.nanos = outer.micros, outer.steps, outer.nanos
        elif outer.micros is not None:
            own = self.nanos or [0] * self.count
            is_finer = [
                not nanos and around - around % step == inner
                for inner, step, nanos, around in zip(self.micros, self.steps, own, outer.micros, strict=True)
            ]
            self.micros = _chosen(is_finer, outer.micros, self.micros)
            if outer.nanos is not None:
                self.nanos = _chosen(is_finer, outer.nanos, own)

    def all_attributes(self) -> Sequence[Attributes]:
        """Of each row."""
        found = EventTable(range(self.count), (), (), {}, self.attributes, self.others).all_attributes()
        return [*islice(found, self.count)]

    def events(self, rows: Rows, raws: Sequence[bytes], received_at: int) -> EventTable:
        """The events of the rows, whose places among others are `rows`, without those that turn out to be odd.

        `odd` is complete afterwards.
        """
        fields = {name: values for name, values in zip(Event._fields, self.columns, strict=True) if values is not None}
        levels = self._levels()
        if levels is not None:
            fields["level"] = levels
        agents = self.columns[columns.USER_AGENT]
        if agents is not None:
            fields["is_bot"] = by_value(are_bots, agents)
        times = self._timestamps(received_at)
        self._note_nanos()
        table = EventTable(rows, times, raws, fields, self.attributes, self.others, self.woven)
        return table.take([row for row in range(self.count) if row not in self.odd]) if self.odd else table

    def _note_nanos(self) -> None:
        if self.micros is None or self.nanos is None:
            return
        texts = [str(micros * 1000 + nanos) for micros, nanos in zip(self.micros, self.nanos, strict=True)]
        if all(self.nanos) and self.others is None:
            self.attributes = {**self.attributes, TIME_UNIX_NANO: texts}
            return
        self.others = [
            {**(others or {}), TIME_UNIX_NANO: text} if nanos else others
            for others, text, nanos in zip(self.others or [None] * self.count, texts, self.nanos, strict=True)
        ]

    def _timestamps(self, received_at: int) -> Sequence[int]:
        if self.micros is None:
            return [received_at] * self.count
        latest = received_at + FUTURE_MICROS
        if max(self.micros) > latest:
            self.odd.update(row for row, micros in enumerate(self.micros) if micros > latest)
        return self.micros

    def _levels(self) -> Column | None:
        levels = self.columns[columns.LEVEL]
        if levels is None or self.levels is None or None not in levels:
            return self.levels if levels is None else levels
        return [level or other for level, other in zip(levels, self.levels, strict=True)]


def _chosen(condition: Sequence[bool], yes: Sequence[int], no: Sequence[int]) -> list[int]:
    return [one if chosen else other for chosen, one, other in zip(condition, yes, no, strict=True)]


def _merge(inner: Column, outer: Column) -> Column:
    if None not in inner:
        return inner
    return [around if said is None else said for said, around in zip(inner, outer, strict=True)]
