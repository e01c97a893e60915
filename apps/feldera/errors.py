"""Feldera's form of an error, and its codes."""

from collections.abc import Mapping
from typing import Any

from apps.http.problems import Problem

# What any request may meet, whatever it asks for.
_CODES = {
    400: "InvalidRequest",
    401: "AuthenticationFailed",
    403: "InsufficientPermissions",
    404: "UnknownEndpoint",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    413: "RequestTooLarge",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    500: "InternalError",
    503: "RunnerInteractionUnreachable",
}
# The real one's answers have none here.
_WITHOUT_DETAILS = {"AuthenticationFailed", "InsufficientPermissions"}


class FelderaError(Problem):
    """`{message, error_code, details}`"""

    content_type = "application/json"

    def __init__(
        self,
        status_code: int,
        error_code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code, message, headers=headers)
        self.error_code = error_code
        self.details = details

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"message": self.message, "error_code": self.error_code}
        if self.error_code not in _WITHOUT_DETAILS:
            found["details"] = self.details
        return found


def in_form(problem: Problem) -> FelderaError:
    """Any problem, as Feldera would say it. What is a 422 elsewhere is a 400 there."""
    if isinstance(problem, FelderaError):
        return problem
    status = 400 if problem.status_code == 422 else problem.status_code
    code = _CODES.get(status, "InvalidRequest")
    details: dict[str, Any] = {"error": problem.message} if status == 503 else dict(problem.field_errors or {})
    return FelderaError(status, code, problem.message, details, problem.headers)


def too_many_followers(problem: Problem) -> FelderaError:
    return FelderaError(429, "TooManyFollowers", problem.message, {}, problem.headers)


def unknown_pipeline(name: str) -> FelderaError:
    return FelderaError(404, "UnknownPipelineName", f"Unknown pipeline name '{name}'", {"pipeline_name": name})


def unknown_api_key(name: str) -> FelderaError:
    return FelderaError(404, "UnknownApiKey", f"Unknown API key '{name}'", {"name": name})


def duplicate_name() -> FelderaError:
    return FelderaError(409, "DuplicateName", "An entity with this name already exists")


def role_exceeds_creator(requested: str, creator: str | None) -> FelderaError:
    message = f"The role '{requested}' is more than your own token may do"
    return FelderaError(403, "RoleExceedsCreator", message, {"requested": requested, "creator": creator})


def owner_not_mintable() -> FelderaError:
    return FelderaError(400, "OwnerNotMintableAsApiKey", "An API key has the role 'read' or 'write'")


def not_a_tenant_member(tenant: str) -> FelderaError:
    message = f"This token may not act in the tenant '{tenant}'"
    return FelderaError(403, "NotATenantMember", message, {"tenant": tenant})


def invalid_cursor(text: str) -> FelderaError:
    message = f"Invalid logs cursor '{text}': expected the form <epoch>:<sequence>"
    return FelderaError(400, "InvalidLogsCursor", message, {"cursor": text})


def unreachable(error: str) -> FelderaError:
    message = f"Unable to reach pipeline runner to interact due to: {error}"
    return FelderaError(503, "RunnerInteractionUnreachable", message, {"error": error}, {"Retry-After": "2"})


def too_many_openings() -> FelderaError:
    message = "Log follow request channel is full -- this indicates that the runner logging is overwhelmed"
    return FelderaError(503, "RunnerInteractionLogFollowRequestChannelFull", message, None, {"Retry-After": "2"})


def empty_name() -> FelderaError:
    return FelderaError(400, "EmptyName", "Name cannot be empty")


def too_long_name(name: str, maximum: int) -> FelderaError:
    message = f"Name '{name}' is longer ({len(name)}) than maximum allowed ({maximum})"
    return FelderaError(400, "TooLongName", message, {"name": name, "length": len(name), "maximum": maximum})


def name_does_not_match(name: str) -> FelderaError:
    message = f"Name '{name}' must consist of letters, digits, - and _, and neither begin nor end with - or _"
    return FelderaError(400, "NameDoesNotMatchPattern", message, {"name": name})
