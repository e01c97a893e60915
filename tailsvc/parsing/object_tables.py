"""JSON objects to a table, name by name.

Logs have few shapes: which names may fill which column is worked out once for each and kept.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby, pairwise, repeat
from typing import Any, NamedTuple

from tailsvc.event_tables import ABSENT, Absent, by_value, is_partial, values_of
from tailsvc.events import Event
from tailsvc.limits import ATTRIBUTE_NAME_CHARS
from tailsvc.parsing import columns
from tailsvc.parsing.aliases import Alias, find, leads_to_alias
from tailsvc.parsing.json_values import EXACT, is_normal
from tailsvc.parsing.nested_objects import Claim, Path, Taken, claims_within
from tailsvc.parsing.object_attributes import ODD, Odd, attributes_of
from tailsvc.parsing.objects import CADDY_DURATION, CADDY_MARK, read_seconds
from tailsvc.parsing.tables import Column, Table
from tailsvc.timestamps import read_moment, read_times, times_of

# More keys than this are data, not a shape. Well under half of ATTRIBUTES_PER_EVENT, so that a line and the object
# around it have not too many together.
MOST_KEYS = 64

_SCALARS = {str, bool, type(None), Absent}
_NUMBERS = {int, float}
_ALL = [((), True)]  # a value became a field wherever there is one
_LAST = 1 << 16  # comes behind all names for the same column
_CADDY = Alias(columns.RESPONSE_TIME_MS, _LAST, read_seconds, columns.read_all_singly(read_seconds))


class Plan(NamedTuple):
    """What the keys of objects alone tell, by their places."""

    keys: tuple[str, ...]
    named: tuple[tuple[int, Alias], ...]  # places named like a column; by column, the preferred names first
    nested: tuple[int, ...]  # places whose values may hold fields that we know

    @classmethod
    def of(cls, keys: tuple[str, ...]) -> "Plan":
        named = [(place, alias) for place, key in enumerate(keys) if (alias := find(key)) is not None]
        if CADDY_MARK in keys and CADDY_DURATION in keys:
            named.append((keys.index(CADDY_DURATION), _CADDY))
        named.sort(key=lambda found: (found[1].column, found[1].rank))
        return cls(keys, tuple(named), tuple(place for place, key in enumerate(keys) if leads_to_alias(key)))


@lru_cache(maxsize=1024)
def plan_of(keys: tuple[str, ...]) -> Plan | None:
    """The plan for objects with these keys; None where they must be read one by one."""
    is_usual = 0 < len(keys) <= MOST_KEYS and max(map(len, keys)) <= ATTRIBUTE_NAME_CHARS
    return Plan.of(keys) if is_usual else None


def read_objects(plan: Plan, values: Sequence[Column]) -> Table:
    """`values` are by place: the first values of all objects, then the second, ...; ABSENT where an object has none."""
    table = Table(len(values[0]))
    taken: dict[int, list[tuple[Path, Taken]]] = {}
    for column, claims in groupby(_claims(plan, values), key=lambda claim: claim.alias.column):
        for claim, rows in _fill(table, column, [*claims]):
            if rows is not False:
                taken.setdefault(claim.place, []).append((claim.path, rows))
    for place, key in enumerate(plan.keys):
        of_place = taken.get(place, ())
        if of_place == _ALL:
            continue
        left = attributes_of(values[place], of_place)
        kinds = set(map(type, values_of(left)))
        if kinds != {Absent}:
            table.attributes[key] = left
        if Odd in kinds:
            table.odd.update(row for row, value in enumerate(left) if value is ODD)
    return table


def slot_names(plan: Plan, table: Table) -> list[str]:
    """Of each value the field that it became, in most rows at least."""
    names = [f"attributes.{key}" for key in plan.keys]
    for place, alias in plan.named:
        left = table.attributes.get(plan.keys[place])
        if left is None or is_partial(left):
            names[place] = Event._fields[alias.column]
    return names


def _claims(plan: Plan, values: Sequence[Column]) -> list[Claim]:
    """All that may become fields, by column, the preferred names first."""
    claims = [Claim(alias, place, (), values[place]) for place, alias in plan.named]
    inner: list[Claim] = []
    for place in plan.nested:
        if dict in set(map(type, values_of(values[place]))):
            inner += claims_within(plan.keys[place], place, values[place])
    return sorted(claims + inner, key=lambda claim: (claim.alias.column, claim.alias.rank)) if inner else claims


def _fill(table: Table, column: int, claims: Sequence[Claim]) -> list[tuple[Claim, Taken]]:
    """The column, each row's value from the first claim that can be read; and what was taken of each."""
    for one, other in pairwise(claims):
        if one.alias.rank == other.alias.rank:  # the one that comes first in the line is preferred
            both = enumerate(zip(one.values, other.values, strict=True))
            table.odd.update(row for row, pair in both if ABSENT not in pair)
    if column == columns.TIMESTAMP:
        return _fill_times(table, claims)
    if column == columns.RESPONSE_TIME_MS:
        for claim in claims:
            _avoid_inexact(table, claim.values)
            if claim.alias is _CADDY:  # where null is an attribute
                table.odd.update(row for row, value in enumerate(claim.values) if value is None)
    said, taken = _share(table, claims, lambda claim: by_value(claim.alias.read_all, claim.values))
    if said is not None and set(map(type, values_of(said))) != {type(None)}:
        table.columns[column] = said
    return taken


