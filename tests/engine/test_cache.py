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


def test_what_was_found_out_outlives_the_columns_that_it_was_found_in() -> None:
    cache = Cache(limit=100_000)
    cache.put((1, "count", b"x" * 16), 17)
    for number in range(1_000):
        cache.put((number, "values"), b"x" * 5_000)
    assert cache.get((1, "count", b"x" * 16)) == 17
    assert cache.get((999, "values")) is not None
    assert cache.bytes <= 100_000


def test_what_is_small_has_no_more_than_its_share_beside_columns() -> None:
    cache = Cache(limit=100_000)
    for number in range(1_000):
        cache.put((number, "count"), number)
        cache.put((number, "values"), b"x" * 5_000)
    kept = sum(cache.get((number, "count")) is not None for number in range(1_000))
    assert 20 <= kept <= 40
    assert sum(cache.get((number, "values")) is not None for number in range(1_000)) >= 15
