"""The cache of what was read keeps to its limit."""

import numpy as np

from tailsvc.storage.postgres.cache import Cache


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = Cache(limit=100)
    for name in ("a", "b", "c"):
        cache.put((name,), b"x" * 25)
    assert cache.get(("a",)) is not None
    for name in ("d", "e"):
        cache.put((name,), b"x" * 25)
    assert [name for name in "abcde" if cache.get((name,)) is not None] == ["a", "c", "d", "e"][-4:]
    assert cache.bytes <= 100


def test_one_giant_does_not_throw_out_the_rest() -> None:
    cache = Cache(limit=100)
    cache.put(("small",), b"x" * 20)
    cache.put(("giant",), np.zeros(1000))
    assert cache.get(("giant",)) is None
    assert cache.get(("small",)) is not None


def test_what_is_put_again_counts_once() -> None:
    cache = Cache(limit=100)
    for _ in range(10):
        cache.put(("a",), b"x" * 20)
    assert cache.bytes == 20
    assert cache.get_or_make(("a",), lambda: b"never") == b"x" * 20
