"""The OpenAPI document's part on following a build, which is plain ASGI and so unknown to the generator."""

from typing import Any

from apps.lifecycle import limits

PATH = "/api/streams/{stream}/builds/{build}/follow"
_TEXT = {"type": "string"}
_OFFSET = {"type": "integer", "minimum": 0, "maximum": limits.BUILD_BYTES, "default": 0}
_OPERATION: dict[str, Any] = {
    "operationId": "follow_build_log",
    "description": "A build's log as it grows, until it is finished. Broken off where it ends for another reason.",
    "tags": ["api"],
    "security": [{"bearer": []}],
    "parameters": [
        {"in": "path", "name": "stream", "required": True, "schema": _TEXT, "description": "UUID, number or slug."},
        {"in": "path", "name": "build", "required": True, "schema": _TEXT},
        {"in": "query", "name": "offset", "schema": _OFFSET, "description": "The byte to begin with."},
    ],
    "responses": {
        "200": {"description": "The bytes as they came.", "content": {"text/plain": {"schema": _TEXT}}},
    },
}


def add_follow(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A post-processing hook of drf-spectacular; before the one that adds problems."""
    result["paths"][PATH] = {"get": _OPERATION}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
