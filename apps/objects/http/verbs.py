"""One function for each verb: a question in, a document out. They run in a thread, each opening the team's scope."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.accounts.callers import Caller
from apps.accounts.scope import team_scope
from apps.objects import computed, services
from apps.objects.history import standing
from apps.objects.http.asking import (
    Query,
    read_deletion,
    read_list,
    read_options,
    read_version,
)
from apps.objects.http.negotiation import is_yaml
from apps.objects.http.rendering import Shape
from apps.objects.patching import Patch, PatchType, patch
from apps.objects.services import Deletion, Listed, Written
from tailsvc.objects.bodies import Unreadable, read_json, read_yaml
from tailsvc.objects.kinds import Document, Kind
from tailsvc.objects.statuses import bad_request, success, unsupported_media_type


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered. `name` is empty for all of a kind, `subresource` is "" or "status"."""

    caller: Caller
    kind: Kind
    name: str
    subresource: str
    query: Query
    shape: Shape
    content_type: str
    user_agent: str
    body: bytes
    now: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    document: Document
    warnings: list[str] = field(default_factory=list)


_STATUS_KEPT = "the status of this object follows from what runs; what was sent is not kept"
Verb = Callable[[Asked], Reply]


def get(asked: Asked) -> Reply:
    _refresh(asked)
    with team_scope(asked.caller.team_id):
        version = read_version(asked.query)
        if version:
            _require_reached(version)
        return Reply(200, asked.shape.one(asked.kind, services.get(asked.kind, asked.name)))


def list_(asked: Asked) -> Reply:
    _refresh(asked)
    with team_scope(asked.caller.team_id):
        listed = _list(asked)
    metadata = {"resourceVersion": str(listed.version)}
    if listed.token:
        metadata["continue"] = listed.token
    return Reply(200, asked.shape.many(asked.kind, listed.documents, metadata))


def create(asked: Asked) -> Reply:
    _refresh(asked)
    options = read_options(asked.query, "CreateOptions", user_agent=asked.user_agent)
    body = _body(asked)
    with team_scope(asked.caller.team_id):
        return _written(asked, services.create(asked.kind, body, options, now=asked.now))


def update(asked: Asked) -> Reply:
    _refresh(asked)
    options = read_options(asked.query, "UpdateOptions", user_agent=asked.user_agent, subresource=asked.subresource)
    body = _body(asked)
    with team_scope(asked.caller.team_id):
        return _written(asked, services.replace(asked.kind, asked.name, body, options, now=asked.now))


def patch_(asked: Asked) -> Reply:
    _refresh(asked)
    try:
        type_ = PatchType(asked.content_type.partition(";")[0].strip().lower())
    except ValueError:
        raise unsupported_media_type(tuple(PatchType)) from None
    applies = type_ is PatchType.APPLY
    options = read_options(
        asked.query,
        "PatchOptions",
        user_agent="" if applies else asked.user_agent,
        subresource=asked.subresource,
    )
    wanted = Patch(type_, _read(asked.body, yaml=applies))
    with team_scope(asked.caller.team_id):
        return _written(asked, patch(asked.kind, asked.name, wanted, options, now=asked.now))


def delete(asked: Asked) -> Reply:
    wanted = _deletion(asked)
    with team_scope(asked.caller.team_id):
        gone = services.delete(asked.kind, asked.name, wanted, now=asked.now)
    uid = gone.document["metadata"]["uid"]
    return Reply(202 if gone.pending else 200, success(asked.kind, asked.name, uid))


def delete_collection(asked: Asked) -> Reply:
    wanted = _deletion(asked)
    with team_scope(asked.caller.team_id):
        pending = services.delete_collection(asked.kind, _list(asked), wanted, now=asked.now)
    return Reply(202 if pending else 200, success(asked.kind, "", ""))


def _list(asked: Asked) -> Listed:
    question = read_list(asked.query)
    if question.version:
        _require_reached(question.version)
    return services.list_page(
        asked.kind,
        question.selection,
        limit=question.limit,
        token=question.token,
        version=question.version if question.exact else None,
    )


def _require_reached(version: int) -> None:
    now = standing()
    if version > now.version:
        now.require(version)


def _refresh(asked: Asked) -> None:
    computed.refresh(asked.kind.plural, asked.caller.team_id)


def _written(asked: Asked, written: Written) -> Reply:
    shown = asked.shape.one(asked.kind, written.document)
    warnings = written.warnings
    if asked.subresource == "status" and computed.keeps_status(asked.kind.plural, asked.name):
        warnings = [*warnings, _STATUS_KEPT]
    return Reply(201 if written.created else 200, shown, warnings)


def _deletion(asked: Asked) -> Deletion:
    return read_deletion(asked.query, _body(asked) if asked.body else None)


def _body(asked: Asked) -> Any:
    return _read(asked.body, yaml=is_yaml(asked.content_type))


def _read(body: bytes, *, yaml: bool) -> Any:
    try:
        if yaml and not body.lstrip().startswith((b"{", b"[")):
            return read_yaml(body)
        return read_json(body)
    except Unreadable as error:
        raise bad_request(str(error)) from None
