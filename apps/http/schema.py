"""Errors in the OpenAPI document: every operation tells those that any request may meet, without saying so itself."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apps.http.problems import CONTENT_TYPE

_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A post-processing hook of drf-spectacular. What an operation states itself stays as it is."""
    for path in result["paths"].values():
        for operation in path.values():
            for status in _expected(operation):
                operation["responses"].setdefault(str(status.value), problem(status))
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return result


def problem(status: HTTPStatus) -> dict[str, Any]:
    """A response object."""
    return {"description": status.phrase, "content": {CONTENT_TYPE: {"schema": _PROBLEM}}}


def _expected(operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    if any(operation.get("security", [])):
        yield HTTPStatus.UNAUTHORIZED
        yield HTTPStatus.FORBIDDEN
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    if "path" in places:
        yield HTTPStatus.NOT_FOUND
    bodies = operation.get("requestBody", {}).get("content", {})
    if "query" in places or "application/json" in bodies:
        yield HTTPStatus.UNPROCESSABLE_ENTITY
    if bodies:
        yield HTTPStatus.BAD_REQUEST
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    yield HTTPStatus.NOT_ACCEPTABLE
    yield HTTPStatus.SERVICE_UNAVAILABLE
