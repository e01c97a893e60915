"""The elements of a JSON array, each as the very bytes that the body holds."""

import re
from collections.abc import Iterator

from tailsvc.errors import InvalidBody

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^\s,:"{}\[\]]++')
# From anywhere outside a string to behind the next bracket.
_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)


def elements(body: bytes, start: int) -> Iterator[bytes]:
    """The elements of the array that begins at `start`; an element may still be no valid JSON.

    Raises InvalidBody where it cannot be told where an element ends, or where something follows the array.
    """
    at = skip_space(body, start + 1)
    if body[at : at + 1] == b"]":
        at += 1
    else:
        while True:
            end = end_of_value(body, at)
            if end is None:
                raise InvalidBody(f"The JSON array is broken at byte {at}.")
            yield body[at:end]
            at = skip_space(body, end)
            mark = body[at : at + 1]
            if mark not in (b",", b"]"):
                raise InvalidBody(f"The JSON array is broken at byte {at}.")
            at = skip_space(body, at + 1)
            if mark == b"]":
                break
    if skip_space(body, at) != len(body):
        raise InvalidBody(f"Something follows the JSON array at byte {at}.")


def end_of_value(body: bytes, start: int) -> int | None:
    """Where the JSON value that begins at `start` ends, by strings and brackets alone; None if it does not."""
    head = body[start : start + 1]
    if head == b'"':
        return _end(_STRING.match(body, start))
    if head not in (b"{", b"["):
        return _end(_SCALAR.match(body, start))
    depth, at = 0, start
    while (match := _BRACKET.match(body, at)) is not None:
        at = match.end()
        depth += 1 if match[1] in b"{[" else -1
        if depth == 0:
            return at
    return None


def skip_space(body: bytes, start: int) -> int:
    match = _SPACE.match(body, start)
    return start if match is None else match.end()


def _end(match: re.Match[bytes] | None) -> int | None:
    return None if match is None else match.end()
