"""The cache of what was read keeps to its limit."""

import tracemalloc

import numpy as np

from tailsvc.storage.postgres.cache import Cache


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = Cache(limit=10_000)
    for name in ("a", "b", "c"):
        cache.put((name,), b"x" * 2_000)
    assert cache.get(("a",)) is not None
    for name in ("d", "e"):
        cache.put((name,), b"x" * 2_000)
    assert [name for name in "abcde" if cache.get((name,)) is not None] == ["a", "c", "d", "e"]
    assert cache.bytes <= 10_000


def test_one_giant_does_not_throw_out_the_rest() -> None:
    cache = Cache(limit=10_000)
    cache.put(("small",), b"x" * 20)
    cache.put(("giant",), np.zeros(1000))
    assert cache.get(("giant",)) is None
    assert cache.get(("small",)) is not None


def test_what_is_put_again_counts_once() -> None:
    cache = Cache(limit=10_000)
    cache.put(("a",), b"x" * 20)
    once = cache.bytes
    for _ in range(10):
        cache.put(("a",), b"x" * 20)
    assert cache.bytes == once
    assert cache.get(("a",)) == b"x" * 20


def test_what_is_empty_takes_room_too() -> None:
    cache = Cache(limit=1_000_000)
    tracemalloc.start()
    for number in range(20_000):
        cache.put((number % 7, "message", 3, "holding", f"a needle that is nowhere {number}"), [])
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2_000_000
    assert cache.get((19_999 % 7, "message", 3, "holding", "a needle that is nowhere 19999")) == []
