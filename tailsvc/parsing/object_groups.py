"""Parsed JSON objects to tables: those of the same names in the same order together, and all the others in one.

Maps of Go and others are written in any order, and some lines have names that others lack. A table for each of these
would hold a line or two; so a column may lack values, and names that hardly any line has are kept by line.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from tailsvc.event_tables import ABSENT
from tailsvc.limits import ATTRIBUTE_NAME_CHARS
from tailsvc.parsing.aliases import find, leads_to_alias
from tailsvc.parsing.json_values import Inexact, TooDeep, normal
from tailsvc.parsing.object_tables import MOST_KEYS, Plan, plan_of, read_objects
from tailsvc.parsing.objects import CADDY_DURATION, CADDY_MARK
from tailsvc.parsing.tables import Column, Table

Object = dict[str, Any]

FEWEST_ALIKE = 32  # objects of the same keys that are worth a table
_MOST_COLUMNS = 128
_RARE = 8  # a name that fewer than one in so many objects has


def by_keys(objects: Mapping[int, Object]) -> dict[tuple[str, ...], list[int]]:
    """The rows of each list of names."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, value in objects.items():
        groups.setdefault(tuple(value), []).append(row)
    return groups


def tables_of(
    objects: Mapping[int, Object], groups: Mapping[tuple[str, ...], list[int]]
) -> Iterator[tuple[list[int], Table]]:
    """Tables and their rows, each object in one; `groups` are those of `by_keys`."""
    pool: list[int] = []
    for rows in groups.values():
        if len(rows) >= FEWEST_ALIKE or len(groups) == 1:
            yield rows, table_of([objects[row] for row in rows])
        else:
            pool += rows
    if pool:
        pool.sort()
        yield pool, table_of([objects[row] for row in pool])


def table_of(objects: Sequence[Object]) -> Table:
    """One table of all, whatever names they have."""
    if len({*map(tuple, objects)}) > 1:
        return _mixed(objects)
    if not objects[0]:
        return Table(len(objects))
    plan = plan_of(tuple(objects[0]))
    if plan is None:
        return Table.all_odd(len(objects))
    return read_objects(plan, [*zip(*map(dict.values, objects), strict=True)])


def _mixed(objects: Sequence[Object]) -> Table:
    counts = Counter(chain.from_iterable(objects))
    names = sorted(
        name
        for name, count in counts.most_common(_MOST_COLUMNS)
        if count * _RARE >= len(objects) or _means_something(name)
    )
    plan = Plan.of(tuple(names))
    columns = [_column(name, objects, is_whole=counts[name] == len(objects)) for name in names]
    table = read_objects(plan, columns) if columns else Table(len(objects))
    if counts[CADDY_MARK] and counts[CADDY_DURATION]:
        table.odd.update(
            row for row, value in enumerate(objects) if CADDY_DURATION in value and CADDY_MARK not in value
        )
    table.odd.update(row for row, value in enumerate(objects) if len(value) > MOST_KEYS)
    if len(names) < len(counts):
        _keep_rare(table, objects, counts.keys() - names)
    return table


def _means_something(name: str) -> bool:
    return find(name) is not None or leads_to_alias(name) or name in (CADDY_MARK, CADDY_DURATION)


def _column(name: str, objects: Sequence[Object], *, is_whole: bool) -> Column:
    return [*map(itemgetter(name), objects)] if is_whole else [value.get(name, ABSENT) for value in objects]


def _keep_rare(table: Table, objects: Sequence[Object], names: set[str]) -> None:
    """Attributes that few objects have; what means something, or is too long, is read singly."""
    odd = {name for name in names if len(name) > ATTRIBUTE_NAME_CHARS or _means_something(name)}
    kept: list[Object | None] = [None] * len(objects)
    for row, value in enumerate(objects):
        if names.isdisjoint(value):
            continue
        if not odd.isdisjoint(value):
            table.odd.add(row)
            continue
        try:
            kept[row] = normal({name: item for name, item in value.items() if name in names}, exact=False)
        except (TooDeep, Inexact):
            table.odd.add(row)
    table.others = kept
