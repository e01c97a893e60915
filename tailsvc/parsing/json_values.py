"""JSON as senders write it: strictly where it is right, leniently where it is nearly right."""

import json
import re
from typing import Any

import orjson

from tailsvc.limits import ATTRIBUTE_NAME_CHARS, JSON_DEPTH

EXACT = 2**53  # greater whole numbers are not exact in a double, which is what most readers of JSON have
REPLACEMENT = "\ufffd"

_SURROGATE = re.compile("[\ud800-\udfff]")
# Those that do not stand for a byte of invalid UTF-8, see `load_leniently`.
_TRUE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_UNCHANGED = {str, bool, type(None)}
_THREE_DIGITS = re.compile(rb"[0-9]{3}")


class TooDeep(Exception):
    """A value is nested deeper than JSON_DEPTH."""


class Inexact(Exception):
    """A number may have lost digits."""


def load(text: bytes) -> Any:
    """One JSON value. Raises ValueError where it is none, TooDeep where it is nested too deeply.

    Numbers that a double cannot hold come as their text. Texts may hold NUL and surrogates, where a byte of invalid
    UTF-8 is the surrogate U+DC00 + byte, so that `encode` gives the bytes back.
    """
    # 16 digits in a row leave three neighbours among every fifth byte: most lines are through with a look at those.
    if not (_THREE_DIGITS.search(text[4::5]) and _LONG_NUMBER.search(text)):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    return load_leniently(text)


def load_leniently(text: bytes) -> Any:
    """Also reads NaN, control characters, lone surrogates, invalid UTF-8 and numbers of any size."""
    try:
        return json.loads(
            text.decode("utf-8", "surrogateescape"),
            parse_int=_read_whole,
            parse_float=_read_float,
            parse_constant=str,
            strict=False,
        )
    except RecursionError:
        raise TooDeep from None


def clean(text: str) -> str:
    """The text as it may be stored: NUL, lone surrogates and invalid UTF-8 replaced by U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return encode(text).decode("utf-8", "replace")


def encode(text: str) -> bytes:
    """UTF-8 of a text that `load` answered; invalid bytes as they came."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _TRUE_SURROGATE.sub(REPLACEMENT, text).encode("utf-8", "surrogateescape")


def normal(value: Any, depth: int = 1, *, exact: bool = True) -> Any:
    """The value with clean names and texts, and whole numbers that a double cannot hold as text.

    Raises TooDeep, and Inexact where `exact` is false (a parser that makes doubles of long numbers was used) and a
    number may have been such a one.
    """
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is int:
        return value if -EXACT <= value <= EXACT else str(value)
    if kind is float and not exact and abs(value) >= EXACT:
        raise Inexact
    if kind is not dict and kind is not list:
        return value
    if depth > JSON_DEPTH:
        raise TooDeep
    if kind is list:
        return [normal(item, depth + 1, exact=exact) for item in value]
    return {clean(name[:ATTRIBUTE_NAME_CHARS]): normal(item, depth + 1, exact=exact) for name, item in value.items()}


def is_normal(value: Any, depth: int) -> bool:
    """Whether `normal` changes nothing of an object or a list whose texts are clean, exact or not."""
    if depth > JSON_DEPTH or (type(value) is dict and value and max(map(len, value)) > ATTRIBUTE_NAME_CHARS):
        return False
    items = value.values() if type(value) is dict else value
    if set(map(type, items)) <= _UNCHANGED:
        return True
    for item in items:
        kind = type(item)
        if kind is int or kind is float:
            if not -EXACT < item < EXACT:
                return False
        elif (kind is dict or kind is list) and not is_normal(item, depth + 1):
            return False
    return True


def _read_whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= 17 and -EXACT <= int(digits) <= EXACT else digits


def _read_float(text: str) -> float | str:
    number = float(text)
    return number if abs(number) != float("inf") else text
