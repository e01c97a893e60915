"""A path and a query string as a request message: both spellings of a name, camelCase and snake_case, are taken.

What a path says no query can change; what a call does not know is ignored, as transcoders do.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from apps.http.problems import unprocessable
from tailsvc.dialects.ignite import compute_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["ComputeService"]
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_LARGEST = 2**31 - 1


def request_class(call: str) -> type[Message]:
    found: type[Message] = getattr(pb, SERVICE.methods_by_name[call].input_type.name)
    return found


def read_request(call: str, path: Mapping[str, str], query: Mapping[str, str]) -> Message:
    """Raises Problem 422."""
    request = request_class(call)()
    for field in request.DESCRIPTOR.fields:
        given = _given(field, path, query)
        if given is not None:
            setattr(request, field.name, _value(field, given))
    return request


def _given(field: Any, path: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    if field.name in path:
        return path[field.name]
    return query.get(field.json_name, query.get(field.name))


def _value(field: Any, text: str) -> Any:
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text.lower() not in _FLAGS:
            raise unprocessable(**{field.name: f"{field.json_name} must be true or false."})
        return _FLAGS[text.lower()]
    if field.type == FieldDescriptor.TYPE_INT32:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 11 and int(digits) <= _LARGEST):
            raise unprocessable(**{field.name: f"{field.json_name} must be a whole number."})
        return int(text)
    return text
