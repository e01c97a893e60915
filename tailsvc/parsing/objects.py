"""A JSON object to columns, whatever it holds: the plain way, which `object_tables` shortens for many alike."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from tailsvc.limits import ATTRIBUTES_PER_EVENT
from tailsvc.parsing import columns
from tailsvc.parsing.aliases import Alias, find, leads_to_alias
from tailsvc.parsing.bots import is_bot
from tailsvc.parsing.columns import Columns, Reading
from tailsvc.parsing.json_values import normal

# A key that only Caddy's access log has, and one that is in seconds there; elsewhere it may be in any unit.
CADDY_MARK, CADDY_DURATION = "resp_headers", "duration"
NAME_PARTS = 3  # of the longest dotted name that we know, but for the last

_KEYS_REMEMBERED = 64  # more are data, not a shape

_Path = tuple[str, ...]
read_seconds = columns.duration_reader(1000.0)


def read_object(values: Mapping[str, Any]) -> Reading:
    """The fields we know to their columns, all others to attributes. Raises TooDeep."""
    rest: dict[str, Any] = normal(values)
    found = columns.blank()
    taken: list[_Path] = []
    for alias, path, value in _ranked(rest):
        if value is None:  # a field of ours that is null says nothing
            taken.append(path)
        elif found[alias.column] is None and (read := alias.read(value)) is not None:
            found[alias.column] = read
            taken.append(path)
    if CADDY_MARK in rest and CADDY_DURATION in rest:
        _read_caddy_duration(found, rest)
    for path in taken:
        _remove(rest, path)
    moment, found[columns.TIMESTAMP] = found[columns.TIMESTAMP], None
    found[columns.IS_BOT] = is_bot(found[columns.USER_AGENT])
    found[columns.ATTRIBUTES] = first_attributes(rest)
    return found, moment, None


def first_attributes(attributes: dict[str, Any]) -> dict[str, Any] | None:
    """As many as an event may have; None for none."""
    if len(attributes) > ATTRIBUTES_PER_EVENT:
        attributes = dict(list(attributes.items())[:ATTRIBUTES_PER_EVENT])
    return attributes or None


class _Known(NamedTuple):
    """What the keys of an object alone tell."""

    fields: list[tuple[Alias, _Path]]  # preferred names first
    nested: list[str]  # an object under one of these may hold further fields


def _ranked(values: dict[str, Any]) -> list[tuple[Alias, _Path, Any]]:
    """What we know by name, the preferred names first. For flat objects that is worked out once for their keys."""
    if len(values) <= _KEYS_REMEMBERED:
        known = _known(tuple(values))
        if not any(type(values[key]) is dict for key in known.nested):
            return [(alias, path, values[path[0]]) for alias, path in known.fields]
    return sorted(_named(values, ()), key=lambda named: named[0].rank)


@lru_cache(maxsize=1024)
def _known(keys: tuple[str, ...]) -> _Known:
    fields = [(alias, (key,)) for key in keys if (alias := find(key)) is not None]
    return _Known(sorted(fields, key=lambda field: field[0].rank), [key for key in keys if leads_to_alias(key)])


def _named(values: dict[str, Any], above: _Path) -> Iterator[tuple[Alias, _Path, Any]]:
    """What lies under names that we know: how to read it, where it lies, and what it is."""
    for key, value in values.items():
        path = (*above, key)
        name = ".".join(path)
        if (alias := find(name)) is not None:
            yield alias, path, value
        if type(value) is dict and len(path) <= NAME_PARTS and leads_to_alias(name):
            yield from _named(value, path)


def _remove(values: dict[str, Any], path: _Path) -> None:
    inner = values.get(path[0])
    if len(path) == 1:
        values.pop(path[0], None)
    elif type(inner) is dict:
        _remove(inner, path[1:])
        if not inner:
            del values[path[0]]


def _read_caddy_duration(found: Columns, rest: dict[str, Any]) -> None:
    duration = read_seconds(rest[CADDY_DURATION])
    if found[columns.RESPONSE_TIME_MS] is None and duration is not None:
        found[columns.RESPONSE_TIME_MS] = duration
        del rest[CADDY_DURATION]
