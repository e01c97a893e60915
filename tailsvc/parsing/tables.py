"""Many lines of the same form, column by column: the quick way.

What Python does for one value at a time costs more than the parsing itself, so lines are read in groups, and each step
is done for a whole column at once. A table handles the usual case only: rows in which something is out of the ordinary
are named in `odd` and are read again, one by one, by `objects` and `text`, which come to the same result wherever a
row is not odd.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from tailsvc.event_tables import ABSENT, EventTable, Rows, Woven, by_value
from tailsvc.events import Event
from tailsvc.limits import FUTURE_MICROS
from tailsvc.parsing import columns
from tailsvc.parsing.bots import are_bots, is_bot
from tailsvc.parsing.columns import Reading
from tailsvc.parsing.readings import ORIGINAL_TIMESTAMP
from tailsvc.timestamps import TIME_UNIX_NANO, Times, iso_text, times_of

# Any column, and the same with nothing for rows that are odd.
Column = Sequence[Any]

_OURS = (columns.TIMESTAMP, columns.RAW, columns.IS_BOT)
Attributes = Mapping[str, Any] | None


class Table:
    """`columns` are by column number; None is a column that no row has. `levels` are those of rows without another.

    `attributes` have ABSENT for rows without one; `others`, by row, are those that few rows have.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.columns: list[Column | None] = [None] * len(Event._fields)
        self.micros: Sequence[int | None] | None = None  # the rows' times, and the smallest step of each
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
        micros = None if self.micros is None else self.micros[row]
        moment = None if micros is None else (micros, self.steps[row], nanos)
        return found, moment, None if self.levels is None else self.levels[row]

    def set_times(self, times: Times) -> None:
        """Rows without a time are odd."""
        self.take_times(times)
        if None in times[0]:
            self.odd.update(row for row, time in enumerate(times[0]) if time is None)

    def take_times(self, times: Times) -> None:
        """Rows without a time have none."""
        self.micros, self.steps, nanos = times
        self.nanos = nanos if any(nanos) else None

    def within(self, outer: "Table") -> None:
        """What the rows do not say is taken from the same rows of the table around this; see `readings.within`."""
        self.odd |= outer.odd
        for column in columns.NAMED:
            self.columns[column] = _merge(self.columns[column], outer.columns[column], None)
        if outer.others is not None:
            self.others = [*map(self._over_others, range(self.count), outer.others)]
        self.attributes = {
            name: _merge(self.attributes.get(name), outer.attributes.get(name), ABSENT)
            for name in (*outer.attributes, *self.attributes)
        }
        self._take_finer_times(outer)

    def _over_others(self, row: int, outer: Attributes) -> Attributes:
        """The row's own attributes, over those that few rows have around them."""
        own = None if self.others is None else self.others[row]
        left = {
            name: value
            for name, value in (outer or {}).items()
            if name not in self.attributes or self.attributes[name][row] is ABSENT
        }
        return {**left, **(own or {})} or None

    def _take_finer_times(self, outer: "Table") -> None:
        """See `readings.finer`."""
        if self.micros is None:
            self.micros, self.steps, self.nanos = outer.micros, outer.steps, outer.nanos
        elif outer.micros is not None:
            own = self.nanos or [0] * self.count
            is_finer = [
                inner is None or (around is not None and not nanos and around - around % step == inner)
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
        table = EventTable(rows, times, raws, fields, self.attributes, self.others, self.woven)
        return table.take([row for row in range(self.count) if row not in self.odd]) if self.odd else table

    def _timestamps(self, received_at: int) -> Sequence[int]:
        """The times as they are stored; what they say beyond that becomes attributes. See `readings.event`."""
        if self.micros is None:
            return [received_at] * self.count
        latest = received_at + FUTURE_MICROS
        times = _all_times(self.micros, received_at)
        nanos = self.nanos
        if max(times) > latest:
            self._note(ORIGINAL_TIMESTAMP, [iso_text(at) if at > latest else ABSENT for at in times])
            nanos = nanos and [0 if at > latest else beyond for at, beyond in zip(times, nanos, strict=True)]
            times = [received_at if at > latest else at for at in times]
        if nanos is not None and any(nanos):
            both = zip(times, nanos, strict=True)
            self._note(TIME_UNIX_NANO, [str(at * 1000 + beyond) if beyond else ABSENT for at, beyond in both])
        return times

    def _note(self, name: str, texts: Column) -> None:
        """One more attribute of those rows that have a text."""
        if self.others is None:
            self.attributes = {**self.attributes, name: _merge(texts, self.attributes.get(name), ABSENT)}
        else:
            both = zip(self.others, texts, strict=True)
            self.others = [others if text is ABSENT else {**(others or {}), name: text} for others, text in both]

    def _levels(self) -> Column | None:
        levels = self.columns[columns.LEVEL]
        if levels is None or self.levels is None or None not in levels:
            return self.levels if levels is None else levels
        return [level or other for level, other in zip(levels, self.levels, strict=True)]


def _chosen(condition: Sequence[bool], yes: Sequence[Any], no: Sequence[Any]) -> list[Any]:
    return [one if chosen else other for chosen, one, other in zip(condition, yes, no, strict=True)]


def _all_times(micros: Sequence[int | None], received_at: int) -> Sequence[int]:
    if None not in micros:
        return micros  # type: ignore[return-value]
    return [received_at if at is None else at for at in micros]


def _merge(inner: Column | None, outer: Column | None, nothing: object) -> Any:
    """The inner values; the outer ones in rows where these say nothing."""
    if inner is None or outer is None:
        return outer if inner is None else inner
    if nothing not in inner:
        return inner
    return [around if said is nothing else said for said, around in zip(inner, outer, strict=True)]
