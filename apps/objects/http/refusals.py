"""Every error as a metav1.Status."""

import structlog

from apps.accounts.api import in_http
from apps.http import problems
from apps.http.problems import Problem, problem_of
from apps.tail.ends import Ended
from tailsvc.objects import statuses
from tailsvc.objects.statuses import ApiError

_log = structlog.get_logger(__name__)


def refusal(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Ended):
        return statuses.unavailable(str(error), "1")
    problem = problem_of(in_http(error))
    if problem is None:
        _log.error("a request for objects failed", exc_info=error)
    return in_form(problem or problems.unforeseen())


def in_form(problem: Problem) -> ApiError:
    """Any problem, as Kubernetes would say it."""
    code, headers = problem.status_code, problem.headers
    wait = headers.get("Retry-After", "1")
    if code == 401:
        return statuses.unauthorized(headers)
    if code == 403:
        return statuses.forbidden(None, "", problem.message, headers)
    if code == 405:
        told = "the server does not allow this method on the requested resource"
        return statuses.method_not_allowed(told, headers.get("Allow", ""))
    if code == 429:
        return statuses.too_many_requests(problem.message, wait)
    if code == 503:
        return statuses.unavailable(problem.message, wait)
    return statuses.internal(problem.message) if code >= 500 else statuses.bad_request(problem.message)