def _fill_times(table: Table, claims: Sequence[Claim]) -> list[tuple[Claim, Taken]]:
    times = read_times(claims[0].values)
    if None not in times[0]:
        _, taken = _share(table, claims, lambda _: times[0])
    else:
        moments, taken = _share(table, claims, lambda claim: [*map(read_moment, claim.values)])
        times = times_of(moments or ())
    table.take_times(times)
    return taken


def _share(
    table: Table, claims: Sequence[Claim], read: Callable[[Claim], Column]
) -> tuple[Column | None, list[tuple[Claim, Taken]]]:
    """What the claims say together, and the rows that each of them fills. Null says nothing, and is taken for that."""
    said: Column | None = None
    taken: list[tuple[Claim, Taken]] = []
    for claim in claims:
        values = claim.values
        if said is not None and None not in said:
            taken.append((claim, None in values_of(values) and [value is None for value in values]))
            continue
        found = read(claim)
        _avoid_unreadable(table, found, values)
        taken.append((claim, _taken(said, found, values)))
        said = found if said is None else [new if old is None else old for old, new in zip(said, found, strict=True)]
    return said, taken


def _taken(said: Column | None, found: Column, values: Column) -> Taken:
    if said is None and None not in found:
        return True
    before = repeat(None, len(values)) if said is None else said
    rows = [
        value is None or (new is not None and old is None)
        for old, new, value in zip(before, found, values, strict=True)
    ]
    if all(row or value is ABSENT for row, value in zip(rows, values, strict=True)):
        return True
    return any(rows) and rows


def _avoid_unreadable(table: Table, found: Column, values: Column) -> None:
    """What cannot be read stays an attribute; but numbers that may have lost digits, read singly, are texts."""
    if not set(map(type, values_of(values))) <= _SCALARS and None in found:
        table.odd.update(
            row
            for row, (new, value) in enumerate(zip(found, values, strict=True))
            if new is None and not _is_exact(value)
        )


def _is_exact(value: Any) -> bool:
    kind = type(value)
    return -EXACT < value < EXACT if kind in _NUMBERS else kind is not list or is_normal(value, 2)


def _avoid_inexact(table: Table, values: Column) -> None:
    """Even where they can be read."""
    said = values_of(values)
    if set(map(type, said)) <= _NUMBERS and max(said) <= EXACT:
        return
    table.odd.update(row for row, value in enumerate(values) if type(value) in _NUMBERS and value > EXACT)
