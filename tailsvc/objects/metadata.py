"""What every object has beside its spec and its status."""

import re
import secrets

from tailsvc.objects.kinds import API_VERSION, Cause, Document, Kind, Schema, invalid, required
from tailsvc.objects.schemas import flag, integer, list_of, map_of, record, text, time

NAME_CHARS = 253
ANNOTATIONS_BYTES = 256 * 1024
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes': no vowels, so that no words come of it
_SUFFIX_CHARS = 5

_OWNER = record(
    "OwnerReference identifies an owning object.",
    required=("apiVersion", "kind", "name", "uid"),
    apiVersion=text("API version of the referent."),
    kind=text("Kind of the referent."),
    name=text("Name of the referent."),
    uid=text("UID of the referent."),
    controller=flag("If true, this reference points to the managing controller."),
    blockOwnerDeletion=flag("If true, the owner cannot be deleted from the store before this reference is removed."),
)
_MANAGED = record(
    "ManagedFieldsEntry says which fields somebody manages.",
    manager=text("Who manages these fields."),
    operation=text("Apply or Update."),
    apiVersion=text("The version of this resource that the field set applies to."),
    time=time("When this entry was last changed."),
    fieldsType=text("FieldsV1"),
    fieldsV1={"type": "object", "description": "The fields.", "x-kubernetes-preserve-unknown-fields": True},
    subresource=text("The subresource that was used, empty for the main resource."),
)
OBJECT_META = record(
    "ObjectMeta is metadata that all persisted resources must have.",
    name=text("Name must be unique among the team's objects of a kind."),
    generateName=text("A prefix, used by the server to generate a unique name ONLY IF the name has not been provided."),
    namespace=text("Empty: these objects belong to the whole team."),
    selfLink=text("Deprecated, never set."),
    uid=text("UID is the unique in time and space value for this object. Set by the server."),
    resourceVersion=text("An opaque value that changes with every write. Set by the server."),
    generation=integer("A number that grows with every change of the desired state. Set by the server."),
    creationTimestamp=time("When this object was created. Set by the server."),
    deletionTimestamp=time("When this object was asked to be deleted. Set by the server."),
    deletionGracePeriodSeconds=integer("Set when deletionTimestamp is set."),
    labels=map_of(text("A value."), "Keys and values by which objects can be selected."),
    annotations=map_of(text("A value."), "Keys and values that tools may set to keep data with the object."),
    ownerReferences=list_of(
        _OWNER,
        "Objects that this one depends on.",
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"]},
    ),
    finalizers=list_of(
        text("A name."),
        "Must be empty before the object is deleted from the store.",
        **{"x-kubernetes-list-type": "set"},
    ),
    managedFields=list_of(_MANAGED, "Who manages which fields."),
)

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_LABEL_NAME = re.compile(rf"(?=.{{1,63}}\Z){_PART}", re.ASCII)
_LABEL_VALUE = re.compile(rf"(?=.{{0,63}}\Z)(?:{_PART})?", re.ASCII)
_SUBDOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII
)


def whole_schema(kind: Kind) -> Schema:
    """Of the kind's documents."""
    return record(
        kind.description,
        apiVersion=text("APIVersion defines the versioned schema of this representation of an object."),
        kind=text("Kind is a string value representing the REST resource this object represents."),
        metadata=OBJECT_META,
        spec=kind.spec_schema,
        status=kind.status_schema,
    )


def empty_document(kind: Kind) -> Document:
    return {"apiVersion": API_VERSION, "kind": kind.kind, "metadata": {}}


def generated_name(prefix: str) -> str:
    kept = prefix[: NAME_CHARS - _SUFFIX_CHARS]
    return kept + "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_CHARS))


def metadata_causes(metadata: Document, old: Document | None) -> list[Cause]:
    """What is wrong with it, compared with what it was."""
    causes = _name_causes(metadata) if old is None else []
    for key, value in metadata.get("labels", {}).items():
        causes += _key_causes("metadata.labels", key)
        if not _LABEL_VALUE.fullmatch(value):
            causes.append(invalid("metadata.labels", value, "a valid label must be an empty string or consist of"
                                  " alphanumeric characters, '-', '_' or '.', at most 63"))  # fmt: skip
    annotations = metadata.get("annotations", {})
    for key in annotations:
        causes += _key_causes("metadata.annotations", key)
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > ANNOTATIONS_BYTES:
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {ANNOTATIONS_BYTES} bytes",
                            "metadata.annotations"))  # fmt: skip
    return causes + _finalizer_causes(metadata, old) + _owner_causes(metadata)


def _name_causes(metadata: Document) -> list[Cause]:
    name = metadata.get("name", "")
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    if name in {".", ".."}:
        return [invalid("metadata.name", name, f"may not be '{name}'")]
    found = [invalid("metadata.name", name, f"may not contain '{letter}'") for letter in "/%" if letter in name]
    if len(name) > NAME_CHARS:
        found.append(invalid("metadata.name", f"{name[:60]}...", f"must be no more than {NAME_CHARS} characters"))
    if not name.isprintable():
        found.append(invalid("metadata.name", ascii(name)[1:-1], "must be printable"))
    return found


def _key_causes(field: str, key: str) -> list[Cause]:
    prefix, slash, name = key.rpartition("/")
    # Annotations' prefixes may be in any case.
    good = _LABEL_NAME.fullmatch(name) and (not slash or _SUBDOMAIN.fullmatch(prefix.lower()))
    detail = "a qualified name must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS prefix"
    return [] if good else [invalid(field, key[:300], detail)]


def _finalizer_causes(metadata: Document, old: Document | None) -> list[Cause]:
    finalizers = metadata.get("finalizers", [])
    causes = [cause for one in finalizers for cause in _key_causes("metadata.finalizers", one)]
    if old is not None and old.get("deletionTimestamp"):
        new = sorted(set(finalizers) - set(old.get("finalizers", [])))
        if new:
            detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {new}"
            causes.append(Cause("FieldValueForbidden", f"Forbidden: {detail}", "metadata.finalizers"))
    return causes


def _owner_causes(metadata: Document) -> list[Cause]:
    return [
        required(f"metadata.ownerReferences[{index}].{name}")
        for index, owner in enumerate(metadata.get("ownerReferences", []))
        for name in ("apiVersion", "kind", "name", "uid")
        if not owner[name]
    ]
