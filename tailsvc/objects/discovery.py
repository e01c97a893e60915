"""What there is, told to clients in both forms that they know."""

from collections.abc import Iterable

from tailsvc.objects.kinds import API_VERSION, GROUP, VERSION, Document, Kind

# The release of Kubernetes whose API machinery we follow: clients refuse what is no semantic version.
KUBERNETES = "v1.36.0"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]
_VERSION = {"groupVersion": API_VERSION, "version": VERSION}
AGGREGATED_VERSIONS = ("v2", "v2beta1")


def version(build: str) -> Document:
    """`build`: our own version."""
    major, minor, _ = KUBERNETES.lstrip("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": KUBERNETES,
        "gitCommit": f"tailsvc-{build}",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "none",
        "platform": "linux/amd64",
    }


def group_list() -> Document:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}


def group() -> Document:
    return {"kind": "APIGroup", "apiVersion": "v1", **_group()}


def resource_list(kinds: Iterable[Kind]) -> Document:
    resources = [entry for kind in kinds for entry in _resources(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API_VERSION, "resources": resources}


def aggregated(kinds: Iterable[Kind], version: str) -> Document:
    """Everything in one answer; `version` is the form's own."""
    resources = [_aggregated_resource(kind) for kind in kinds]
    versions = [{"version": VERSION, "resources": resources, "freshness": "Current"}]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [{"metadata": {"name": GROUP, "creationTimestamp": None}, "versions": versions}],
    }


def _group() -> Document:
    return {"name": GROUP, "versions": [_VERSION], "preferredVersion": _VERSION}


def _resources(kind: Kind) -> list[Document]:
    main: Document = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": False,
        "kind": kind.kind,
        "verbs": _VERBS,
    }
    if kind.short_names:
        main["shortNames"] = list(kind.short_names)
    status = {"name": f"{kind.plural}/status", "singularName": "", "namespaced": False, "kind": kind.kind}
    return [main, {**status, "verbs": _STATUS_VERBS}]


def _aggregated_resource(kind: Kind) -> Document:
    response = {"group": GROUP, "version": VERSION, "kind": kind.kind}
    found: Document = {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Cluster",
        "singularResource": kind.singular,
        "verbs": _VERBS,
        "subresources": [{"subresource": "status", "responseKind": response, "verbs": _STATUS_VERBS}],
    }
    return {**found, "shortNames": list(kind.short_names)} if kind.short_names else found
