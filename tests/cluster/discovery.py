"""What clients ask before they ask for anything: versions and resources."""

from typing import Any

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_RESOURCES = [("pods", "Pod", "po"), ("events", "Event", "ev")]

DOCUMENTS: dict[str, Any] = {
    "/version": {
        "major": "1",
        "minor": "34",
        "gitVersion": "v1.34.1",
        "gitCommit": "0" * 40,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.24.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    },
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            *(
                {
                    "name": name,
                    "singularName": "",
                    "namespaced": True,
                    "kind": kind,
                    "verbs": _VERBS,
                    "shortNames": [short],
                }
                for name, kind, short in _RESOURCES
            ),
            {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]},
            {"name": "namespaces", "singularName": "", "namespaced": False, "kind": "Namespace", "verbs": ["get"]},
        ],
    },
    **dict.fromkeys(("/healthz", "/livez", "/readyz"), "ok"),
}
