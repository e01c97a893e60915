"""Gives each request its id, and each answer its headers."""

import os
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apps.http import metrics
from apps.http.request_id import new_request_id

log = structlog.get_logger(__name__)


class RequestContextMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        request_id = new_request_id(request.headers.get("X-Request-Id"))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        _measure(request)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        self._observe(request, response, time.perf_counter() - started)
        return response

    def _observe(self, request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        match = request.resolver_match
        # The route's pattern, never the path: a path holds names and ids, and would be a label without bounds.
        route = match.route if match else "none"
        metrics.REQUESTS.labels(metrics.method_of(request.method), route, str(response.status_code)).inc()
        metrics.REQUEST_SECONDS.labels(metrics.dialect_of(route)).observe(seconds)
        if isinstance(response, HttpResponse):
            metrics.RESPONSE_BYTES.labels(metrics.dialect_of(route)).observe(len(response.content))
        if response.status_code >= 500:
            log.error("request failed", method=request.method, route=route, status=response.status_code)


def _measure(request: HttpRequest) -> None:
    """A chunked body names no length, and DRF takes a body without one for empty. Here it has arrived whole."""
    if "CONTENT_LENGTH" in request.META or "HTTP_TRANSFER_ENCODING" not in request.META:
        return
    stream = getattr(request, "_stream", None)
    if stream is not None and getattr(stream, "seekable", bool)():
        request.META["CONTENT_LENGTH"] = str(stream.seek(0, os.SEEK_END))
        stream.seek(0)
