"""The four kinds of patch."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from apps.objects import computed
from apps.objects.forming import Options, as_patch_error, finished, formed, new_document, next_document, with_claims
from apps.objects.models import StoredObject
from apps.objects.services import Written, keep, require_same_object, update
from apps.objects.store import Writing, find, writing
from tailsvc.objects.applying import applied, applier
from tailsvc.objects.forms import print_time
from tailsvc.objects.kinds import Document, Kind, forbidden, required
from tailsvc.objects.metadata import empty_document, whole_schema
from tailsvc.objects.ownership import UPDATE, Claim, Claims, Manager, after_apply, leaves, read_claims
from tailsvc.objects.patches import BadPatch, PatchFailed, json_patch, merge_patch, strategic_patch
from tailsvc.objects.statuses import (
    MODIFIED,
    ApiError,
    bad_request,
    conflict,
    invalid_object,
    invalid_options,
    not_found,
)


class PatchType(StrEnum):
    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Patch:
    type: PatchType
    body: Any


def patch(kind: Kind, name: str, wanted: Patch, options: Options, *, now: datetime) -> Written:
    """Raises ApiError."""
    if wanted.type is PatchType.APPLY:
        return _apply(kind, name, wanted.body, options, now)
    if options.force:
        raise invalid_options("PatchOptions", [forbidden("force", "may not be specified for non-apply patch")])
    with writing(now, dry=options.dry_run) as open_:
        stored = find(kind, name)
        if stored is None:
            raise not_found(kind, name)
        try:
            document, warnings = formed(_patched(stored.document, wanted, kind), kind, options)
            require_same_object(kind, stored.document, document)
            return Written(update(open_, kind, stored, document, options), warnings=warnings)
        except ApiError as error:
            raise as_patch_error(error, kind, name) from None


def _patched(document: Document, wanted: Patch, kind: Kind) -> Any:
    ways: dict[PatchType, Callable[[], Any]] = {
        PatchType.JSON: lambda: json_patch(document, wanted.body),
        PatchType.MERGE: lambda: merge_patch(document, _object(wanted.body)),
        PatchType.STRATEGIC: lambda: strategic_patch(document, _object(wanted.body), whole_schema(kind)),
    }
    try:
        found = ways[wanted.type]()
    except BadPatch as error:
        raise bad_request(f"error decoding patch: {error}") from None
    except PatchFailed as error:
        failed = invalid_object(kind, document["metadata"]["name"], [])
        message = f"the server rejected our request due to an error in our request: {error}"
        raise ApiError({**failed.status, "message": message}) from None
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if isinstance(metadata, dict):  # what a patch takes away of these is there all the same
        for name in ("name", "uid"):
            metadata.setdefault(name, document["metadata"][name])
    return found


def _object(body: Any) -> Document:
    if not isinstance(body, dict):
        raise bad_request("error decoding patch: a merge patch is an object")
    return body


def _apply(kind: Kind, name: str, body: Any, options: Options, now: datetime) -> Written:
    if not options.manager:
        raise invalid_options("PatchOptions", [required("fieldManager", "is required for apply patch")])
    wanted, warnings = formed(body, kind, options, partial=True)
    metadata = wanted.setdefault("metadata", {})
    if metadata.pop("managedFields", None):
        raise bad_request("metadata.managedFields must be nil")
    if metadata.setdefault("name", name) != name:
        told = str(metadata["name"])[:300]
        raise bad_request(f"the name of the object ({told}) does not match the name on the URL ({name})")
    with writing(now, dry=options.dry_run) as open_:
        stored = find(kind, name)
        if stored is None:
            return Written(_create(open_, kind, wanted, options), created=True, warnings=warnings)
        require_same_object(kind, stored.document, wanted)
        return Written(_update(open_, kind, stored, _of_part(wanted, options), options), warnings=warnings)


def _of_part(wanted: Document, options: Options) -> Document:
    """Without what this way in does not change."""
    if options.subresource == "status":
        name = {"name": wanted["metadata"]["name"]}
        return {**{part: value for part, value in wanted.items() if part != "spec"}, "metadata": name}
    return {part: value for part, value in wanted.items() if part != "status"}


def _create(open_: Writing, kind: Kind, wanted: Document, options: Options) -> Document:
    name = wanted["metadata"]["name"]
    if options.subresource:
        raise not_found(kind, name)
    if wanted["metadata"].get("resourceVersion") or wanted["metadata"].get("uid"):
        raise conflict(kind, name, MODIFIED)
    computed.check(kind.plural, "create", name)
    manager, wanted = applier(options.manager), _of_part(wanted, options)
    fields = frozenset(leaves(wanted, kind))
    made = new_document({**empty_document(kind), **wanted, "metadata": dict(wanted["metadata"])}, kind, open_.now)
    claims = after_apply({}, manager, fields, leaves(made, kind), print_time(open_.now))
    return open_.add(kind, with_claims(made, claims, kind))


def _update(open_: Writing, kind: Kind, stored: StoredObject, wanted: Document, options: Options) -> Document:
    computed.check(kind.plural, "update", stored.name)
    old: Document = stored.document
    if options.subresource == "status" and computed.keeps_status(kind.plural, stored.name):
        return old
    manager = applier(options.manager, options.subresource)
    claims = _claims_of(old, kind)
    merged, fields, others = applied(old, wanted, kind, claims, manager, force=options.force)
    new = next_document(old, finished(merged, kind, old), kind, options)
    claims = after_apply(others, manager, fields, leaves(new, kind), print_time(open_.now))
    return keep(open_, kind, stored, with_claims(new, claims, kind))


def _claims_of(document: Document, kind: Kind) -> Claims:
    """What nobody is known to manage belongs to who wrote before anybody applied."""
    found = read_claims(document["metadata"])
    fields = frozenset(leaves(document, kind))
    return found or {Manager("before-first-apply", UPDATE): Claim(fields, "")}
