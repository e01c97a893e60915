"""Kubernetes' Python client at work: `python kubernetes_program.py ADDRESS`, the token in TOKEN. Prints what it saw."""

import json
import os
import sys

from kubernetes import client, dynamic, watch
from kubernetes.client.rest import ApiException

GROUP = ("tilt.dev", "v1alpha1", "podlogstreams")
BODY = {
    "apiVersion": "tilt.dev/v1alpha1",
    "kind": "PodLogStream",
    "metadata": {"name": "python"},
    "spec": {"pod": "web-1"},
}


def main(address: str) -> None:
    configuration = client.Configuration(host=address)
    configuration.api_key = {"authorization": f"Bearer {os.environ['TOKEN']}"}
    api_client = client.ApiClient(configuration)
    custom = client.CustomObjectsApi(api_client)
    seen: dict[str, object] = {"version": client.VersionApi(api_client).get_code().git_version}
    version = custom.list_cluster_custom_object(*GROUP)["metadata"]["resourceVersion"]
    custom.create_cluster_custom_object(*GROUP, BODY)
    custom.patch_cluster_custom_object(*GROUP, "python", {"spec": {"pod": "web-2"}})
    kinds = dynamic.DynamicClient(api_client).resources
    logs = kinds.get(api_version="tilt.dev/v1alpha1", kind="PodLogStream")
    seen["pod"] = logs.get(name="python").spec.pod
    logs.server_side_apply(body={**BODY, "spec": {"namespace": "shop"}}, name="python", field_manager="python")
    try:
        logs.server_side_apply(body={**BODY, "spec": {"pod": "web-3"}}, name="python", field_manager="python")
    except ApiException as error:
        seen["conflict"] = error.status
    logs.delete(name="python")
    try:
        custom.get_cluster_custom_object(*GROUP, "python")
    except ApiException as error:
        seen["gone"] = error.status
    seen["events"] = events = []
    watching = watch.Watch()
    for event in watching.stream(
        custom.list_cluster_custom_object, *GROUP, resource_version=version, timeout_seconds=60
    ):
        if event["object"]["metadata"]["name"] == "python":
            events.append(event["type"])
        if events[-1:] == ["DELETED"]:
            watching.stop()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
