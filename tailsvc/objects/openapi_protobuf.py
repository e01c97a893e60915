"""An OpenAPI v2 document as protobuf, which kubectl before 1.29 asks for.

The messages are gnostic's `openapi.v2`: public numbers, of which our documents need few. So they are written here
without a `.proto` of a thousand lines.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tailsvc.objects.kinds import Document

CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}
# NonBodyParameter's kinds, and where each has its `type`: those of a query may be empty, and so have a field more.
_PLACES = {"query": (3, 6), "path": (4, 5)}

Write = Callable[[Any], bytes]


def encode(document: Document) -> bytes:
    return (
        _text(1, document["swagger"])
        + _bytes(2, _text(1, document["info"]["title"]) + _text(2, document["info"]["version"]))
        + _bytes(8, _named(2, document["paths"], _path_item))
        + _bytes(9, _named(1, document["definitions"], _schema))
    )


def _path_item(item: Document) -> bytes:
    found = b"".join(_bytes(number, _operation(item[name])) for name, number in _METHODS.items() if name in item)
    return found + _parameters(9, item)


def _operation(operation: Document) -> bytes:
    return (
        _text(3, operation["description"])
        + _text(5, operation["operationId"])
        + b"".join(_text(6, one) for one in operation["produces"])
        + b"".join(_text(7, one) for one in operation["consumes"])
        + _parameters(8, operation)
        + _bytes(9, _named(1, operation["responses"], _response))
        + _extensions(13, operation)
    )


def _parameters(number: int, holder: Document) -> bytes:
    return b"".join(_bytes(number, _bytes(1, _parameter(one))) for one in holder.get("parameters", ()))


def _parameter(parameter: Document) -> bytes:
    if parameter["in"] == "body":
        whole = _text(2, parameter["name"]) + _text(3, "body") + _flag(4, parameter["required"])
        return _bytes(1, whole + _bytes(5, _schema(parameter["schema"])))
    place, number_of_type = _PLACES[parameter["in"]]
    whole = _flag(1, parameter.get("required", False)) + _text(2, parameter["in"]) + _text(3, parameter["description"])
    return _bytes(2, _bytes(place, whole + _text(4, parameter["name"]) + _text(number_of_type, parameter["type"])))


def _response(response: Document) -> bytes:
    return _bytes(1, _text(1, response["description"]) + _bytes(2, _bytes(1, _schema(response["schema"]))))


def _schema(schema: Document) -> bytes:
    found = b""
    for name, number in {"$ref": 1, "format": 2, "description": 4}.items():
        found += _text(number, schema.get(name, ""))
    found += b"".join(_text(19, name) for name in schema.get("required", ()))
    if "additionalProperties" in schema:
        found += _bytes(21, _bytes(1, _schema(schema["additionalProperties"])))
    if "type" in schema:
        found += _bytes(22, _text(1, schema["type"]))
    if "items" in schema:
        found += _bytes(23, _bytes(1, _schema(schema["items"])))
    if "properties" in schema:
        found += _bytes(25, _named(1, schema["properties"], _schema))
    return found + _extensions(31, schema)


def _named(number: int, values: Mapping[str, Any], write: Write) -> bytes:
    return b"".join(_bytes(number, _text(1, name) + _bytes(2, write(value))) for name, value in values.items())


def _extensions(number: int, holder: Document) -> bytes:
    """As YAML, of which JSON is a part."""
    given = {name: value for name, value in holder.items() if name.startswith("x-")}
    return _named(number, given, lambda value: _text(2, orjson.dumps(value).decode()))


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode()) if text else b""


def _flag(number: int, value: bool) -> bytes:  # noqa: FBT001 (a field's value)
    return _varint(number << 3) + b"\x01" if value else b""


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
