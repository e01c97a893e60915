"""JSON and YAML in, YAML out. What is neither is refused, and so is what would be large only once it is read."""

import json
from collections.abc import Hashable
from typing import Any

import orjson
import yaml

from tailsvc.objects.forms import Fields

# Of objects and arrays; our kinds need nine.
DEPTH = 64
_TOO_DEEP = f"the body nests deeper than {DEPTH}"


class Unreadable(ValueError):
    """The text says why; `line` (of YAML, from 1) where."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line


def read_json(body: bytes) -> Any:
    """Objects are Fields, which know of names that they had twice."""
    try:
        orjson.loads(body)  # stricter than the standard library: no NaN, no lone surrogates, no deep nesting
        found = json.loads(body, object_pairs_hook=Fields.of)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON: {error}") from None
    _check(found)
    return found


def read_yaml(body: bytes) -> Any:
    try:
        text = body.decode()
        _look_through(text)
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader's subclass)
        orjson.dumps(found)  # dates, bytes and the like
        _check(found)
    except Unreadable:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError) as error:
        # (KeyError and AttributeError are how the library says that a scalar is not what its tag says.)
        why = f"the body is not YAML of JSON's kind: {' '.join(str(error).split())[:300]}"
        raise Unreadable(why, _line(getattr(error, "problem_mark", None))) from None
    return found


def _look_through(text: str) -> None:
    """Before anything is made of it: what nests deep would take minutes, and all of the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable("aliases are not taken", _line(event.start_mark))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise Unreadable(_TOO_DEEP, _line(event.start_mark))


def _line(mark: Any) -> int | None:
    return mark.line + 1 if mark else None


def print_yaml(document: Any) -> bytes:
    text: str = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True, width=10_000)
    return text.encode()


class _Loader(yaml.CSafeLoader):
    """Times stay text, and names are text."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, shape) for tag, shape in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _construct_object(loader: _Loader, node: yaml.MappingNode) -> Fields:
    pairs = [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    return Fields.of((_name(key), value) for key, value in pairs)


def _name(key: Hashable) -> str:
    if not isinstance(key, str):
        raise Unreadable(f"a field's name must be a string, not {key!r}"[:200])
    return key


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_object)


def _check(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON: {error}") from None
    _check_depth(value)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        inner = [one for one in level if isinstance(one, dict | list)]
        level = [one for holder in inner for one in (holder.values() if isinstance(holder, dict) else holder)]
        if not level:
            return
    raise Unreadable(_TOO_DEEP)
