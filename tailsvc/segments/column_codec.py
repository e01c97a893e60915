"""One column as buffers, cut into row groups that are read apart.

A text column has one dictionary for all groups, or, where most rows have values of their own, one for each. Codes are
kept as symbols: 0 the next value that was not there yet, 1 none, and a known code + 1; so what is new costs nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tailsvc.segments.columns import Column, Mask, Number, Text, first_rows
from tailsvc.segments.packing import Array, Packer, Unpacker, narrowed
from tailsvc.segments.values import pack_values

# Over this share of distinct values a shared dictionary would be read for a few rows of one group.
_OWN_DICTIONARY = 0.25
_SCALES = (1, 10, 100, 1000)
_EXACT = 2.0**52

Described = dict[str, Any]
Groups = Sequence[slice]


def pack_column(packer: Packer, column: Column, groups: Groups, *, thorough: bool) -> Described:
    if isinstance(column, Number):
        return {"numbers": [_pack_numbers(packer, column.take(group)) for group in groups]}
    if len(groups) > 1 and column.distinct > _OWN_DICTIONARY * len(column.codes):
        texts = [column.take(group).compact() for group in groups]
        return {
            "own": [pack_values(packer, text.values, thorough=thorough) for text in texts],
            "codes": [_pack_codes(packer, text.codes, 0) for text in texts],
        }
    text = column.compact()
    return {
        "values": pack_values(packer, text.values, thorough=thorough),
        "codes": [_pack_codes(packer, text.codes[group], _known_before(text, group)) for group in groups],
    }


def dictionary_of(described: Described, group: int) -> list[Any]:
    """What `values` knows of the dictionary for this group."""
    own = described.get("own")
    found: list[Any] = described["values"] if own is None else own[group]
    return found


def unpack_codes(unpacker: Unpacker, described: Described, group: int, count: int) -> Any:
    known, what = described["codes"][group]
    if isinstance(what, int):
        return narrowed(np.full(count, what))
    symbols = unpacker.get_array(what).astype(np.int32)
    codes = symbols - 1
    new = np.flatnonzero(symbols == 0)
    codes[new] = np.arange(known + 1, known + 1 + len(new))
    return narrowed(codes)  # they are kept in memory


def unpack_numbers(unpacker: Unpacker, described: Described, group: int, count: int) -> Number:
    found = described["numbers"][group]
    present = None if found["there"] is None else unpack_mask(unpacker, found["there"], count)
    if "value" in found:
        return Number(np.full(count, found["value"], np.float64 if found["real"] else np.int64), present)
    array = unpacker.get_array(found["array"])
    if "scale" in found:
        values: Array = (array.astype(np.int64) + found["least"]).astype(np.float64) / found["scale"]
    elif found["real"]:
        values = array
    else:
        values = (array + np.uint64(found["least"] % 2**64)).astype(np.int64)
    return Number(values, present)


def unpack_mask(unpacker: Unpacker, place: Any, count: int) -> Mask:
    bits = np.frombuffer(unpacker.get(place), np.uint8)
    return np.unpackbits(bits, count=count).astype(np.bool_)


def _known_before(text: Text, group: slice) -> int:
    """How many values the groups before this one have shown; values are in the order of their first row."""
    return int(text.codes[: group.start].max(initial=0))


def _pack_codes(packer: Packer, codes: Any, known: int) -> list[Any]:
    if len(codes) == 0 or (codes == codes[0]).all():
        return [known, int(codes[0]) if len(codes) else 0]
    first = first_rows(codes, int(codes.max()) + 1)[known + 1 :]
    symbols = codes.astype(np.int64) + 1
    symbols[first[first < len(codes)]] = 0
    return [known, packer.put_array(narrowed(symbols))]


def _pack_numbers(packer: Packer, column: Number) -> Described:
    there = None
    if column.present is not None and not column.present.all():
        there = packer.put(np.packbits(column.present).tobytes())
    values = column.values if there is None else np.where(column.present, column.values, column.values.dtype.type(0))  # type: ignore[arg-type]
    described: Described = {"there": there, "real": column.is_real}
    if len(values) and (values == values[0]).all() and values[0] != 0:
        return {**described, "value": values[0].item()}
    if column.is_real:
        return {**described, **_pack_reals(packer, values)}
    least = int(values.min(initial=0))
    # In unsigned arithmetic, which cannot overflow between the least and the greatest of 64 bits.
    return {
        **described,
        "least": least,
        "array": packer.put_array(narrowed(values.astype(np.uint64) - np.uint64(least % 2**64))),
    }


def _pack_reals(packer: Packer, values: Array) -> Described:
    """As whole numbers of tenths, hundredths ... where dividing gives the very number back."""
    if (np.abs(values) < _EXACT).all() and not (np.signbit(values) & (values == 0)).any():
        for scale in _SCALES:
            whole = np.round(values * scale)
            if np.abs(whole).max(initial=0) < _EXACT and (whole / scale == values).all():
                least = int(whole.min(initial=0))
                return {
                    "scale": scale,
                    "least": least,
                    "array": packer.put_array(narrowed((whole - least).astype(np.uint64))),
                }
    return {"array": packer.put_array(values)}
