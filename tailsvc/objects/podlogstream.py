"""PodLogStream: what to collect from a pod, and how it goes."""

from datetime import datetime
from typing import Any

from tailsvc.objects.ages import age_of
from tailsvc.objects.kinds import Cause, Column, Document, Kind, required
from tailsvc.objects.schemas import flag, integer, list_of, record, text, time

DEFAULT_CLUSTER = "default"
_BOTH = "If `onlyContainers` and `ignoreContainers` are not set, will watch all containers in the pod."

_SPEC = record(
    "PodLogStreamSpec defines the desired state of PodLogStream",
    required=("pod",),
    cluster=text("The name of the cluster to stream logs from. If not provided, `default` will be used."),
    pod=text("The name of the pod to watch. Required."),
    namespace=text("The namespace of the pod to watch. Defaults to the kubecontext default namespace."),
    sinceTime=time(
        "An RFC3339 timestamp from which to show logs. If this value precedes the time a pod was started, only logs"
        " since the pod start will be returned. If this value is in the future, no logs will be returned."
    ),
    onlyContainers=list_of(text("A name."), f"The names of containers to include in the stream. {_BOTH}"),
    ignoreContainers=list_of(text("A name."), f"The names of containers to exclude from the stream. {_BOTH}"),
)
_CONTAINER = record(
    "ContainerLogStreamStatus defines the current status of each individual container log stream.",
    name=text("The name of the container."),
    active=flag("True when the stream is set up and streaming logs properly."),
    terminated=flag("True when the logs are done stream and the container is terminated."),
    error=text(
        "The last error message encountered while streaming."
        " Empty when the stream is actively streaming or successfully terminated."
    ),
    lines=integer("How many lines were stored of it. An addition to Tilt's type."),
)
_STATUS = record(
    "PodLogStreamStatus defines the observed state of PodLogStream",
    containerStatuses=list_of(_CONTAINER, "A list of containers being watched."),
    error=text("An error that keeps the whole stream from being set up."),
)


def _default(document: Document) -> None:
    spec = document["spec"]
    if not spec.get("cluster"):
        spec["cluster"] = DEFAULT_CLUSTER


def _validate(new: Document, _old: Document | None) -> list[Cause]:
    return [] if new["spec"].get("pod") else [required("spec.pod")]


def _containers(document: Document) -> list[Document]:
    found: list[Document] = document["status"].get("containerStatuses") or []
    return found


def _active(document: Document, _now: datetime) -> str:
    containers = _containers(document)
    return f"{sum(bool(one.get('active')) for one in containers)}/{len(containers)}"


def _lines(document: Document, _now: datetime) -> int:
    return sum(one.get("lines", 0) for one in _containers(document))


def _error(document: Document, _now: datetime) -> str:
    """Of the stream, else of the first container that has one."""
    errors = [one["error"] for one in _containers(document) if one.get("error")]
    return str(document["status"].get("error") or next(iter(errors), ""))


def _of_spec(name: str) -> Any:
    return lambda document, _now: document["spec"].get(name, "")


PODLOGSTREAM = Kind(
    kind="PodLogStream",
    plural="podlogstreams",
    singular="podlogstream",
    short_names=("pls",),
    description="PodLogStream: streams logs from a pod on Kubernetes into a stream of the team.",
    spec_schema=_SPEC,
    status_schema=_STATUS,
    default=_default,
    validate=_validate,
    columns=(
        Column("Pod", "The name of the pod.", _of_spec("pod")),
        Column("Namespace", "The namespace of the pod.", _of_spec("namespace")),
        Column("Active", "Containers that are followed, of those that are selected.", _active),
        Column("Lines", "How many lines were stored.", _lines, type="integer", format="int64"),
        Column("Error", "What keeps it from being followed.", _error),
        Column("Age", "How long ago it was created.", age_of, type="date"),
        Column("Cluster", "The cluster of the pod.", _of_spec("cluster"), priority=1),
        Column("Since", "From when on lines are wanted.", _of_spec("sinceTime"), priority=1),
    ),
)
