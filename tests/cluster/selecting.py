"""Selectors of labels and fields, as much of them as clients of pods use."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.cluster.statuses import bad_request

Selects = Callable[[Mapping[str, Any]], bool]

_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "pods": {
        "metadata.name": ("metadata", "name"),
        "metadata.namespace": ("metadata", "namespace"),
        "spec.nodeName": ("spec", "nodeName"),
        "spec.restartPolicy": ("spec", "restartPolicy"),
        "status.phase": ("status", "phase"),
        "status.podIP": ("status", "podIP"),
    },
    "events": {
        "metadata.name": ("metadata", "name"),
        "metadata.namespace": ("metadata", "namespace"),
        "involvedObject.kind": ("involvedObject", "kind"),
        "involvedObject.namespace": ("involvedObject", "namespace"),
        "involvedObject.name": ("involvedObject", "name"),
        "involvedObject.uid": ("involvedObject", "uid"),
        "involvedObject.fieldPath": ("involvedObject", "fieldPath"),
        "reason": ("reason",),
        "type": ("type",),
    },
}
_TERM = re.compile(r"^\s*([^\s=!]+)\s*(==|=|!=)\s*(.*?)\s*$")
_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")


def selector(resource: str, fields: str, labels: str) -> Selects:
    """Raises Refusal."""
    terms = [_field(resource, term) for term in fields.split(",") if term]
    terms += [_label(term) for term in re.split(r",(?![^(]*\))", labels) if term]
    return lambda obj: all(term(obj) for term in terms)


def _field(resource: str, term: str) -> Selects:
    found = _TERM.match(term)
    if not found:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    name, operator, value = found.groups()
    path = _FIELDS[resource].get(name)
    if path is None:
        raise bad_request(
            f'Unable to find "/v1, Resource={resource}" that match label selector "", field selector '
            f'"{term}": field label not supported: {name}'
        )

    def selects(obj: Mapping[str, Any]) -> bool:
        here: Any = obj
        for step in path:
            here = here.get(step) or "" if isinstance(here, Mapping) else ""
        return bool(here == value) is (operator != "!=")

    return selects


def _label(term: str) -> Selects:
    def labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
        return obj["metadata"].get("labels") or {}

    if found := _SET.match(term):
        name, operator, values = found[1], found[2], {each.strip() for each in found[3].split(",")}
        return lambda obj: (labels(obj).get(name) in values) is (operator == "in")
    if found := _TERM.match(term):
        name, operator, value = found.groups()
        return lambda obj: (labels(obj).get(name) == value) is (operator != "!=")
    name = term.strip().removeprefix("!")
    if not re.fullmatch(r"[\w./-]+", name):
        raise bad_request(f"unable to parse requirement: found '{term}'")
    return lambda obj: (name in labels(obj)) is not term.strip().startswith("!")
