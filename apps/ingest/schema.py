"""The OpenAPI document's part on ingest, which is plain ASGI and so unknown to the generator."""

from http import HTTPStatus
from typing import Any

from apps.http.schema import problem
from tailsvc import limits

PATH = "/api/ingest/{stream}"
_SCHEME = "ingest"
_REFUSALS = (400, 401, 403, 413, 415, 422, 429, 503)


def add_ingest(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A post-processing hook of drf-spectacular."""
    components = result["components"]
    components["schemas"]["IngestAnswer"] = _ANSWER
    components["securitySchemes"][_SCHEME] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The stream's ingest token.",
    }
    result["paths"][PATH] = {"post": _operation()}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _operation() -> dict[str, Any]:
    answer = {"$ref": "#/components/schemas/IngestAnswer"}
    refusals = {str(code): problem(HTTPStatus(code)) for code in _REFUSALS}
    accepted = {
        "description": "Stored, after its commit. Rejected lines are told and kept for the team to see.",
        "headers": {"Idempotency-Replayed": {"schema": {"type": "string"}, "description": "`true` for a retry."}},
        "content": {"application/json": {"schema": answer}},
    }
    return {
        "operationId": "ingest",
        "description": "Send log lines: NDJSON in any mixture of line shapes, a JSON array, or plain text.",
        "tags": ["ingest"],
        "security": [{_SCHEME: []}],
        "parameters": _PARAMETERS,
        "requestBody": {"required": True, "content": _BODIES},
        "responses": {"200": accepted, **refusals},
    }


_PARAMETERS = [
    {
        "in": "path",
        "name": "stream",
        "required": True,
        "schema": {"type": "string"},
        "description": "UUID, number or slug of the token's stream.",
    },
    {
        "in": "header",
        "name": "Idempotency-Key",
        "schema": {"type": "string", "minLength": 1, "maxLength": limits.IDEMPOTENCY_KEY_CHARS},
        "description": "A retry with the same key and body is stored once, and answered as the first time.",
    },
    {
        "in": "header",
        "name": "Content-Encoding",
        "schema": {"type": "string", "enum": ["identity", "gzip", "deflate", "zstd"]},
    },
]
_BODIES = {
    "application/x-ndjson": {"schema": {"type": "string", "description": "One event a line."}},
    "application/json": {"schema": {"oneOf": [{"type": "array", "items": {}}, {"type": "object"}]}},
    "text/plain": {"schema": {"type": "string", "description": "One event a line, as it is."}},
}
_ANSWER = {
    "type": "object",
    "required": ["accepted", "rejected", "duplicates", "errors"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "errors": {
            "type": "array",
            "maxItems": limits.REJECTIONS_ANSWERED,
            "items": {
                "type": "object",
                "required": ["line", "reason"],
                "properties": {"line": {"type": "integer"}, "reason": {"type": "string"}},
            },
        },
    },
}
