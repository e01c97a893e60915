"""JSON objects of the same keys to a table.

Logs have few shapes: which key fills which column is worked out once for each and kept.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tailsvc.event_tables import by_value, values_of
from tailsvc.events import Event
from tailsvc.limits import ATTRIBUTE_NAME_CHARS
from tailsvc.parsing import columns
from tailsvc.parsing.aliases import LOG, Alias, find, leads_to_alias
from tailsvc.parsing.json_values import EXACT, Inexact, TooDeep, normal
from tailsvc.parsing.objects import CADDY_MARK
from tailsvc.parsing.tables import Column, Table
from tailsvc.timestamps import read_times

# More keys than this are data, not a shape. Well under half of ATTRIBUTES_PER_EVENT, so that a line and the object
# around it have not too many together.
_KEYS = 64
_PLANS = 1024

_SCALARS = {str, bool, type(None)}
_NUMBERS = {int, float}
_CONTAINERS = {dict, list}
_ODD = object()


class _Field(NamedTuple):
    place: int  # of the value among the object's
    alias: Alias
    alone: bool  # no other key names the same column


class Plan(NamedTuple):
    """What to do with the values of an object, by their places."""

    keys: tuple[str, ...]
    fields: tuple[_Field, ...]
    time: int | None
    attributes: tuple[int, ...]  # their places
    nested: tuple[int, ...]  # places whose values may hold fields that we know
    passed_over: tuple[int, ...]  # places named like a column that another key fills

    def fitting(self, values: Sequence[Column]) -> "Plan":
        """The same for these objects: what is named like a column, and never says anything it could mean, is an
        attribute (`"pod": 7`)."""
        mute = [field for field in self.fields if field.alone and _is_mute(field, values[field.place])]
        if not mute:
            return self
        attributes = sorted([*self.attributes, *(field.place for field in mute)])
        return self._replace(
            fields=tuple(field for field in self.fields if field not in mute), attributes=tuple(attributes)
        )


class Plans:
    """Those made so far. `unwrap` says whether `log` holds a line of its own, which is then none of our business."""

    def __init__(self, *, unwrap: bool) -> None:
        self._unwrap = unwrap
        self._plans: dict[tuple[str, ...], Plan | None] = {}

    def of(self, keys: tuple[str, ...]) -> Plan | None:
        """The plan for objects with these keys; None where they must be read one by one."""
        try:
            return self._plans[keys]
        except KeyError:
            return self._learn(keys)

    def _learn(self, keys: tuple[str, ...]) -> Plan | None:
        if not 0 < len(keys) <= _KEYS or max(map(len, keys)) > ATTRIBUTE_NAME_CHARS:
            return None
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        plan = self._plans[keys] = _plan(keys, skip=LOG if self._unwrap else None)
        return plan


def read_objects(plan: Plan, values: Sequence[Column]) -> Table:
    """`values` are by place: the first values of all objects, then the second, ..."""
    plan = plan.fitting(values)
    table = Table(len(values[0]))
    for place in plan.nested:
        _avoid(table, values[place], dict)
    for place in plan.passed_over:
        _avoid(table, values[place], type(None))
    for field in plan.fields:
        _read_field(table, field, values[field.place])
    if plan.time is not None:
        table.set_times(read_times(values[plan.time]))
    table.attributes = {plan.keys[place]: _read_attributes(table, values[place]) for place in plan.attributes}
    return table


def slot_names(plan: Plan) -> list[str]:
    """Of each value the field that it becomes."""
    names = [""] * len(plan.keys)
    for field in plan.fields:
        names[field.place] = Event._fields[field.alias.column]
    if plan.time is not None:
        names[plan.time] = Event._fields[columns.TIMESTAMP]
    for place in plan.attributes:
        names[place] = f"attributes.{plan.keys[place]}"
    return names


def _is_mute(field: _Field, values: Column) -> bool:
    """Whether it is the same for the reading of single objects: there numbers too long to be exact are texts, and null
    says nothing."""
    is_plain = {*map(type, values)} <= _CONTAINERS or all(map(_is_exact, values))
    if field.alias.read(values[0]) is not None or not is_plain:
        return False
    return field.alias.read_all(values).count(None) == len(values)


def _is_exact(value: Any) -> bool:
    kind = type(value)
    return kind is str or kind is bool or (kind in _NUMBERS and -EXACT <= value <= EXACT)


def _avoid(table: Table, values: Column, kind: type) -> None:
    if kind in set(map(type, values_of(values))):
        table.odd.update(row for row, value in enumerate(values) if type(value) is kind)


def _avoid_inexact(table: Table, values: Column) -> None:
    """Numbers that may have lost digits: read singly, they are texts."""
    said = values_of(values)
    if set(map(type, said)) <= _NUMBERS and max(said) <= EXACT:
        return
    table.odd.update(row for row, value in enumerate(values) if type(value) in _NUMBERS and value > EXACT)


def _read_field(table: Table, field: _Field, values: Column) -> None:
    if field.alias.column == columns.RESPONSE_TIME_MS:
        _avoid_inexact(table, values)
    read = by_value(field.alias.read_all, values)
    # Null says nothing, which is what None means; but another key may then speak for the column.
    if None in read and not (field.alone and read is values):
        table.odd.update(
            row
            for row, (column, value) in enumerate(zip(read, values, strict=True))
            if column is None and not (field.alone and value is None)
        )
    table.columns[field.alias.column] = read


def _read_attributes(table: Table, values: Column) -> Column:
    if set(map(type, values_of(values))) <= _SCALARS:
        return values
    read = by_value(_read_each_attribute, values)
    if _ODD in read:
        table.odd.update(row for row, value in enumerate(read) if value is _ODD)
    return read


def _read_each_attribute(values: Column) -> Column:
    return [*map(_read_attribute, values)]


def _read_attribute(value: Any) -> Any:
    kind = type(value)
    if kind is int:
        return value if -EXACT <= value <= EXACT else str(value)
    try:
        return normal(value, 2, exact=False)
    except (TooDeep, Inexact):
        return _ODD


def _plan(keys: tuple[str, ...], *, skip: str | None) -> Plan | None:
    named = [(place, alias) for place, key in enumerate(keys) if key != skip and (alias := find(key)) is not None]
    chosen = _choose(named)
    times = [place for place, alias in chosen.items() if alias.column == columns.TIMESTAMP]
    others = [place for place, key in enumerate(keys) if place not in chosen and key != skip]
    if CADDY_MARK in keys:
        return None
    claims = [alias.column for _, alias in named]
    return Plan(
        keys=keys,
        fields=tuple(
            _Field(place, alias, claims.count(alias.column) == 1)
            for place, alias in chosen.items()
            if place not in times
        ),
        time=times[0] if times else None,
        attributes=tuple(others),
        nested=tuple(place for place, key in enumerate(keys) if leads_to_alias(key)),
        passed_over=tuple(place for place, _ in named if place not in chosen),
    )


def _choose(named: list[tuple[int, Alias]]) -> dict[int, Alias]:
    """For each column the key that comes first in the table of names."""
    chosen: dict[int, tuple[int, Alias]] = {}
    for place, alias in named:
        if alias.column not in chosen or alias.rank < chosen[alias.column][1].rank:
            chosen[alias.column] = (place, alias)
    return dict(chosen.values())
