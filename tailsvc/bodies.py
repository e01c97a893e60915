"""Request bodies: compressed chunks in, the plain body out, and never more of either than the limits allow.

A decoder takes small steps and looks at its limits after each, so that a bomb is found while it is still small: what
it may allocate beyond the body so far is bounded by the step, not by what the sender wrote.
"""

import zlib
from io import BytesIO
from typing import Protocol

import zstandard

from tailsvc.errors import BodyTooLarge, InvalidBody, UnknownCoding
from tailsvc.limits import (
    BODY_BYTES,
    BODY_MEMBERS,
    DECOMPRESSION_RATIO,
    DECOMPRESSION_RATIO_FROM,
    MIB,
    ZSTD_WINDOW_BYTES,
)

# Compressed bytes handed to a decoder at once. zlib says how much it may answer; zstd does not: 4 bytes can stand for
# a block of 128 KiB, so its steps are small (32 MiB at the worst).
_ZLIB_STEP = 16 * 1024
_ZSTD_STEP = 1024


class BodyDecoder(Protocol):
    def feed(self, chunk: bytes) -> bytes:
        """What the chunk adds to the plain body. Raises InvalidBody, BodyTooLarge."""

    def finish(self) -> None:
        """To be called after the last chunk. Raises InvalidBody where the body is cut off."""


class _Caps:
    """Counts both sides of a decoder."""

    def __init__(self) -> None:
        self._received = 0
        self._decoded = 0
        self._members = 0

    def receive(self, count: int) -> None:
        self._received += count
        if self._received > BODY_BYTES:
            raise BodyTooLarge(f"The body is larger than {BODY_BYTES // MIB} MiB.")

    def decode(self, count: int) -> None:
        self._decoded += count
        if self._decoded > BODY_BYTES:
            raise BodyTooLarge(f"The decompressed body is larger than {BODY_BYTES // MIB} MiB.")
        if self._decoded > max(DECOMPRESSION_RATIO_FROM, self._received * DECOMPRESSION_RATIO):
            raise BodyTooLarge(f"The body grows to more than {DECOMPRESSION_RATIO} times its compressed size.")

    def begin_member(self) -> None:
        self._members += 1
        if self._members > BODY_MEMBERS:
            raise BodyTooLarge(f"The body has more than {BODY_MEMBERS:,} compressed parts.")

    @property
    def room(self) -> int:
        """How much the next step may decode, and one more, by which too much is seen."""
        return min(MIB, BODY_BYTES - self._decoded + 1)


class _IdentityDecoder:
    def __init__(self) -> None:
        self._caps = _Caps()

    def feed(self, chunk: bytes) -> bytes:
        self._caps.receive(len(chunk))
        return chunk

    def finish(self) -> None:
        pass


class _GzipDecoder:
    """gzip with any number of members; also a zlib stream under the name of gzip, as some libraries send."""

    def __init__(self) -> None:
        self._caps = _Caps()
        self._member = _zlib_member()

    def feed(self, chunk: bytes) -> bytes:
        plain = bytearray()
        for step in _steps(chunk, _ZLIB_STEP):
            self._caps.receive(len(step))
            self._decode(step, plain)
        return bytes(plain)

    def finish(self) -> None:
        if not self._member.eof:
            raise InvalidBody("The gzip body is cut off.")

    def _decode(self, data: bytes, plain: bytearray) -> None:
        while data:
            if self._member.eof:
                data = data.lstrip(b"\x00")  # tape padding, as gzip itself allows it
                if not data:
                    return
                self._caps.begin_member()
                self._member = _zlib_member()
            _inflate(self._member, data, plain, self._caps)
            data = self._member.unused_data


