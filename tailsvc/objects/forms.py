"""Brings what a client sent into its kind's form: unknown fields go, times and durations have one spelling, and what
is empty is left out, as the Go types of these kinds print it."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tailsvc.objects.durations import parse_duration, print_duration
from tailsvc.objects.kinds import Document, Kind, Schema
from tailsvc.objects.metadata import whole_schema

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LARGEST = 2**63 - 1
_EMPTY: tuple[Any, ...] = ("", [], {})


class Mistyped(ValueError):
    """A field holds what it cannot hold; the text names it."""


class Fields(dict[str, Any]):
    """An object as it was written: `repeated` are the names that it had twice."""

    repeated: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Any]]) -> "Fields":
        listed = list(pairs)
        found = cls(listed)
        if len(found) < len(listed):
            times = Counter(name for name, _ in listed)
            found.repeated = tuple(name for name in found if times[name] > 1)
        return found


@dataclass(slots=True)
class _Reading:
    fills: bool  # what is required and was not given is printed all the same
    faults: list[str] = field(default_factory=list)  # unknown and repeated fields, as Kubernetes words them


def in_form(document: Any, kind: Kind, *, partial: bool = False) -> tuple[Document, list[str]]:
    """(the document, what was passed over: unknown and repeated fields). Raises Mistyped.

    `partial`: only what was given; else what is always printed is there.
    """
    reading = _Reading(fills=not partial)
    found: Document = _read(document, whole_schema(kind), "", reading)
    if partial:
        return found, reading.faults
    for part in ("metadata", "spec", "status"):
        if part not in found:
            found[part] = _read({}, whole_schema(kind)["properties"][part], part, reading)
    return found, reading.faults


def _read(value: Any, schema: Schema, path: str, reading: _Reading) -> Any:
    return _READERS[schema["type"]](value, schema, path, reading)


def _read_object(value: Any, schema: Schema, path: str, reading: _Reading) -> Document:
    if not isinstance(value, dict):
        raise Mistyped(f"{path or 'the object'} must be an object")
    reading.faults += [f'duplicate field "{_inner(path, name)}"' for name in getattr(value, "repeated", ())]
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    if "additionalProperties" in schema:
        return _read_map(value, schema["additionalProperties"], path, reading)
    properties = schema["properties"]
    reading.faults += [f'unknown field "{_inner(path, name)}"' for name in value if name not in properties]
    needed = schema.get("required", ())
    found = {}
    for name, inner in properties.items():
        given = value.get(name)
        if given is not None:
            read = _read(given, inner, _inner(path, name), reading)
            if name in needed or not _is_left_out(read, inner):
                found[name] = read
        elif name in needed and reading.fills:
            found[name] = _zero(inner)
    return found


def _is_left_out(value: Any, schema: Schema) -> bool:
    """What Go leaves out as empty. An object of known fields says something by being there."""
    if isinstance(value, bool | int):
        return not value
    return value in _EMPTY and "properties" not in schema


def _zero(schema: Schema) -> Any:
    if schema["type"] == "object":
        return {}
    if schema["type"] == "string":
        return None if schema.get("format") == "date-time" else ""
    return {"boolean": False, "integer": 0}.get(schema["type"])


def _read_map(value: Document, schema: Schema, path: str, reading: _Reading) -> Document:
    for name in value:
        _check_text(name, path)
    return {name: _read(one, schema, _inner(path, name), reading) for name, one in value.items() if one is not None}


def _read_array(value: Any, schema: Schema, path: str, reading: _Reading) -> list[Any]:
    if not isinstance(value, list):
        raise Mistyped(f"{path} must be an array")
    found = [_read(one, schema["items"], f"{path}[{index}]", reading) for index, one in enumerate(value)]
    return list(dict.fromkeys(found)) if schema.get("x-kubernetes-list-type") == "set" else found


def _read_text(value: Any, schema: Schema, path: str, _reading: _Reading) -> str:
    if not isinstance(value, str):
        raise Mistyped(f"{path} must be a string")
    _check_text(value, path)
    shape = schema.get("format")
    if not value or shape is None:
        return value
    return _read_time(value, schema, path) if shape == "date-time" else _read_duration(value, path)


def _read_flag(value: Any, _schema: Schema, path: str, _reading: _Reading) -> bool:
    if not isinstance(value, bool):
        raise Mistyped(f"{path} must be true or false")
    return value


def _read_integer(value: Any, _schema: Schema, path: str, _reading: _Reading) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_LARGEST <= value <= _LARGEST:
        raise Mistyped(f"{path} must be a whole number")
    return value


def _check_text(text: str, path: str) -> None:
    """What a document in a database cannot hold."""
    if "\x00" in text:
        raise Mistyped(f"{path} must not contain U+0000")


def _read_time(text: str, schema: Schema, path: str) -> str:
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        day, clock, fraction, zone = found.groups()
        offset = "+00:00" if zone in "Zz" else zone
        moment = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise Mistyped(f'{path} must be a time as RFC 3339 has it, not "{text[:60]}"') from None
    return print_micro_time(moment) if schema.get("x-precision") == "micro" else print_time(moment)


def print_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def print_micro_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)


def _read_duration(text: str, path: str) -> str:
    nanos = parse_duration(text)
    if nanos is None:
        raise Mistyped(f'{path} must be a duration such as 1h30m, not "{text[:60]}"')
    return print_duration(nanos)


def _inner(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_READERS = {
    "object": _read_object,
    "array": _read_array,
    "string": _read_text,
    "boolean": _read_flag,
    "integer": _read_integer,
}
