"""Server-side apply: "the fields that I manage shall be exactly these"."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tailsvc.objects.kinds import Cause, Document, Kind, Schema
from tailsvc.objects.metadata import whole_schema
from tailsvc.objects.ownership import (
    APPLY,
    UPDATE,
    Claim,
    Claims,
    FieldSet,
    Manager,
    Path,
    changed,
    leaves,
    shown,
    without,
)
from tailsvc.objects.statuses import ApiError, apply_conflict


def applied(
    live: Document, wanted: Document, kind: Kind, claims: Claims, manager: Manager, *, force: bool
) -> tuple[Document, FieldSet, Claims]:
    """(the new document, the fields that are now the manager's, the others' claims). Raises ApiError: a conflict.

    `live` and `wanted` are of the kind's form.
    """
    fields = frozenset(leaves(wanted, kind))
    merged = _merge(live, wanted, whole_schema(kind))
    conflicts = _conflicts(claims, manager, changed(leaves(live, kind), leaves(merged, kind)))
    if conflicts and not force:
        raise _refusal(conflicts, claims)
    left = {
        other: Claim(claim.fields - conflicts.get(other, frozenset()), claim.time) for other, claim in claims.items()
    }
    return without(merged, _given_up(left, manager, fields)), fields, left


def _conflicts(claims: Claims, manager: Manager, change: FieldSet) -> dict[Manager, FieldSet]:
    found = {other: claim.fields & change for other, claim in claims.items() if other != manager}
    return {other: fields for other, fields in found.items() if fields}


def _given_up(claims: Claims, manager: Manager, fields: FieldSet) -> Sequence[Path]:
    """What the manager applied before and does not any more, and nobody else manages. Innermost first."""
    before = claims[manager].fields if manager in claims else frozenset()
    others = {path for other, claim in claims.items() if other != manager for path in claim.fields}
    return sorted(before - fields - others, key=len, reverse=True)


def _merge(live: Any, wanted: Any, schema: Schema) -> Any:
    form = schema.get("x-kubernetes-list-type")
    if form == "set" and live:
        return [*dict.fromkeys([*live, *wanted])]
    if form == "map" and live:
        key = schema["x-kubernetes-list-map-keys"][0]
        found = {one.get(key): one for one in live}
        for item in wanted:  # one without its key is refused with the whole object
            found[item.get(key)] = _merge(found.get(item.get(key)), item, schema["items"])
        return list(found.values())
    if not isinstance(wanted, dict) or not isinstance(live, dict):
        return wanted
    inner = schema.get("properties", {})
    other = schema.get("additionalProperties") or {"type": "string"}
    return {**live, **{name: _merge(live.get(name), value, inner.get(name, other)) for name, value in wanted.items()}}


def _refusal(conflicts: Mapping[Manager, FieldSet], claims: Claims) -> ApiError:
    by_manager: dict[str, list[str]] = defaultdict(list)
    causes = []
    for manager in sorted(conflicts, key=lambda one: one.name):
        told = _told(manager, claims[manager])
        for path in sorted(conflicts[manager]):
            by_manager[told].append(shown(path))
            causes.append(Cause("FieldManagerConflict", f"conflict with {told}", shown(path)))
    count = len(causes)
    if count == 1:
        return apply_conflict(f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}", causes)
    text = "".join(
        f"\n{'conflicts' if len(fields) > 1 else 'conflict'} with {told}:" + "".join(f"\n- {one}" for one in fields)
        for told, fields in by_manager.items()
    )
    return apply_conflict(f"Apply failed with {count} conflicts:{text}", causes)


def _told(manager: Manager, claim: Claim) -> str:
    of = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    at = f" at {claim.time}" if manager.operation == UPDATE and claim.time else ""
    return f'"{manager.name}"{of} using {manager.api_version}{at}'


def applier(name: str, subresource: str = "") -> Manager:
    return Manager(name, APPLY, subresource)
