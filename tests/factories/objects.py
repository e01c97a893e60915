"""PodLogStreams and Sessions, as clients write them, and as the product's services keep them."""

from datetime import UTC, datetime
from typing import Any

from apps.accounts.scope import team_scope
from apps.objects import services
from apps.objects.forming import Options
from tailsvc.objects.catalogue import KINDS
from tailsvc.objects.kinds import API_VERSION, Document

PODLOGSTREAMS, SESSIONS = "podlogstreams", "sessions"


def podlogstream(name: str = "", *, pod: str = "web-1", labels: dict[str, str] | None = None, **spec: Any) -> Document:
    metadata: Document = {"name": name} if name else {}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": API_VERSION, "kind": "PodLogStream", "metadata": metadata, "spec": {"pod": pod, **spec}}


def session(name: str, **spec: Any) -> Document:
    given = {"tiltfilePath": "Tiltfile", "exitCondition": "manual", **spec}
    return {"apiVersion": API_VERSION, "kind": "Session", "metadata": {"name": name}, "spec": given}


def settle_object(team_id: int, plural: str = PODLOGSTREAMS, document: Document | None = None) -> Document:
    document = document or podlogstream("one")
    with team_scope(team_id):
        return services.create(KINDS[plural], document, Options(), now=datetime.now(UTC)).document
