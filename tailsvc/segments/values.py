"""Lists of distinct texts as bytes. What reads as addresses, uuids or numbers is kept as such, if all of it does.

Every form is verified by reading it back before it is chosen.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from tailsvc.errors import BrokenSegment
from tailsvc.folding import upper
from tailsvc.segments.columns import SEPARATOR, joined
from tailsvc.segments.packing import Packer, Unpacker, narrowed

_SEPARATORS = ("\x00", "\n", "\x1f")
_FEWEST = 16  # fewer are not worth the look

Values = Sequence[str]
Described = list[Any]  # the form's name, and what its reader needs


def pack_values(packer: Packer, values: Values, *, thorough: bool) -> Described:
    if thorough and len(values) >= _FEWEST:
        for name, (write, read) in _FORMS.items():
            array = write(values)
            if array is not None and read(array) == list(values):
                return [name, packer.put_array(array)]
    return _pack_plain(packer, values)


def unpack_values(unpacker: Unpacker, described: Described) -> list[str]:
    name, *rest = described
    if name == "json":
        values: list[str] = orjson.loads(unpacker.get(rest[1]))
        return values
    if name == "plain":
        separator, count, _ = rest
        return _plain_text(unpacker, rest).split(separator) if count else []
    if name not in _FORMS:
        raise BrokenSegment(f"values are in the unknown form {name!r}")
    return _FORMS[name][1](unpacker.get_array(rest[0]))


def unpack_joined(unpacker: Unpacker, described: Described) -> str:
    """As `columns.joined` makes it of the values."""
    name, *rest = described
    if name == "plain":  # which it nearly is already
        text = _plain_text(unpacker, rest).replace(rest[0], SEPARATOR)
        return upper(f"{SEPARATOR}{text}{SEPARATOR}")
    return joined(unpack_values(unpacker, described))


def _plain_text(unpacker: Unpacker, rest: list[Any]) -> str:
    separator, count, place = rest
    text = unpacker.get(place).decode()
    if text.count(separator) != max(0, count - 1):
        raise BrokenSegment("a list of values is of another length")
    return text


def count_of(described: Described) -> int:
    """How many values there are."""
    name, *rest = described
    if name in _FORMS:
        kind, _, _, size = rest[0]
        width: int = np.dtype(kind).itemsize
        return int(size) // width
    return int(rest[1] if name == "plain" else rest[0])


def alphabet_of(described: Described) -> frozenset[str] | None:
    """The folded characters that the values are made of; None: any."""
    return _ALPHABETS.get(described[0])


def _pack_plain(packer: Packer, values: Values) -> Described:
    for separator in _SEPARATORS:
        joined = separator.join(values)
        if joined.count(separator) == max(0, len(values) - 1):
            return ["plain", separator, len(values), packer.put(joined.encode())]
    return ["json", len(values), packer.put(orjson.dumps(list(values)))]


def _write_uuids(values: Values) -> Any:
    if len(values[0]) != 36 or set(map(len, values)) != {36}:
        return None
    return _from_hex("".join(values).replace("-", ""), len(values), 16)


def _read_uuids(array: Any) -> list[str]:
    return ["-".join(_UUID.fullmatch(digits).groups()) for digits in _read_hex(array)]  # type: ignore[union-attr]


def _write_hex(values: Values) -> Any:
    length = len(values[0])
    if length % 2 or not 8 <= length <= 64 or set(map(len, values)) != {length}:
        return None
    return _from_hex("".join(values), len(values), length // 2)


def _read_hex(array: Any) -> list[str]:
    width = array.dtype.itemsize * 2
    digits = array.tobytes().hex()
    return [digits[at : at + width] for at in range(0, len(digits), width)]


def _from_hex(digits: str, count: int, width: int) -> Any:
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return None
    return np.frombuffer(data, f"V{width}") if len(data) == count * width else None


def _write_numbers(values: Values) -> Any:
    if not values[0].isdigit() or max(map(len, values)) > 18:
        return None
    try:
        numbers = np.array([*map(int, values)], np.int64)
    except (ValueError, OverflowError):
        return None
    return narrowed(numbers) if numbers.min() >= 0 else None


def _read_numbers(array: Any) -> list[str]:
    return [*map(str, array.tolist())]


def _write_addresses(values: Values) -> Any:
    if values[0].count(".") != 3:
        return None
    joined = ".".join(values)
    if joined.count(".") != 4 * len(values) - 1 or not joined.replace(".", "").isdigit():
        return None
    parts = [*map(_BYTES.get, joined.split("."))]
    return None if None in parts else np.array(parts, np.uint8).view(np.uint32)


def _read_addresses(array: Any) -> list[str]:
    parts = [*map(_TEXTS.__getitem__, array.view(np.uint8).tolist())]
    quads = zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True)
    return [*map(".".join, quads)]


_UUID = re.compile("(.{8})(.{4})(.{4})(.{4})(.{12})")
_ALPHABETS = {
    "uuid": frozenset("0123456789ABCDEF-"),
    "hex": frozenset("0123456789ABCDEF"),
    "address": frozenset("0123456789."),
    "number": frozenset("0123456789"),
}
_TEXTS = [str(number) for number in range(256)]
_BYTES = {text: number for number, text in enumerate(_TEXTS)}
_FORMS: dict[str, tuple[Callable[[Values], Any], Callable[[Any], list[str]]]] = {
    "uuid": (_write_uuids, _read_uuids),
    "hex": (_write_hex, _read_hex),
    "address": (_write_addresses, _read_addresses),
    "number": (_write_numbers, _read_numbers),
}
