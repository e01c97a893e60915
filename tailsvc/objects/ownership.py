"""Who manages which fields of an object: `metadata.managedFields`, as Kubernetes' server-side apply has it.

A field is a path of `fieldsV1` steps: `f:name` for a member, `v:"x"` for one of a set, `k:{"uid":"x"}` for an item of a
list by key. What is no object of members, set or list by key has no fields inside: it is managed as a whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tailsvc.objects.kinds import API_VERSION, Document, Kind, Schema
from tailsvc.objects.metadata import whole_schema

Path = tuple[str, ...]
FieldSet = frozenset[Path]
APPLY, UPDATE = "Apply", "Update"
# Of those who do not apply, the oldest beyond so many are remembered as one, as Kubernetes does.
UPDATERS = 10
ANCIENT = "ancient-changes"

_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "selfLink", "namespace")
_NOBODYS = {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:generateName")}
_NOBODYS |= {("f:metadata", f"f:{name}") for name in (*_SERVERS, "deletionGracePeriodSeconds", "managedFields")}


@dataclass(frozen=True, slots=True)
class Manager:
    name: str
    operation: str
    subresource: str = ""
    api_version: str = API_VERSION


@dataclass(frozen=True, slots=True)
class Claim:
    """`time` as managedFields prints it, of its last change."""

    fields: FieldSet
    time: str


Claims = Mapping[Manager, Claim]


def leaves(document: Document, kind: Kind) -> dict[Path, Any]:
    """Every field that can be managed, with its value."""
    found: dict[Path, Any] = {}
    _walk(document, whole_schema(kind), (), found)
    return {path: value for path, value in found.items() if not _is_nobodys(path)}


def without(document: Document, paths: Iterable[Path]) -> Document:
    """A copy without these fields, and without what became empty by it."""
    found: Document = orjson.loads(orjson.dumps(document))
    for path in paths:
        _drop(found, path)
    return found


def changed(old: Mapping[Path, Any], new: Mapping[Path, Any]) -> FieldSet:
    """Fields that are new or have another value."""
    return frozenset(path for path, value in new.items() if path not in old or old[path] != value)


def after_update(
    claims: Claims, manager: Manager, old: Mapping[Path, Any], new: Mapping[Path, Any], now: str
) -> Claims:
    """Who changes a field by an update takes it from everybody; fields that are gone are nobody's."""
    taken = changed(old, new)
    found: dict[Manager, Claim] = {}
    for other, claim in claims.items():
        kept = frozenset(path for path in claim.fields if path in new)
        _keep(found, other, claim, kept if other == manager else kept - taken, now)
    if taken:
        mine = found.get(manager)
        fields = taken | (mine.fields if mine else frozenset())
        if mine is None or mine.fields != fields:
            found[manager] = Claim(fields, now)
    return _with_few_updaters(found)


def after_apply(claims: Claims, manager: Manager, applied: FieldSet, new: Mapping[Path, Any], now: str) -> Claims:
    """`claims`: without what the manager forced from others."""
    found: dict[Manager, Claim] = {}
    for other, claim in claims.items():
        if other != manager:
            _keep(found, other, claim, frozenset(path for path in claim.fields if path in new), now)
    mine = claims.get(manager)
    found[manager] = mine if mine is not None and mine.fields == applied else Claim(applied, now)
    return found


def read_claims(metadata: Document) -> dict[Manager, Claim]:
    """Entries that mean nothing to us are passed over."""
    found = {}
    for entry in metadata.get("managedFields", []):
        fields = entry.get("fieldsV1")
        if entry.get("operation") in {APPLY, UPDATE} and isinstance(fields, dict):
            manager = Manager(
                entry.get("manager", ""), entry["operation"], entry.get("subresource", ""), entry.get("apiVersion", "")
            )
            found[manager] = Claim(frozenset(_paths(fields, ())), entry.get("time", ""))
    return found


def print_claims(claims: Claims) -> list[Document]:
    ordered = sorted(claims.items(), key=lambda item: (item[0].operation, item[1].time, item[0].name))
    return [_entry(manager, claim) for manager, claim in ordered if claim.fields]


