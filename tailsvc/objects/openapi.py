"""The kinds as OpenAPI documents, versions 2 and 3, from the schemas that documents are read by."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tailsvc.objects.kinds import GROUP, VERSION, Document, Kind, Schema
from tailsvc.objects.metadata import OBJECT_META
from tailsvc.objects.schemas import flag, integer, list_of, record, text

PATH = f"/apis/{GROUP}/{VERSION}"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_OURS = f"{'.'.join(reversed(GROUP.split('.')))}.{VERSION}."
_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_JSON, _YAML = "application/json", "application/yaml"
# Ours alone; clients need not know how a value is spelled.
_PRIVATE = {"x-precision"}

Ref = Callable[[str], Document]
Parameter = tuple[str, str, str]  # name, type, description

_PRETTY: Parameter = ("pretty", "string", "If 'true', then the output is pretty printed.")
_WRITING: tuple[Parameter, ...] = (
    ("dryRun", "string", "When present, indicates that modifications should not be persisted: All."),
    ("fieldManager", "string", "A name associated with the actor that is making these changes."),
    ("fieldValidation", "string", "What is done about unknown or duplicate fields: Ignore, Warn or Strict."),
)
_FORCE: Parameter = ("force", "boolean", "Force is going to force Apply requests: fields are taken from others.")
_CHOOSING: tuple[Parameter, ...] = (
    ("continue", "string", "Set by the server in an answer, to retrieve more results."),
    ("fieldSelector", "string", "Restricts the objects by their fields."),
    ("labelSelector", "string", "Restricts the objects by their labels."),
    ("limit", "integer", "The maximum number of objects in an answer."),
    ("resourceVersion", "string", "A constraint on what versions a request may be served from."),
    ("resourceVersionMatch", "string", "How resourceVersion is applied to list calls."),
    ("timeoutSeconds", "integer", "Limits the duration of the call."),
)
_WATCHING: tuple[Parameter, ...] = (
    ("allowWatchBookmarks", "boolean", "Requests events with type BOOKMARK."),
    ("sendInitialEvents", "boolean", "Begins with the objects there are, and a bookmark behind them."),
    ("watch", "boolean", "Watch for changes to the objects and return them as a stream of events."),
)
_DELETING: tuple[Parameter, ...] = (
    ("dryRun", "string", "When present, indicates that modifications should not be persisted: All."),
    ("gracePeriodSeconds", "integer", "The duration in seconds before the object should be deleted."),
    ("propagationPolicy", "string", "Whether and how garbage collection will be performed."),
)

_LIST_META = record(
    "ListMeta describes metadata that lists must have.",
    remainingItemCount=integer("How many are behind."),
    resourceVersion=text("The version of the list."),
    selfLink=text("Deprecated, never set."),
)
_LIST_META["properties"]["continue"] = text("Set where there are more.")
_STATUS = record(
    "Status is a return value for calls that do not return other objects.",
    apiVersion=text("v1"),
    kind=text("Status"),
    metadata=record("Of a list's error."),
    status=text("Success or Failure."),
    message=text("For people."),
    reason=text("For programs."),
    details=record("Extended data associated with the reason."),
    code=integer("Suggested HTTP return code for this status."),
)
_DELETE_OPTIONS = record(
    "DeleteOptions may be provided when deleting an API object.",
    apiVersion=text("v1"),
    kind=text("DeleteOptions"),
    dryRun=list_of(text("All"), "All: nothing is persisted."),
    gracePeriodSeconds=integer("The duration in seconds before the object should be deleted."),
    propagationPolicy=text("Orphan, Background or Foreground."),
    orphanDependents=flag("Deprecated: use propagationPolicy."),
    preconditions=record(
        "Must be fulfilled before a deletion is carried out.",
        uid=text("Specifies the target UID."),
        resourceVersion=text("Specifies the target resourceVersion."),
    ),
)
_PATCH = {"type": "object", "description": "Patch is provided to give a concrete type to the request body."}
_SHARED = {
    f"{_META}ObjectMeta": OBJECT_META,
    f"{_META}ListMeta": _LIST_META,
    f"{_META}Status": _STATUS,
    f"{_META}DeleteOptions": _DELETE_OPTIONS,
    f"{_META}Patch": _PATCH,
}


def document_v2(kinds: Sequence[Kind], build: str) -> Document:
    def ref(name: str) -> Document:
        return {"$ref": f"#/definitions/{name}"}

    def operation(
        kind: Kind, action: str, description: str, parameters: Sequence[Document], answer: Document
    ) -> Document:
        consumes = _PATCHES if action == "patch" else (_JSON, _YAML)
        return {
            **_described(kind, action, description),
            "consumes": list(consumes),
            "produces": [_JSON, _YAML],
            "parameters": list(parameters),
            "responses": {"200": {"description": "OK", "schema": answer}},
        }

    def parameter(given: Parameter, place: str) -> Document:
        name, kind, description = given
        needed = {"required": True} if place == "path" else {"uniqueItems": True}
        return {"name": name, "in": place, "type": kind, "description": description, **needed}

    def body(schema: Document, *, needed: bool) -> Document:
        return {"name": "body", "in": "body", "schema": schema, "required": needed}

    paths = _paths(kinds, _Words(ref, operation, parameter, body))
    info = {"title": "tailsvc", "version": build}
    return {"swagger": "2.0", "info": info, "paths": paths, "definitions": _definitions(kinds, ref)}


def document_v3(kinds: Sequence[Kind], build: str) -> Document:
    def ref(name: str) -> Document:
        return {"$ref": f"#/components/schemas/{name}"}

    def operation(
        kind: Kind, action: str, description: str, parameters: Sequence[Document], answer: Document
    ) -> Document:
        bodies = [one for one in parameters if "content" in one]
        found = {
            **_described(kind, action, description),
            "parameters": [one for one in parameters if "content" not in one],
            "responses": {
                "200": {"description": "OK", "content": {media: {"schema": answer} for media in (_JSON, _YAML)}}
            },
        }
        if bodies:
            media = _PATCHES if action == "patch" else ("*/*",)
            found["requestBody"] = {**bodies[0], "content": dict.fromkeys(media, bodies[0]["content"])}
        return found

    def parameter(given: Parameter, place: str) -> Document:
        name, kind, description = given
        needed = {"required": True} if place == "path" else {}
        return {"name": name, "in": place, "description": description, "schema": {"type": kind}, **needed}

    def body(schema: Document, *, needed: bool) -> Document:
        return {"content": {"schema": schema}, "required": needed}

    paths = _paths(kinds, _Words(ref, operation, parameter, body))
    info = {"title": "tailsvc", "version": build}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": _definitions(kinds, ref)}}


class _Words:
    """How a version of OpenAPI says things."""

    def __init__(self, ref: Ref, operation: Any, parameter: Any, body: Any) -> None:
        self.ref = ref
        self.operation = operation
        self.parameter = parameter
        self.body = body

    def query(self, *given: Parameter) -> list[Document]:
        return [self.parameter(one, "query") for one in given]


def _paths(kinds: Iterable[Kind], words: _Words) -> Document:
    found: Document = {}
    for kind in kinds:
        found[f"{PATH}/{kind.plural}"] = _collection(kind, words)
        named = words.parameter(("name", "string", f"name of the {kind.kind}"), "path")
        found[f"{PATH}/{kind.plural}/{{name}}"] = {**_single(kind, words), "parameters": [named]}
        status = {method: _single(kind, words, "Status")[method] for method in ("get", "put", "patch")}
        found[f"{PATH}/{kind.plural}/{{name}}/status"] = {**status, "parameters": [named]}
    return found


def _collection(kind: Kind, words: _Words) -> Document:
    whole, listed = words.ref(_OURS + kind.kind), words.ref(f"{_OURS}{kind.kind}List")
    query, success = words.query, words.ref(f"{_META}Status")
    options = words.body(words.ref(f"{_META}DeleteOptions"), needed=False)
    lists = query(*_WATCHING, *_CHOOSING, _PRETTY)
    creates = [words.body(whole, needed=True), *query(*_WRITING, _PRETTY)]
    deletes = [options, *query(*_CHOOSING, *_DELETING, _PRETTY)]
    return {
        "get": words.operation(kind, "list", f"list or watch objects of kind {kind.kind}", lists, listed),
        "post": words.operation(kind, "post", f"create a {kind.kind}", creates, whole),
        "delete": words.operation(kind, "deletecollection", f"delete collection of {kind.kind}", deletes, success),
    }


def _single(kind: Kind, words: _Words, part: str = "") -> Document:
    whole, query = words.ref(_OURS + kind.kind), words.query
    of = f"{part.lower()} of the specified" if part else "the specified"
    puts = [words.body(whole, needed=True), *query(*_WRITING, _PRETTY)]
    patches = [words.body(words.ref(f"{_META}Patch"), needed=True), *query(*_WRITING, _FORCE, _PRETTY)]
    options = words.body(words.ref(f"{_META}DeleteOptions"), needed=False)
    deletes = [options, *query(*_DELETING, _PRETTY)]
    found = {
        "get": words.operation(kind, "get", f"read {of} {kind.kind}", query(_PRETTY), whole),
        "put": words.operation(kind, "put", f"replace {of} {kind.kind}", puts, whole),
        "patch": words.operation(kind, "patch", f"partially update {of} {kind.kind}", patches, whole),
        "delete": words.operation(kind, "delete", f"delete a {kind.kind}", deletes, words.ref(f"{_META}Status")),
    }
    for operation in found.values():
        operation["operationId"] += part
    return found


def _described(kind: Kind, action: str, description: str) -> Document:
    return {
        "description": description,
        "operationId": f"{action}{kind.kind}",
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(kind.kind),
    }


def _definitions(kinds: Iterable[Kind], ref: Ref) -> Document:
    found = {name: _public(schema) for name, schema in _SHARED.items()}
    for kind in kinds:
        found[_OURS + kind.kind] = _whole(kind, ref)
        found[f"{_OURS}{kind.kind}List"] = _list(kind, ref)
    return found


def _whole(kind: Kind, ref: Ref) -> Schema:
    shared = _public(
        record(
            kind.description,
            apiVersion=text("APIVersion defines the versioned schema of this representation of an object."),
            kind=text("Kind is a string value representing the REST resource this object represents."),
        )
    )
    shared["properties"] |= {
        "metadata": ref(f"{_META}ObjectMeta"),
        "spec": _public(kind.spec_schema),
        "status": _public(kind.status_schema),
    }
    return {**shared, "x-kubernetes-group-version-kind": [_gvk(kind.kind)]}


def _list(kind: Kind, ref: Ref) -> Schema:
    shared = _public(record(f"{kind.kind}List", required=("items",), apiVersion=text("v"), kind=text("k")))
    shared["properties"] |= {
        "metadata": ref(f"{_META}ListMeta"),
        "items": {"type": "array", "items": ref(_OURS + kind.kind)},
    }
    return {**shared, "x-kubernetes-group-version-kind": [_gvk(f"{kind.kind}List")]}


def _public(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {name: _public(value) for name, value in schema.items() if name not in _PRIVATE}
        if kept.get("format") == "go-duration":
            del kept["format"]
        return kept
    return schema


def _gvk(kind: str) -> Document:
    return {"group": GROUP, "version": VERSION, "kind": kind}
