"""Refusals: `metav1.Status` as kube-apiserver makes them."""

from typing import Any

import orjson
from aiohttp import web


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": details} if details else {}),
            "code": code,
        }

    def response(self) -> web.Response:
        return json_response(self.status, self.code)


def json_response(content: Any, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-cache, private", "Content-Type": "application/json"}
    return web.Response(body=orjson.dumps(content) + b"\n", status=status, headers=headers)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, resource: str, namespace: str | None) -> Refusal:
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    asked = f'{resource} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "" {where}'
    return Refusal(403, "Forbidden", asked, kind=resource)


def not_found(resource: str, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{resource} "{name}" not found', name=name, kind=resource)


def no_such_resource() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def expired(version: int, oldest: int) -> Refusal:
    return Refusal(410, "Expired", f"too old resource version: {version} ({oldest})")


def too_large(version: int, current: int) -> Refusal:
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Timeout: Too large resource version: {version}, current: {current}"
    return Refusal(504, "Timeout", message, causes=causes, retryAfterSeconds=1)


def invalid(kind: str, name: str, field: str, message: str) -> Refusal:
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": field}]
    return Refusal(
        422, "Invalid", f'{kind} "{name}" is invalid: {field}: {message}', kind=kind, name=name, causes=causes
    )


def too_many_requests(retry_after: int) -> web.Response:
    """As priority and fairness refuses: no Status, but text."""
    text = "Too many requests, please try again later.\n"
    return web.Response(status=429, text=text, headers={"Retry-After": str(retry_after)})
