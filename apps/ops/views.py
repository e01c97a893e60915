"""Health and metrics, for load balancers and Prometheus."""

import hmac
import os
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from apps.http.problems import Problem, as_http
from apps.ops import health
from apps.ops.queue import WaitingTasks

# The supervisor recognises its own web server by this: another may have been left on the port.
_RUN_ID = os.environ.get("TAILSVC_RUN_ID", "")


def livez(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    """The process answers. Says nothing of what it depends on."""
    return JsonResponse({"status": "ok"}, headers={"X-Tailsvc-Run": _RUN_ID})


def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """503 when events could not be kept safely; `degraded` when something else is away."""
    found = health.check()
    body = {"status": found.status, "failures": found.failures, "warnings": found.warnings}
    return JsonResponse(body, status=503 if found.failures else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
            return as_http(Problem(401, "Send the metrics token.", headers={"WWW-Authenticate": "Bearer"}))
    registry: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        _forget_dead_processes(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    asked = CollectorRegistry()
    asked.register(WaitingTasks())
    text = generate_latest(registry) + generate_latest(asked)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _forget_dead_processes(folder: Path) -> None:
    """What a dead worker had waiting, waits no more; its counters stay counted."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists() and Path("/proc").exists():
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