class _DeflateDecoder:
    """zlib, which the coding is, or raw deflate, which many take it for; two bytes tell which."""

    def __init__(self) -> None:
        self._caps = _Caps()
        self._head = b""
        self._member: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> bytes:
        plain = bytearray()
        for step in _steps(chunk, _ZLIB_STEP):
            self._caps.receive(len(step))
            if self._member is not None:
                self._decode(self._member, step, plain)
                continue
            self._head += step
            if len(self._head) >= 2:
                self._member = zlib.decompressobj(zlib.MAX_WBITS * _sign(self._head))
                self._decode(self._member, self._head, plain)
        return bytes(plain)

    def finish(self) -> None:
        if self._member is None or not self._member.eof:
            raise InvalidBody("The deflate body is cut off.")

    def _decode(self, member: "zlib._Decompress", data: bytes, plain: bytearray) -> None:
        if not member.eof:
            _inflate(member, data, plain, self._caps)
            data = member.unused_data
        if data:
            raise InvalidBody("Something follows the deflate body.")


class _ZstdDecoder:
    """zstd with any number of frames."""

    def __init__(self) -> None:
        self._caps = _Caps()
        self._zstd = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        self._frame = self._zstd.decompressobj()

    def feed(self, chunk: bytes) -> bytes:
        plain = bytearray()
        for step in _steps(chunk, _ZSTD_STEP):
            self._caps.receive(len(step))
            self._decode(step, plain)
        return bytes(plain)

    def finish(self) -> None:
        if not self._frame.eof:
            raise InvalidBody("The zstd body is cut off.")

    def _decode(self, data: bytes, plain: bytearray) -> None:
        while data:
            if self._frame.eof:
                self._caps.begin_member()
                self._frame = self._zstd.decompressobj()
            try:
                decoded = self._frame.decompress(data)
            except zstandard.ZstdError as error:
                raise InvalidBody(f"The zstd body is broken: {error}.") from error
            self._caps.decode(len(decoded))
            plain += decoded
            data = self._frame.unused_data if self._frame.eof else b""


_DECODERS: dict[str, type[BodyDecoder]] = {
    "identity": _IdentityDecoder,
    "gzip": _GzipDecoder,
    "x-gzip": _GzipDecoder,
    "deflate": _DeflateDecoder,
    "zstd": _ZstdDecoder,
}


def decoder(coding: str) -> BodyDecoder:
    """The decoder for a Content-Encoding header, empty for identity. Raises UnknownCoding."""
    names = [name for part in coding.split(",") if (name := part.strip().lower())]
    codings = [name for name in names if name != "identity"]
    if len(codings) > 1:
        raise UnknownCoding("A body may be compressed once only.")
    name = codings[0] if codings else "identity"
    if name not in _DECODERS:
        known = ", ".join(_DECODERS)
        raise UnknownCoding(f"The content coding {name[:100]!r} is not known; send one of {known}.")
    return _DECODERS[name]()


class BodyCollector:
    """Puts a body together from its chunks as they arrive."""

    def __init__(self, coding: str = "") -> None:
        """`coding` is the Content-Encoding header. Raises UnknownCoding."""
        self._decoder = decoder(coding)
        self._plain = BytesIO()

    @property
    def size(self) -> int:
        """Plain bytes so far."""
        return self._plain.tell()

    def feed(self, chunk: bytes) -> None:
        """Raises BodyTooLarge, InvalidBody."""
        self._plain.write(self._decoder.feed(chunk))

    def finish(self) -> bytes:
        """The whole plain body. Raises InvalidBody where it is cut off."""
        self._decoder.finish()
        return self._plain.getvalue()


def _zlib_member() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by the header


def _sign(head: bytes) -> int:
    """1 for a zlib header, -1 (zlib's way to say raw) for anything else."""
    is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return 1 if is_zlib else -1


def _inflate(member: "zlib._Decompress", data: bytes, plain: bytearray, caps: _Caps) -> None:
    """Decodes `data` until it or the member ends, a bounded piece at a time."""
    while not member.eof:
        try:
            decoded = member.decompress(data, caps.room)
        except zlib.error as error:
            raise InvalidBody(f"The compressed body is broken: {error}.") from error
        caps.decode(len(decoded))
        plain += decoded
        data = member.unconsumed_tail
        if not data and len(decoded) < MIB:
            return


def _steps(chunk: bytes, size: int) -> list[bytes]:
    if len(chunk) <= size:
        return [chunk] if chunk else []
    return [chunk[start : start + size] for start in range(0, len(chunk), size)]
