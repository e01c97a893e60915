"""The verbs. Each runs in the team's scope, and raises ApiError for what it refuses."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.conf import settings

from apps.objects import computed
from apps.objects.forming import (
    Options,
    formed,
    new_document,
    next_document,
    updated_claims,
    with_claims,
)
from apps.objects.history import objects_at, standing
from apps.objects.models import StoredObject
from apps.objects.store import Writing, find, team, writing
from tailsvc.objects.catalogue import KINDS
from tailsvc.objects.forms import print_time
from tailsvc.objects.kinds import Document, Kind
from tailsvc.objects.pagination import BadToken, Place, read_token, write_token
from tailsvc.objects.selectors import EVERYTHING, Selection
from tailsvc.objects.statuses import (
    MODIFIED,
    ApiError,
    already_exists,
    bad_request,
    conflict,
    expired,
    not_found,
)

_KEY = f"objects {settings.SECRET_KEY}".encode()
_NAMES_TRIED = 8
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
    " Continuing with the provided token results in an inconsistent list - objects that were created, modified, or"
    " deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Written:
    document: Document
    created: bool = False
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deletion:
    """`uid` and `version` are preconditions, "" for none."""

    dry_run: bool = False
    uid: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """`pending`: finalizers have to go first."""

    document: Document
    pending: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """`token` is empty behind the last page."""

    documents: list[Document]
    version: int
    token: str


def get(kind: Kind, name: str) -> Document:
    found: Document = _require(kind, name).document
    return found


def list_page(
    kind: Kind, selection: Selection = EVERYTHING, *, limit: int = 0, token: str = "", version: int | None = None
) -> Listed:
    """By name; `limit` 0 for all. `version`: the objects as they were then, else as they are; a token has its own."""
    now = standing()
    place = _place(kind, token) if token else Place(now.version if version is None else version, "")
    if token and place.version < now.forgotten:
        raise _expired_token(kind, place, now.version)
    now.require(place.version)
    matching = filter(selection.admits, objects_at(kind, place.version, place.name))
    found = list(islice(matching, limit + 1 if limit else None))
    if place.version < standing().forgotten:
        raise _expired_token(kind, place, now.version)
    page = found[:limit] if limit else found
    more = _token(kind, Place(place.version, page[-1]["metadata"]["name"])) if len(found) > len(page) else ""
    return Listed(page, place.version, more)


def create(kind: Kind, body: object, options: Options, *, now: datetime) -> Written:
    document, warnings = formed(body, kind, options)
    for _ in range(_NAMES_TRIED):
        made = new_document(copy.deepcopy(document), kind, now)
        name = made["metadata"]["name"]
        computed.check(kind.plural, "create", name)
        with writing(now, dry=options.dry_run) as open_:
            if find(kind, name) is None:
                made = with_claims(made, updated_claims(None, made, kind, options, now), kind)
                return Written(open_.add(kind, made), created=True, warnings=warnings)
        if document["metadata"].get("name"):
            break
    raise already_exists(kind, name)


def replace(kind: Kind, name: str, body: object, options: Options, *, now: datetime) -> Written:
    with writing(now, dry=options.dry_run) as open_:
        stored = _require(kind, name)
        document, warnings = formed(body, kind, options)
        version = document["metadata"].get("resourceVersion")
        require_same_object(kind, stored.document, document)
        if not version:
            raise conflict(kind, name, MODIFIED)
        return Written(update(open_, kind, stored, document, options), warnings=warnings)


def update(open_: Writing, kind: Kind, stored: StoredObject, document: Document, options: Options) -> Document:
    """Keep what follows from the document; an update that changes nothing is none."""
    computed.check(kind.plural, "update", stored.name)
    if options.subresource == "status" and computed.keeps_status(kind.plural, stored.name):
        kept: Document = stored.document
        return kept
    new = next_document(stored.document, document, kind, options)
    return keep(
        open_, kind, stored, with_claims(new, updated_claims(stored.document, new, kind, options, open_.now), kind)
    )


def keep(open_: Writing, kind: Kind, stored: StoredObject, new: Document) -> Document:
    """Its deletion is carried out once its finalizers are gone."""
    metadata = new["metadata"]
    if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
        return open_.remove(kind, stored, new)
    return stored.document if new == stored.document else open_.change(kind, stored, new)


def delete(kind: Kind, name: str, wanted: Deletion, *, now: datetime) -> Deleted:
    computed.check(kind.plural, "delete", name)
    with writing(now, dry=wanted.dry_run) as open_:
        stored = _require(kind, name)
        _check_preconditions(kind, stored.document, wanted)
        return _delete(open_, kind, stored)


def delete_collection(kind: Kind, listed: Listed, wanted: Deletion, *, now: datetime) -> bool:
    """Those of the list that are still there. Whether finalizers keep some of them."""
    pending = False
    with writing(now, dry=wanted.dry_run) as open_:
        for document in listed.documents:
            stored = find(kind, document["metadata"]["name"])
            if stored is not None and _may_delete(kind, stored.name):
                pending |= _delete(open_, kind, stored).pending
    return pending


def set_status(
    plural: str, name: str, change: Callable[[Document], Document], *, manager: str, now: datetime, uid: str = ""
) -> Document | None:
    """For controllers: `change` makes the new status of the old. None where there is no such object, or another of
    its name than `uid`."""
    kind = KINDS[plural]
    with writing(now) as open_:
        stored = find(kind, name)
        if stored is None or (uid and str(stored.uid) != uid):
            return None
        status = change(copy.deepcopy(stored.document["status"]))
        options = Options(manager=manager, subresource="status")
        new = next_document(stored.document, {**stored.document, "status": status}, kind, options)
        return keep(
            open_, kind, stored, with_claims(new, updated_claims(stored.document, new, kind, options, now), kind)
        )


def require_same_object(kind: Kind, old: Document, document: Document) -> None:
    """Raises ApiError: another name, or not as it was when the client read it."""
    had, has = old["metadata"], document["metadata"]
    if has.get("name") != had["name"]:
        told = str(has.get("name", ""))[:300]
        raise bad_request(f"the name of the object ({told}) does not match the name on the URL ({had['name']})")
    if has.get("uid") and has["uid"] != had["uid"]:
        raise conflict(kind, had["name"], _precondition("UID", has["uid"], had["uid"]))
    if has.get("resourceVersion") and has["resourceVersion"] != had["resourceVersion"]:
        raise conflict(kind, had["name"], MODIFIED)


def _require(kind: Kind, name: str) -> StoredObject:
    stored = find(kind, name)
    if stored is None:
        raise not_found(kind, name)
    return stored


def _delete(open_: Writing, kind: Kind, stored: StoredObject) -> Deleted:
    document = copy.deepcopy(stored.document)
    metadata = document["metadata"]
    if not metadata.get("finalizers"):
        return Deleted(open_.remove(kind, stored, document), pending=False)
    if metadata.get("deletionTimestamp"):
        return Deleted(document, pending=True)
    metadata["deletionTimestamp"] = print_time(open_.now)
    metadata["generation"] = metadata.get("generation", 0) + 1
    return Deleted(open_.change(kind, stored, document), pending=True)


def _may_delete(kind: Kind, name: str) -> bool:
    try:
        computed.check(kind.plural, "delete", name)
    except ApiError:
        return False
    return True


def _check_preconditions(kind: Kind, document: Document, wanted: Deletion) -> None:
    metadata = document["metadata"]
    for what, wants, has in (
        ("UID", wanted.uid, metadata["uid"]),
        ("ResourceVersion", wanted.version, metadata["resourceVersion"]),
    ):
        if wants and wants != has:
            raise conflict(kind, metadata["name"], _precondition(what, wants, has))


def _precondition(what: str, wanted: str, found: str) -> str:
    return f"Precondition failed: {what} in precondition: {wanted[:100]}, {what} in object meta: {found}"


def _place(kind: Kind, token: str) -> Place:
    try:
        return read_token(token, team_id=team(), plural=kind.plural, key=_KEY)
    except BadToken:
        raise bad_request("continue key is not valid: it is none that was given out for this list") from None


def _token(kind: Kind, place: Place) -> str:
    return write_token(place, team_id=team(), plural=kind.plural, key=_KEY)


def _expired_token(kind: Kind, place: Place, version: int) -> ApiError:
    return expired(_TOO_OLD, _token(kind, Place(version, place.name)))
