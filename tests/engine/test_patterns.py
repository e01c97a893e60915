"""LIKE: what it means, and that no pattern and no text make it dear."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc import limits
from tailsvc.deadlines import Deadline
from tailsvc.errors import InvalidFilter, StorageUnavailable
from tailsvc.filters import patterns
from tailsvc.filters.patterns import like, literals
from tailsvc.limits import LINE_BYTES, PATTERN_CHARS

# Few letters, so that much nearly fits; of one, two and four bytes.
_LETTERS = "aab\nü\U0001f600%_\\"
texts = st.text(st.sampled_from(_LETTERS), max_size=30)
pattern_texts = st.lists(st.sampled_from([*_LETTERS.replace("\\", ""), r"\%", r"\_", r"\\", r"\a"]), max_size=12).map(
    "".join
)


def reference(text: str, pattern: str) -> bool:
    """With a way back, which is what LIKE means, and what costs."""
    written = re.sub(
        r"(?s)\\(.)|(.)",
        lambda found: re.escape(found[1]) if found[1] else {"%": ".*", "_": "."}.get(found[2], re.escape(found[2])),
        pattern,
    )
    return re.fullmatch(written, text, re.DOTALL) is not None


@pytest.mark.parametrize(("few", "at_once"), [(0, 1), (0, 3), (0, 1 << 16), (1 << 18, 1)])
@given(texts, pattern_texts)
def test_it_means_what_an_expression_with_a_way_back_means(few: int, at_once: int, text: str, pattern: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "_FEW", few)
        patch.setattr(patterns, "_PLACES_AT_ONCE", at_once)
        assert like(text, pattern) is reference(text, pattern)
        assert like(text, "%a_b%" + pattern) is reference(text, "%a_b%" + pattern)


@given(texts, pattern_texts)
def test_a_match_has_all_literals(text: str, pattern: str) -> None:
    if like(text, pattern):
        assert all(literal in text for literal in literals(pattern))


def test_a_lone_backslash_at_the_end_is_refused() -> None:
    with pytest.raises(InvalidFilter, match="lone backslash"):
        like("a", "a\\")


_LONGEST = "a" * LINE_BYTES
_EVIL = [
    "%" + "_" * 4000 + "b%",
    "%" + "a_" * 2000 + "b%",
    "%" + "a" * 4000 + "b%",
    "%" + "a" * 2000 + "_" + "a" * 2000 + "b%",
    "%" + "".join("a" * count + "_" for count in range(1, 85)) + "b%",
    "%" + "a_%" * 1300 + "b%",
    "%" + "%".join(["a_a"] * 1000) + "_b%",
    "a%" * 2000 + "b",
]


@pytest.mark.parametrize("pattern", _EVIL, ids=range(len(_EVIL)))
def test_nobody_waits_for_a_pattern(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone over the longest line in short steps: threads wait for one only, and a deadline ends the rest."""
    assert len(pattern) <= PATTERN_CHARS
    monkeypatch.setattr(limits, "READ_SECONDS", 0.5)
    started = time.thread_time()
    with Deadline().holds(), suppress(StorageUnavailable):
        assert not like(_LONGEST, pattern)
    assert time.thread_time() - started < 5  # one step of the third took a minute and more
