import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tailsvc.bodies import BodyCollector, decoder
from tailsvc.errors import BodyTooLarge, InvalidBody, UnknownCoding
from tailsvc.limits import BODY_BYTES, BODY_MEMBERS, DECOMPRESSION_RATIO_FROM, MIB


def raw_deflate(plain: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(plain) + deflate.flush()


def two_frames(plain: bytes) -> bytes:
    half = len(plain) // 2
    return zstandard.compress(plain[:half]) + zstandard.compress(plain[half:])


def two_members(plain: bytes) -> bytes:
    half = len(plain) // 2
    return gzip.compress(plain[:half]) + gzip.compress(plain[half:])


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("", bytes),
    ("identity", bytes),
    ("gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("x-gzip", gzip.compress),
    ("identity, gzip", gzip.compress),
    ("gzip", two_members),
    ("gzip", lambda plain: gzip.compress(plain) + b"\x00" * 512),
    ("gzip", zlib.compress),  # graypy's way
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zstd", zstandard.compress),
    ("zstd", two_frames),
]


def collect(coding: str, *chunks: bytes) -> bytes:
    collector = BodyCollector(coding)
    for chunk in chunks:
        collector.feed(chunk)
    return collector.finish()


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
@settings(max_examples=25, deadline=None)
@given(plain=st.binary(max_size=3000), size=st.integers(1, 400))
def test_a_body_comes_out_as_it_went_in(coding: str, encode: Callable[[bytes], bytes], plain: bytes, size: int) -> None:
    encoded = encode(plain)
    chunks = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    assert collect(coding, *chunks) == plain


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
def test_a_large_body_may_come_in_one_chunk(coding: str, encode: Callable[[bytes], bytes]) -> None:
    plain = os.urandom(MIB) + b"log line\n" * 500_000
    assert collect(coding, encode(plain)) == plain


@pytest.mark.parametrize(("coding", "encode"), CODINGS[2:])
def test_a_cut_off_body_is_invalid(coding: str, encode: Callable[[bytes], bytes]) -> None:
    encoded = encode(b"a log line\n" * 50).rstrip(b"\x00")
    for end in {0, 1, len(encoded) // 4, len(encoded) - 1}:
        with pytest.raises(InvalidBody):
            collect(coding, encoded[:end])


@pytest.mark.parametrize(("coding", "encode"), CODINGS[2:])
def test_something_after_the_body_is_invalid(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidBody):
        collect(coding, encode(b"a log line\n") + b"more")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@settings(max_examples=100, deadline=None)
@given(garbage=st.binary(max_size=200))
def test_garbage_is_invalid_or_decoded_and_nothing_else(coding: str, garbage: bytes) -> None:
    with suppress(InvalidBody):
        collect(coding, garbage)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "gzip,deflate", "snappy", "*", "gzip;q=1"])
def test_an_unknown_or_nested_coding_is_refused(coding: str) -> None:
    with pytest.raises(UnknownCoding):
        decoder(coding)


def bomb(encode: Callable[[bytes], bytes], coding: str) -> int:
    """Feeds 64 MiB of zeros, compressed; answers the peak of memory while it is refused."""
    encoded = encode(bytes(64 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge, match="times its compressed size"):
            collect(coding, encoded)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_deflate_bomb_is_refused_while_it_is_small() -> None:
    # deflate itself reaches 1,030 to 1, just over the cap
    assert bomb(zlib.compress, "deflate") < 70 * MIB


def test_a_gzip_bomb_is_refused_while_it_is_small() -> None:
    assert bomb(gzip.compress, "gzip") < 70 * MIB


def test_a_zstd_bomb_is_refused_while_it_is_small() -> None:
    assert bomb(zstandard.compress, "zstd") < 70 * MIB


def test_a_small_body_may_shrink_as_it_likes() -> None:
    plain = bytes(DECOMPRESSION_RATIO_FROM)
    assert collect("zstd", zstandard.compress(plain)) == plain


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
def test_received_bytes_are_capped(coding: str) -> None:
    # A stored block repeated is no bomb by its ratio, but too much.
    random = os.urandom(MIB)
    member = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[coding](random)
    with pytest.raises(BodyTooLarge, match="128 MiB"):
        collect(coding, *[member] * (BODY_BYTES // MIB + 1))


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    collector = BodyCollector()
    chunk = bytes(8 * MIB)
    for _ in range(BODY_BYTES // len(chunk)):
        collector.feed(chunk)
    assert len(collector.finish()) == BODY_BYTES


def test_a_window_larger_than_the_limit_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True, write_content_size=False)
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    encoded = encoder.compress(os.urandom(1000)) + encoder.flush()
    with pytest.raises(InvalidBody):
        collect("zstd", encoded)


@pytest.mark.parametrize(
    ("coding", "empty"), [("gzip", gzip.compress(b"")), ("zstd", zstandard.compress(b""))], ids=["gzip", "zstd"]
)
def test_a_body_of_countless_empty_members_is_refused(coding: str, empty: bytes) -> None:
    with pytest.raises(BodyTooLarge, match="parts"):
        collect(coding, empty * (BODY_MEMBERS + 2))
