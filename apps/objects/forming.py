"""From what a client sent to the document that is kept: form, defaults, rules, who manages what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from tailsvc.objects.forms import Mistyped, in_form, print_time
from tailsvc.objects.kinds import API_VERSION, VERSION, Document, Kind
from tailsvc.objects.metadata import generated_name, metadata_causes
from tailsvc.objects.ownership import (
    UPDATE,
    Claims,
    Manager,
    after_update,
    leaves,
    print_claims,
    read_claims,
)
from tailsvc.objects.statuses import ApiError, bad_request, invalid_object

# What the server alone says of an object.
_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


@dataclass(frozen=True, slots=True)
class Options:
    """How something is to be written. `subresource`: "" or "status"."""

    dry_run: bool = False
    manager: str = ""
    force: bool = False
    field_validation: str = "Warn"
    subresource: str = ""


def formed(body: Any, kind: Kind, options: Options, *, partial: bool = False) -> tuple[Document, list[str]]:
    """(the document, warnings). Raises ApiError 400."""
    if not isinstance(body, dict):
        raise bad_request(f"the body must be a {kind.kind}")
    for name, wanted in (("kind", kind.kind), ("apiVersion", API_VERSION)):
        if body.get(name, wanted) != wanted:
            shown = str(body[name])[:100]
            raise bad_request(f"the {name} in the data ({shown}) does not match the expected {name} ({wanted})")
    try:
        found, faults = in_form({**body, "kind": kind.kind, "apiVersion": API_VERSION}, kind, partial=partial)
    except Mistyped as error:
        version = f'{kind.kind} in version "{VERSION}"'
        raise bad_request(f"{version} cannot be handled as a {kind.kind}: {error}") from None
    faults += [f'duplicate field "{name}"' for name in getattr(body, "repeated", ())]
    if faults and options.field_validation == "Strict":
        raise bad_request(f"strict decoding error: {', '.join(faults)}"[:10_000])
    return found, faults if options.field_validation == "Warn" else []


def new_document(document: Document, kind: Kind, now: datetime) -> Document:
    """With what the server says of a new one; its status is not the client's to say. Raises ApiError 422."""
    metadata = document["metadata"]
    if metadata.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    for name in (*_KEPT, "namespace"):
        metadata.pop(name, None)
    if metadata.get("generateName") and not metadata.get("name"):
        metadata["name"] = generated_name(metadata["generateName"])
    metadata |= {"uid": str(uuid4()), "generation": 1, "creationTimestamp": print_time(now)}
    document.pop("status", None)
    return finished(document, kind, None)


def next_document(old: Document, document: Document, kind: Kind, options: Options) -> Document:
    """With what the server keeps of the old one, and with what the way in does not change. Raises ApiError."""
    if options.subresource == "status":
        managed = document["metadata"].get("managedFields")
        document = {**old, "metadata": dict(old["metadata"]), "status": document.get("status", {})}
        if managed is not None:
            document["metadata"]["managedFields"] = managed
    else:
        document = {**document, "status": old["status"]}
    metadata = document["metadata"]
    for name in (*_KEPT, "namespace"):
        metadata.pop(name, None)
    metadata |= {name: old["metadata"][name] for name in _KEPT if name in old["metadata"]}
    metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    found = finished(document, kind, old)
    if found["spec"] != old["spec"]:
        found["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    return found


def finished(document: Document, kind: Kind, old: Document | None) -> Document:
    """In its form, with defaults. Raises ApiError 422."""
    found, _ = in_form(document, kind)
    kind.default(found)
    causes = metadata_causes(found["metadata"], old["metadata"] if old else None) + kind.validate(found, old)
    if causes:
        raise invalid_object(kind, found["metadata"].get("name", "")[:300], causes)
    return found


def with_claims(document: Document, claims: Claims, kind: Kind) -> Document:
    """In the form in which it is stored."""
    document["metadata"]["managedFields"] = print_claims(claims)
    return in_form(document, kind)[0]


def updated_claims(old: Document | None, new: Document, kind: Kind, options: Options, now: datetime) -> Claims:
    """Who manages what after an update. A client may reset the fields' managers, or say them."""
    manager = Manager(options.manager or "unknown", UPDATE, options.subresource)
    before = leaves(old, kind) if old else {}
    return after_update(_claims_before(old, new), manager, before, leaves(new, kind), print_time(now))


def _claims_before(old: Document | None, new: Document) -> Claims:
    given = new["metadata"].get("managedFields")
    if given is not None and (not given or given == [{}]):
        return {}
    said = read_claims(new["metadata"])
    return said or (read_claims(old["metadata"]) if old else {})


def as_patch_error(error: ApiError, kind: Kind, name: str) -> ApiError:
    """Of a patch, unknown fields are a fault of what comes out, not of how it is written."""
    if error.code == 400 and error.status["message"].startswith("strict decoding error"):
        status = invalid_object(kind, name, []).status
        message = f'{kind.kind}.{kind.resource.partition(".")[2]} "{name}" is invalid: {error.status["message"]}'
        return ApiError({**status, "message": message})
    return error
