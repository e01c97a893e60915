"""metav1.Status: the answer to everything that goes wrong, with Kubernetes' own reasons, codes and words."""

from collections.abc import Mapping, Sequence
from typing import Any

from tailsvc.objects.kinds import GROUP, Cause, Document, Kind


class ApiError(Exception):
    """An answer that is an error. `headers` go beside it."""

    def __init__(self, status: Document, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status["message"])
        self.status = status
        self.code: int = status["code"]
        self.headers = dict(headers or {})


def status_of(code: int, reason: str, message: str, details: Document | None = None, **metadata: str) -> Document:
    found: Document = {"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure"}
    found |= {"message": message, "reason": reason}
    if details:
        found["details"] = details
    return {**found, "code": code}


def success(kind: Kind, name: str, uid: str) -> Document:
    details: Document = {"group": GROUP, "kind": kind.plural}
    if name:
        details = {"name": name, **details, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def not_found(kind: Kind, name: str) -> ApiError:
    return _of_object(404, "NotFound", kind, name, f'{kind.resource} "{name}" not found')


def no_such_path() -> ApiError:
    return ApiError(status_of(404, "NotFound", "the server could not find the requested resource", {}))


def already_exists(kind: Kind, name: str) -> ApiError:
    return _of_object(409, "AlreadyExists", kind, name, f'{kind.resource} "{name}" already exists')


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return _of_object(409, "Conflict", kind, name, message)


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def apply_conflict(message: str, causes: Sequence[Cause]) -> ApiError:
    return ApiError(status_of(409, "Conflict", message, {"causes": _told(causes)}))


def invalid_object(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    return _invalid(f"{kind.kind}.{GROUP}", GROUP, kind.kind, name, causes)


def invalid_options(what: str, causes: Sequence[Cause]) -> ApiError:
    """`what`: ListOptions, CreateOptions ..."""
    return _invalid(f"{what}.meta.k8s.io", "meta.k8s.io", what, "", causes)


def bad_request(message: str) -> ApiError:
    return ApiError(status_of(400, "BadRequest", message))


def unauthorized(headers: Mapping[str, str] | None = None) -> ApiError:
    return ApiError(status_of(401, "Unauthorized", "Unauthorized"), headers)


def forbidden(kind: Kind | None, name: str, why: str, headers: Mapping[str, str] | None = None) -> ApiError:
    of = f' {kind.resource} "{name}"' if kind and name else f" {kind.resource}" if kind else ""
    details = _details(kind, name) if kind else {}
    return ApiError(status_of(403, "Forbidden", f"{of} is forbidden: {why}".strip(), details), headers)


def method_not_allowed(message: str, allowed: str) -> ApiError:
    return ApiError(status_of(405, "MethodNotAllowed", message, {}), {"Allow": allowed})


def not_acceptable(offered: Sequence[str]) -> ApiError:
    told = "only the following media types are accepted: " + ", ".join(offered)
    return ApiError(status_of(406, "NotAcceptable", told))


def unsupported_media_type(taken: Sequence[str]) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(taken)}"
    return ApiError(status_of(415, "UnsupportedMediaType", message))


def expired(message: str, fresh: str = "") -> ApiError:
    """`fresh`: a token that goes on with what is there now."""
    return ApiError(status_of(410, "Expired", message, None, **({"continue": fresh} if fresh else {})))


def too_old(version: int, oldest: int) -> ApiError:
    return expired(f"too old resource version: {version} ({oldest})")


def version_too_large(version: int, current: int) -> ApiError:
    message = f"Too large resource version: {version}, current: {current}"
    causes = [Cause("ResourceVersionTooLarge", "Too large resource version", "")]
    details = {"causes": _told(causes), "retryAfterSeconds": 1}
    return ApiError(status_of(504, "Timeout", f"Timeout: {message}", details), {"Retry-After": "1"})


def too_large(limit: int) -> ApiError:
    message = f"Request entity too large: limit is {limit} bytes"
    return ApiError(status_of(413, "RequestEntityTooLarge", message))


def too_many_requests(message: str, seconds: str) -> ApiError:
    details = {"retryAfterSeconds": int(seconds)}
    return ApiError(status_of(429, "TooManyRequests", message, details), {"Retry-After": seconds})


def unavailable(message: str, seconds: str) -> ApiError:
    details = {"retryAfterSeconds": int(seconds)}
    return ApiError(status_of(503, "ServiceUnavailable", message, details), {"Retry-After": seconds})


def internal(message: str) -> ApiError:
    return ApiError(status_of(500, "InternalError", message))


def _of_object(code: int, reason: str, kind: Kind, name: str, message: str) -> ApiError:
    return ApiError(status_of(code, reason, message, _details(kind, name)))


def _details(kind: Kind, name: str) -> Document:
    named = {"name": name} if name else {}
    return {**named, "group": GROUP, "kind": kind.plural}


def _invalid(shown: str, group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    text = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    details: dict[str, Any] = {"name": name} if name else {}
    details |= {"group": group, "kind": kind, "causes": _told(causes)}
    return ApiError(status_of(422, "Invalid", f'{shown} "{name}" is invalid: {text}', details))


def _told(causes: Sequence[Cause]) -> list[Document]:
    return [{"reason": one.reason, "message": one.message, "field": one.field} for one in causes]