def shown(path: Path) -> str:
    """As a conflict names it: `.spec.pod`."""
    text = ""
    for step in path:
        letter, _, name = step.partition(":")
        text += f".{name}" if letter == "f" else f"[{'=' if letter == 'v' else ''}{name.strip('{}')}]"
    return text


def _entry(manager: Manager, claim: Claim) -> Document:
    tree: Document = {}
    for path in sorted(claim.fields):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    for path in claim.fields:
        node = tree
        for step in path:
            node = node[step]
        if node:
            node["."] = {}  # it is managed itself, as are fields inside
    found = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    found |= {"time": claim.time} if claim.time else {}
    entry: Document = {**found, "fieldsType": "FieldsV1", "fieldsV1": tree}
    return {**entry, "subresource": manager.subresource} if manager.subresource else entry


def _paths(tree: Document, before: Path) -> Iterable[Path]:
    if len(before) > 20:
        return  # nothing of ours is so deep
    inner = {step: value for step, value in tree.items() if step != "." and isinstance(value, dict)}
    if before and ("." in tree or not inner):
        yield before
    for step, value in inner.items():
        yield from _paths(value, (*before, step))


def _walk(value: Any, schema: Schema, path: Path, found: dict[Path, Any]) -> None:
    form = schema.get("x-kubernetes-list-type")
    if form == "set" and value:
        found.update({(*path, f"v:{_json(one)}"): one for one in value})
    elif form == "map" and value:
        key = schema["x-kubernetes-list-map-keys"][0]
        for item in value:
            place = (*path, f"k:{_json({key: item.get(key)})}")
            found[place] = None
            _walk(item, schema["items"], place, found)
    elif value and ("properties" in schema or "additionalProperties" in schema):
        for name, inner in value.items():
            of = schema.get("properties", {}).get(name) or schema.get("additionalProperties") or {"type": "string"}
            _walk(inner, of, (*path, f"f:{name}"), found)
    elif len(path) > 1 or value:  # an empty spec or status says nothing
        found[path] = value


def _is_nobodys(path: Path) -> bool:
    return any(path[:length] in _NOBODYS for length in (1, 2))


def _drop(document: Any, path: Path) -> None:
    if not path:
        return
    step, rest = path[0], path[1:]
    letter, _, name = step.partition(":")
    if letter != "f":
        return
    if not isinstance(document, dict) or name not in document:
        return
    if not rest:
        del document[name]
    elif isinstance(document[name], list):
        _drop_item(document, name, rest)
    else:
        _drop(document[name], rest)
        if document[name] == {} and len(path) > 1 and name not in {"metadata", "spec", "status"}:
            del document[name]


def _drop_item(holder: Document, name: str, path: Path) -> None:
    letter, _, text = path[0].partition(":")
    wanted = orjson.loads(text)
    items = holder[name]

    def is_meant(item: Any) -> bool:
        return bool(item == wanted) if letter == "v" else all(item.get(key) == value for key, value in wanted.items())

    if len(path) == 1:
        holder[name] = [item for item in items if not is_meant(item)]
    else:
        for item in items:
            if is_meant(item):
                _drop(item, path[1:])


def _keep(found: dict[Manager, Claim], manager: Manager, claim: Claim, fields: FieldSet, now: str) -> None:
    if fields:
        found[manager] = claim if fields == claim.fields else Claim(fields, now)


def _with_few_updaters(claims: dict[Manager, Claim]) -> Claims:
    updaters = [one for one in claims if one.operation == UPDATE and not one.subresource]
    if len(updaters) <= UPDATERS:
        return claims
    old = sorted(updaters, key=lambda one: (one.name != ANCIENT, claims[one].time))[: len(updaters) - UPDATERS + 1]
    merged = frozenset(path for one in old for path in claims[one].fields)
    kept = {manager: claim for manager, claim in claims.items() if manager not in old}
    return {**kept, Manager(ANCIENT, UPDATE): Claim(merged, max(claims[one].time for one in old))}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
