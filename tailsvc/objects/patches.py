"""The ways to say what is to change: JSON patch (RFC 6902), merge patch (RFC 7396), and Kubernetes' strategic one."""

import copy
import re
from typing import Any

import orjson

from tailsvc.objects.kinds import Document, Schema

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_OPERATIONS = 10_000
_DEPTH = 100
# All that a JSON patch copies, as bytes of JSON: each copy may double the document, so 30 would fill any memory.
_COPIED_BYTES = 4 * 1024 * 1024


class BadPatch(ValueError):
    """It is no patch of its kind."""


class PatchFailed(ValueError):
    """It does not fit the document: a path that is not there, a test that fails."""


def json_patch(document: Document, operations: Any) -> Any:
    """A new document. Raises BadPatch, PatchFailed."""
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise BadPatch("a JSON patch is an array of objects")
    if len(operations) > _OPERATIONS:
        raise BadPatch(f"a JSON patch has at most {_OPERATIONS} operations")
    found: Any = copy.deepcopy(document)
    copied = 0
    for operation in operations:
        if operation.get("op") == "copy":
            copied += _size(_find(found, _pointer(operation, "from")))
            if copied > _COPIED_BYTES:
                raise BadPatch(f"a JSON patch copies at most {_COPIED_BYTES} bytes")
        found = _operate(found, operation)
    _size(found)
    return found


def _size(value: Any) -> int:
    """Bytes of JSON. Raises BadPatch for what nobody could read."""
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        raise BadPatch("the patched object nests too deep, or has a number of more than 64 bits") from None


def merge_patch(document: Any, patch: Any, depth: int = 0) -> Any:
    """A new document; null deletes. Raises BadPatch."""
    if depth > _DEPTH:
        raise BadPatch("the patch nests too deep")
    if not isinstance(patch, dict):
        return patch
    found = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merge_patch(found.get(name), value, depth + 1)
    return found


def strategic_patch(document: Any, patch: Any, schema: Schema) -> Any:
    """As a merge patch, but that sets and lists by key are merged, and directives are followed. Raises BadPatch."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch", "merge")
    if not isinstance(directive, str) or directive not in {"merge", "replace", "delete"}:
        raise BadPatch(f"Unknown patch type found: {str(directive)[:60]}")
    if directive != "merge":
        return {name: value for name, value in patch.items() if name != "$patch"} if directive == "replace" else {}
    found = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        kept = _texts(patch["$retainKeys"], "$retainKeys")
        found = {name: value for name, value in found.items() if name in kept}
    for name, value in patch.items():
        _merge_field(found, name, value, schema)
    return found


def _merge_field(found: Document, name: str, value: Any, schema: Schema) -> None:
    if name.startswith("$deleteFromPrimitiveList/"):
        target = name.partition("/")[2]
        gone, old = {*_texts(value, name)}, found.get(target)
        if isinstance(old, list):
            found[target] = [one for one in old if not isinstance(one, str) or one not in gone]
    elif name.startswith("$"):
        return  # $setElementOrder and $retainKeys: the order is of no meaning in these sets
    elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
        found.pop(name, None)
    else:
        inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties") or {}
        found[name] = _merge_value(found.get(name), value, inner)


def _merge_value(old: Any, value: Any, schema: Schema) -> Any:
    form = schema.get("x-kubernetes-list-type")
    if not isinstance(value, list) or form not in {"set", "map"}:
        return strategic_patch(old, value, schema)
    kept = old if isinstance(old, list) else []
    if form == "set":
        return [*dict.fromkeys([*kept, *_texts(value, "a list of the patch")])]
    return _merge_by_key(kept, value, schema["x-kubernetes-list-map-keys"][0], schema["items"])


def _merge_by_key(old: list[Any], patch: list[Any], key: str, schema: Schema) -> list[Any]:
    found = {one.get(key): one for one in old}
    for item in patch:
        if not isinstance(item, dict):
            raise BadPatch(f"an item of the list is no object with {key}")
        name = item.get(key)
        if name is not None and not isinstance(name, str):
            raise BadPatch(f"{key} of an item of the list is no string")
        if item.get("$patch") == "replace":
            found = {}
        elif item.get("$patch") == "delete":
            found.pop(name, None)
        else:
            found[name] = strategic_patch(found.get(name), item, schema)
    return list(found.values())


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadPatch(f"{name[:60]} must be an array of strings")
    return value


# JSON patch


def _operate(document: Any, operation: Document) -> Any:
    name, path = str(operation.get("op")), _pointer(operation, "path")
    if name in {"add", "replace", "test"} and "value" not in operation:
        raise BadPatch(f'operation "{name}" needs a value')
    if name == "add":
        return _add(document, path, copy.deepcopy(operation["value"]))
    if name == "remove":
        return _remove(document, path)[0]
    if name == "replace":
        return _add(_remove(document, path)[0], path, copy.deepcopy(operation["value"]))
    if name == "test":
        if not _same(_find(document, path), operation["value"]):
            raise PatchFailed(f"testing value {_shown(path)} failed")
        return document
    if name in {"move", "copy"}:
        return _transfer(document, _pointer(operation, "from"), path, moves=name == "move")
    raise BadPatch(f"Unexpected kind: {name[:60]}")


def _transfer(document: Any, source: list[str], path: list[str], *, moves: bool) -> Any:
    if moves and len(path) > len(source) and path[: len(source)] == source:
        raise PatchFailed("a value cannot be moved into itself")
    if moves:
        document, value = _remove(document, source)
    else:
        value = copy.deepcopy(_find(document, source))
    return _add(document, path, value)


def _pointer(operation: Document, name: str) -> list[str]:
    text = operation.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise BadPatch(f'"{name}" of an operation must be a JSON pointer')
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _find(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document) - 1, path)]
        else:
            raise PatchFailed(f"{_shown(path)} is not there")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder = _find(document, path[:-1])
    if isinstance(holder, dict):
        holder[path[-1]] = value
    elif isinstance(holder, list):
        place = len(holder) if path[-1] == "-" else _index(path[-1], len(holder), path)
        holder.insert(place, value)
    else:
        raise PatchFailed(f"{_shown(path)} is not there")
    return document


def _remove(document: Any, path: list[str]) -> tuple[Any, Any]:
    """(the document, what was removed)"""
    value = _find(document, path)
    if not path:
        return None, value
    holder = _find(document, path[:-1])
    if isinstance(holder, dict):
        del holder[path[-1]]
    else:
        del holder[int(path[-1])]
    return document, value


def _index(part: str, largest: int, path: list[str]) -> int:
    if not _INDEX.fullmatch(part) or int(part) > largest:
        raise PatchFailed(f"{_shown(path)} is not there")
    return int(part)


def _same(one: Any, other: Any) -> bool:
    """In JSON true is not 1, as it is in Python."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _shown(path: list[str]) -> str:
    return "/" + "/".join(path)[:200]
