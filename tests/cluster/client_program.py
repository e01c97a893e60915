"""Kubernetes' Python client at work: `python client_program.py KUBECONFIG`. Prints what it saw, in two lines."""

import json
import sys
from typing import Any

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException


def main(path: str) -> None:
    config.load_kube_config(path)
    core = client.CoreV1Api()
    pods = core.list_namespaced_pod("shop")
    seen: dict[str, Any] = {
        "pods": [pod.metadata.name for pod in pods.items],
        "labelled": _names(core.list_pod_for_all_namespaces(label_selector="app=web")),
        "named": _names(core.list_namespaced_pod("shop", field_selector="metadata.name=web-2")),
        "missing": _refused(lambda: core.read_namespaced_pod("nope", "shop")),
        "waiting": _refused(lambda: core.read_namespaced_pod_log("web-1", "shop", previous=True)),
    }
    print(json.dumps(seen), flush=True)
    events = []
    version = pods.metadata.resource_version
    for event in watch.Watch().stream(core.list_namespaced_pod, "shop", resource_version=version, timeout_seconds=30):
        events.append(f"{event['type']} {event['object'].metadata.name}")
        if len(events) == 3:
            break
    log = core.read_namespaced_pod_log("web-1", "shop", container="web")
    status = core.read_namespaced_pod("web-1", "shop").status.container_statuses[0]
    print(json.dumps({"events": events, "log": log, "exit": status.state.terminated.exit_code}))


def _names(pods: Any) -> list[str]:
    return [pod.metadata.name for pod in pods.items]


def _refused(call: Any) -> list[Any]:
    try:
        call()
    except ApiException as error:
        return [error.status, json.loads(error.body)["reason"]]
    return []


if __name__ == "__main__":
    main(sys.argv[1])
