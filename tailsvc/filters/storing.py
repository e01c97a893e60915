"""A filter as JSON and back, for deletions that wait in the database."""

from dataclasses import fields
from typing import Any

from tailsvc.filters.nodes import And, Between, Contains, Everything, Exists, Filter, Like, Not, OneOf, Or

_NODES: dict[str, type] = {
    node.__name__: node for node in (Everything, And, Or, Not, Exists, OneOf, Between, Like, Contains)
}


def to_json(condition: Filter) -> list[Any]:
    """The node's name, and its fields in order."""
    return [type(condition).__name__, *(_value(getattr(condition, field.name)) for field in fields(condition))]


def from_json(found: list[Any]) -> Filter:
    name, *values = found
    node: Filter = _NODES[name](*map(_read, values))
    return node


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return {"all": [_value(each) for each in value]}
    return {"node": to_json(value)} if type(value) in _NODES.values() else value


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return from_json(value["node"]) if "node" in value else tuple(map(_read, value["all"]))
