"""A JSON object to columns, whatever it holds: the plain way, which `shapes` shortens for the usual line."""

from collections.abc import Iterator, Mapping
from typing import Any

from tailsvc.limits import ATTRIBUTES_PER_EVENT
from tailsvc.parsing import columns
from tailsvc.parsing.aliases import Alias, find, leads_to_alias
from tailsvc.parsing.bots import is_bot
from tailsvc.parsing.columns import Columns, Reading
from tailsvc.parsing.json_values import normal

CADDY_MARK = "resp_headers"  # a key that only Caddy's access log has
_NAME_PARTS = 3  # of the longest dotted name that we know, but for the last

_Path = tuple[str, ...]
_read_seconds = columns.duration_reader(1000.0)


def read_object(values: Mapping[str, Any]) -> Reading:
    """The fields we know to their columns, all others to attributes. Raises TooDeep."""
    rest: dict[str, Any] = normal(values)
    found = columns.blank()
    taken: list[_Path] = []
    for alias, path, value in sorted(_named(rest, ()), key=lambda named: named[0].rank):
        if value is None:  # a field of ours that is null says nothing
            taken.append(path)
        elif found[alias.column] is None and (read := alias.read(value)) is not None:
            found[alias.column] = read
            taken.append(path)
    if CADDY_MARK in rest and "duration" in rest:
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


def _named(values: dict[str, Any], above: _Path) -> Iterator[tuple[Alias, _Path, Any]]:
    """What lies under names that we know: how to read it, where it lies, and what it is."""
    for key, value in values.items():
        path = (*above, key)
        name = ".".join(path)
        if (alias := find(name)) is not None:
            yield alias, path, value
        if type(value) is dict and len(path) <= _NAME_PARTS and leads_to_alias(name):
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
    """Elsewhere `duration` may be in any unit; in Caddy's access log it is in seconds."""
    duration = _read_seconds(rest["duration"])
    if found[columns.RESPONSE_TIME_MS] is None and duration is not None:
        found[columns.RESPONSE_TIME_MS] = duration
        del rest["duration"]
