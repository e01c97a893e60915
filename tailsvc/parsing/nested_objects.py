"""What objects within objects say under names that we know, column by column."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tailsvc.event_tables import ABSENT
from tailsvc.parsing.aliases import Alias, find, leads_to_alias
from tailsvc.parsing.objects import NAME_PARTS
from tailsvc.parsing.tables import Column

Path = tuple[str, ...]  # of names within a value; empty for the value itself
# Of what some rows have: whether it became a field's value, in all of these rows, or row by row.
Taken = bool | Sequence[bool]
_EMPTY: dict[str, Any] = {}


class Claim(NamedTuple):
    """Something that may become a field: its values, ABSENT for rows without it."""

    alias: Alias
    place: int  # of the value that it lies in, among the object's
    path: Path
    values: Column


def claims_within(name: str, place: int, values: Column, path: Path = ()) -> Iterator[Claim]:
    """What lies in those of the values that are objects; `name` is where they lie, with dots."""
    objects = [value if type(value) is dict else _EMPTY for value in values]
    for key in set[str]().union(*objects):
        inner, whole = (*path, key), f"{name}.{key}"
        alias, leads = find(whole), len(inner) < NAME_PARTS and leads_to_alias(whole)
        if alias is None and not leads:
            continue
        found = [value.get(key, ABSENT) for value in objects]
        if alias is not None:
            yield Claim(alias, place, inner, found)
        if leads:
            yield from claims_within(whole, place, found, inner)
