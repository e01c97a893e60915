"""Which row groups cannot contain a text, known without decoding them.

A filter remembers the grams of a group's texts: every five bytes within a run of word bytes, as UTF-8 of the folded
text. A needle's own grams are all among them if the group contains it; one that is missing proves that it does not.
The answer "may contain" can be wrong, its opposite never is.

Grams keep to runs because a group's texts are not its lines: a line is put together from a template and values, and
the bytes at the seams are in no text. So whoever builds a filter must hand in texts of which each run of word bytes of
each raw line lies within one; where a seam splits a run, the whole line.
"""

import struct
import zlib
from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt

from tailsvc.folding import upper

_VERSION = 2
_HEADER = struct.Struct("<BI")  # version, CRC-32 of the bits
_GRAM = 5
# Twice as many codes as there are grams of hexadecimal digits, so that few of these share one: in a group of
# lines with a uuid, a trace and a span each, a third of them occur.
_CODE_BITS = 21
_CODES = 1 << _CODE_BITS
# All grams, one hash. A sample of them (closed syncmers) with three hashes lets words and numbers pass twice as often
# at the same size, for a short needle is then left with one gram or none. With 2 bits nearly twice as many pass.
_BITS_PER_CODE = 3
# 32 bytes an event. Only groups of long lines full of random tokens have codes for more.
_MOST_BYTES = 1 << 18
# 2 ** 64 / golden ratio: the product's upper bits depend on every byte of a gram.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Arrays of this many elements stay in the processor's cache, and memory stays small for a group of huge lines.
_CHUNK_CHARS = 1 << 16
# Dots and dashes are none: they would chain the parts of times, of which each event has its own.
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_") | frozenset(range(0x80, 0x100))
_WORD_OR_ZERO = bytes(byte if byte in _WORD else 0 for byte in range(0x100))
_UNICODE = 0x110000
_CASED = 0x20000  # no letter at or above has another case

Codes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


class Needle:
    """A text to look for, in any case; compiled once for all filters. Takes any text, also the empty one."""

    __slots__ = ("codes",)

    def __init__(self, text: str) -> None:
        self.codes: tuple[int, ...] = tuple(dict.fromkeys(_codes(text).tolist()))

    @property
    def is_selective(self) -> bool:
        """Whether a filter can exclude it: it has a run of at least five word bytes."""
        return bool(self.codes)


def build(texts: Iterable[str]) -> bytes:
    """The filter of one row group, from the texts that a search looks into; see above for what these must hold.

    It has 3 bits for each distinct gram, 256 KiB at most. Never raises, whatever the texts hold.
    """
    joined = "\n".join(texts)
    seen = np.zeros(_CODES, np.bool_)
    for start in range(0, len(joined), _CHUNK_CHARS):
        # A gram that starts in the last character of a chunk reaches into the next.
        seen[_codes(joined[start : start + _CHUNK_CHARS + _GRAM - 1])] = True
    packed = _packed(np.flatnonzero(seen))
    return _HEADER.pack(_VERSION, zlib.crc32(packed)) + packed


def bits_of(filter_: bytes) -> bytes:
    """What is asked of a filter; checked here, once. A damaged or unknown one has none, and excludes nothing."""
    if len(filter_) <= _HEADER.size:
        return b""
    version, checksum = _HEADER.unpack_from(filter_)
    bits = filter_[_HEADER.size :]
    return bits if version == _VERSION and zlib.crc32(bits) == checksum else b""


def may_contain(bits: bytes, needle: Needle) -> bool:
    """False only if no text of the group contains the needle."""
    count = 8 * len(bits)
    for code in needle.codes if bits else ():
        place = code * count >> _CODE_BITS
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
    return True


def _packed(codes: npt.NDArray[np.intp]) -> bytes:
    """The bits of distinct codes, of which neighbours share one."""
    size = min(len(codes) * _BITS_PER_CODE // 8 + 1, _MOST_BYTES)
    bits = np.zeros(8 * size, np.bool_)
    bits[codes.astype(np.int64) * len(bits) >> _CODE_BITS] = True
    return np.packbits(bits, bitorder="little").tobytes()


def _codes(text: str) -> Codes:
    """The code of each gram in order, 0 to _CODES - 1."""
    words = _folded(text).encode("utf-8", "surrogatepass").translate(_WORD_OR_ZERO)
    if len(words) < _GRAM:
        return np.empty(0, np.uint64)
    # The eight bytes from each place on; those behind the gram are shifted out.
    eights: Codes = np.ndarray((len(words) - _GRAM + 1,), "<u8", words + bytes(8 - _GRAM), strides=(1,))
    grams = eights[_gram_starts(words)] << np.uint64(64 - 8 * _GRAM)
    return grams * _MULTIPLIER >> np.uint64(64 - _CODE_BITS)


def _gram_starts(words: bytes) -> Flags:
    """For each place with five bytes from it on: whether all are word bytes."""
    is_word: Flags = np.frombuffer(words, np.uint8) != 0
    pairs = is_word[:-1] & is_word[1:]
    return pairs[:-3] & pairs[2:-1] & is_word[4:]


def _folded(text: str) -> str:
    """`folding.upper`, which is slow for long texts that are not ASCII."""
    if text.isascii():
        return upper(text)
    points: npt.NDArray[np.uint32] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    return _upper_table()[points].tobytes().decode("utf-32-le", "surrogatepass")


@cache
def _upper_table() -> npt.NDArray[np.uint32]:
    table = np.arange(_UNICODE, dtype="<u4")
    cased = upper("".join(map(chr, range(_CASED))))
    table[:_CASED] = np.frombuffer(cased.encode("utf-32-le", "surrogatepass"), "<u4")
    return table
