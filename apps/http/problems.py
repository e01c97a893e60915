"""One door out for errors: problem+json (RFC 9457) that also carries `message` and `errors`.

The Tailstream clients read `message`, and `errors` {field: [sentence, ...]} of a 422; everybody else may read the RFC's
members. Django, DRF and the plain ASGI endpoints all answer with this one form.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from apps.http.request_id import current_request_id
from tailsvc import errors

CONTENT_TYPE = "application/problem+json"
FieldErrors = Mapping[str, Sequence[str]]

log = structlog.get_logger(__name__)

# The engine's errors, most specific first.
_STATUS: list[tuple[type[Exception], int]] = [
    (errors.BodyTooLarge, 413),
    (errors.UnknownCoding, 415),
    (errors.InvalidBody, 400),
    (errors.InvalidCursor, 400),
    (errors.CursorExpired, 410),
    (errors.UnknownStream, 404),
    (errors.InvalidInput, 422),
    (errors.KeyReused, 422),
    (errors.TooManyDeletions, 429),
    (errors.TooManyFollowers, 429),
    (errors.StorageUnavailable, 503),
    (errors.BrokenSegment, 503),  # reads leave such out and say so; what else meets one cannot go on
]
RETRY_AFTER_SECONDS = 2
# Erasing takes minutes; followers come and go.
_TOO_MANY_RETRY_AFTER_SECONDS: dict[type[Exception], int] = {errors.TooManyDeletions: 60, errors.TooManyFollowers: 10}


class Problem(Exception):
    """An answer that is an error. Raise it anywhere above the engine. A dialect's own have another form."""

    content_type = CONTENT_TYPE

    def __init__(
        self,
        status_code: int,
        message: str,
        *,
        field_errors: FieldErrors | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.message = message
        self.field_errors = field_errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        found = {
            "type": "about:blank",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.message,
            "request_id": current_request_id(),
            "message": self.message,
        }
        if self.field_errors:
            found["errors"] = {name: list(told) for name, told in self.field_errors.items()}
        return found

    def content(self) -> bytes:
        return orjson.dumps(self.body())


def unprocessable(**field_errors: str) -> Problem:
    """422 with one sentence for each field."""
    first = next(iter(field_errors.values()))
    return Problem(422, first, field_errors={name: [told] for name, told in field_errors.items()})


def not_found(what: str = "resource") -> Problem:
    return Problem(404, f"No such {what}.")


def unforeseen() -> Problem:
    return Problem(500, "Something went wrong on our side; the request id finds it in the server's log.")


def problem_of(error: Exception) -> Problem | None:
    """The answer to an error; None for one that nobody foresaw (that is a 500, and logged as such)."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.TailsvcError):
        return _of_engine(error)
    if isinstance(error, exceptions.APIException):
        return _of_drf(error)
    return _of_django(error)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:  # noqa: ARG001 (DRF's signature)
    problem = problem_of(error)
    if problem is None:
        return None
    for alias in ("default", "maintenance"):
        if transaction.get_connection(alias).in_atomic_block:
            transaction.set_rollback(True, using=alias)
    response = Response(problem.body(), status=problem.status_code, headers=problem.headers)
    response.content_type = problem.content_type
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    return as_http(not_found("page"))


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    return as_http(unforeseen())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    return as_http(_not_understood())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return as_http(Problem(403, "You may not do this."))


def as_http(problem: Problem) -> HttpResponse:
    return HttpResponse(
        problem.content(), status=problem.status_code, content_type=problem.content_type, headers=problem.headers
    )


def _of_engine(error: errors.TailsvcError) -> Problem:
    status_code = next(code for kind, code in _STATUS if isinstance(error, kind))
    if status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        return _unavailable(str(error))
    if status_code == status.HTTP_429_TOO_MANY_REQUESTS:
        wait = _TOO_MANY_RETRY_AFTER_SECONDS[type(error)]
        return Problem(status_code, str(error), headers={"Retry-After": str(wait)})
    named = getattr(error, "parameter", None) or ("filters" if isinstance(error, errors.InvalidFilter) else None)
    return Problem(status_code, str(error), field_errors={named: [str(error)]} if named else None)


def _of_drf(error: exceptions.APIException) -> Problem:
    if isinstance(error, exceptions.ValidationError):
        field_errors = _flatten(error.detail)
        first = next((told for many in field_errors.values() for told in many), "The request is invalid.")
        return Problem(422, first, field_errors=field_errors)
    headers = {}
    wait = getattr(error, "wait", None)  # of Throttled
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        headers["WWW-Authenticate"] = 'Bearer realm="tailsvc"'
    return Problem(error.status_code, str(error.detail), headers=headers)


def _of_django(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        return not_found()
    if isinstance(error, PermissionDenied):
        return Problem(403, "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, f"The body is longer than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.")
    if isinstance(error, SuspiciousOperation):
        return _not_understood()
    if isinstance(error, DatabaseError) and _is_outage(error):
        return _unavailable("The database does not answer; try again.")
    return None


def _not_understood() -> Problem:
    return Problem(400, "The request cannot be understood.")


def _flatten(detail: Any, name: str = "body") -> dict[str, list[str]]:
    """DRF's nested details -> {"outer.inner": [sentences]}."""
    if not isinstance(detail, dict):
        return {name: [str(told) for told in (detail if isinstance(detail, list) else [detail])]}
    found: dict[str, list[str]] = {}
    for key, value in detail.items():
        outer = str(key) if name == "body" else f"{name}.{key}"
        found.update(_flatten(value, outer))
    return found


def _is_outage(error: DatabaseError) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError", "PoolTimeout"}


def _unavailable(message: str) -> Problem:
    return Problem(503, message, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
