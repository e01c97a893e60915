"""One blob of a segment: a header that names buffers, and the buffers, each compressed by itself.

In order: magic and version (4 bytes), size of the header (4, little endian), checksum of all else (4), header (JSON,
zstd), buffers.
"""

import threading
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from tailsvc.errors import BodyTooLarge, BrokenSegment, UnknownFormat

# Raised with every change that older readers would misread; what they can read keeps the number that they know.
FORMAT_OF_COLUMNS, FORMAT_OF_BUNDLES = 1, 2
FORMAT = 2
_MAGIC = b"TSG"
_SIZE, _SUM, _HEAD = slice(4, 8), slice(8, 12), 12
# No buffer is larger: what a broken size makes us allocate is bounded. More than a column of the largest body.
_LARGEST = 1 << 30

_of_thread = threading.local()

Array = npt.NDArray[Any]
Place = list[int]  # offset, stored size, real size: equal sizes are not compressed


class Packer:
    def __init__(self, level: int) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level)
        self._buffers: list[bytes] = []
        self._end = 0

    def put(self, data: bytes) -> Place:
        """Raises BodyTooLarge for what could not be read back."""
        if len(data) > _LARGEST:
            raise BodyTooLarge("These events are too large to be kept together; send fewer at once.")
        stored = data
        if len(data) > 16:
            packed = self._compressor.compress(data)
            stored = packed if len(packed) < len(data) else data
        self._buffers.append(stored)
        self._end += len(stored)
        return [self._end - len(stored), len(stored), len(data)]

    def put_array(self, array: Array) -> list[Any]:
        """Its type and place; bytes of the same weight lie together, which compresses better."""
        width = array.dtype.itemsize
        if width > 1:
            data = np.ascontiguousarray(array).view(np.uint8).reshape(-1, width).T.tobytes()
        else:
            data = array.tobytes()
        return [array.dtype.str, *self.put(data)]

    def finish(self, header: dict[str, Any], *, version: int = FORMAT_OF_COLUMNS) -> bytes:
        head = self._compressor.compress(orjson.dumps(header))
        rest = b"".join([head, *self._buffers])
        front = _MAGIC + bytes([version]) + len(head).to_bytes(4, "little")
        return front + _checksum(front, rest).to_bytes(4, "little") + rest


class Unpacker:
    """Raises BrokenSegment for whatever cannot be read, UnknownFormat for what a newer version wrote."""

    def __init__(self, blob: bytes) -> None:
        if blob[:3] != _MAGIC or len(blob) < _HEAD:
            raise BrokenSegment("it does not begin as a segment does")
        if blob[3] > FORMAT:
            raise UnknownFormat(f"it was written in format {blob[3]}; this version reads up to {FORMAT}")
        if _checksum(blob[: _SUM.start], memoryview(blob)[_HEAD:]) != int.from_bytes(blob[_SUM], "little"):
            raise BrokenSegment("its checksum does not fit: bytes were changed or lost")
        size = int.from_bytes(blob[_SIZE], "little")
        self._body = _HEAD + size
        self._blob = memoryview(blob)
        try:
            self.header: dict[str, Any] = orjson.loads(self._unpacked(blob[_HEAD : self._body], _LARGEST))
        except (orjson.JSONDecodeError, zstandard.ZstdError) as error:
            raise BrokenSegment("its header cannot be read") from error

    @property
    def size(self) -> int:
        return len(self._blob)

    def get(self, place: Place) -> bytes:
        offset, size, real = place
        start = self._body + offset
        data = self._blob[start : start + size]
        if len(data) != size or real > _LARGEST:
            raise BrokenSegment("it is cut off")
        try:
            return bytes(data) if size == real else self._unpacked(data, real)
        except zstandard.ZstdError as error:
            raise BrokenSegment("a buffer cannot be unpacked") from error

    def get_array(self, described: list[Any]) -> Array:
        kind, *place = described
        dtype = np.dtype(kind)
        data = np.frombuffer(self.get(place), np.uint8)
        if dtype.itemsize == 1:
            return data.view(dtype)
        array: Array = np.ascontiguousarray(data.reshape(dtype.itemsize, -1).T).view(dtype).reshape(-1)
        return array

    def _unpacked(self, data: Any, most: int) -> bytes:
        return _decompressor().decompress(data, max_output_size=most)


def _decompressor() -> zstandard.ZstdDecompressor:
    """The thread's own: cached segments are read by several threads at once, and two in one would garble both."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        found = _of_thread.decompressor = zstandard.ZstdDecompressor()
    return found


def _checksum(front: bytes, rest: bytes | memoryview) -> int:
    return crc32(rest, crc32(front))


def narrowed(array: Array) -> Array:
    """Whole numbers from 0 on in the smallest type that holds them."""
    largest = int(array.max()) if len(array) else 0
    for dtype in (np.uint8, np.uint16, np.uint32):
        if largest <= np.iinfo(dtype).max:
            return array.astype(dtype)
    return array.astype(np.uint64)
