"""Errors as google.rpc has them: a code, and the HTTP status that stands for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import orjson
import structlog

from apps.accounts.api import in_http
from apps.http.problems import problem_of, unforeseen
from apps.tail.ends import Ended, RightsEnded, ServerStopping, StreamDeleted, TooCostly

_log = structlog.get_logger(__name__)


class Code(IntEnum):
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


# By google.rpc.Code's own table, but for methods: HTTP has a word for them.
_HTTP = {
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.NOT_FOUND: 404,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 405,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}
_CODES = {status: code for code, status in _HTTP.items()} | {406: Code.INVALID_ARGUMENT, 422: Code.INVALID_ARGUMENT}
_ENDS = {
    StreamDeleted: Code.NOT_FOUND,
    RightsEnded: Code.PERMISSION_DENIED,
    TooCostly: Code.RESOURCE_EXHAUSTED,
    ServerStopping: Code.UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    code: Code
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return _HTTP[self.code]

    def body(self) -> bytes:
        return orjson.dumps({"code": self.code, "message": self.message, "details": []})


def refusal_of(error: Exception) -> Refusal:
    """What is told of an error; one that nobody foresaw is logged."""
    if isinstance(error, Ended):
        return Refusal(_ENDS.get(type(error), Code.CANCELLED), str(error))
    problem = problem_of(in_http(error))
    if problem is None:
        _log.error("a call failed", exc_info=error)
        problem = unforeseen()
    return Refusal(_CODES.get(problem.status_code, Code.INTERNAL), problem.message, problem.headers)
