"""Folding of case: long texts too, and without keeping the other threads from their turn."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc import folding
from tailsvc.folding import upper


@given(st.text(max_size=20))
def test_a_long_text_is_folded_letter_by_letter(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "_AT_ONCE", 3)
        assert upper(text) == "".join(map(upper, text))


def test_others_have_their_turn_meanwhile() -> None:
    folded = threading.Thread(target=upper, args=("\u00fc" * 10_000_000,))
    folded.start()
    turns = 0
    while folded.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 5  # of some eighty; in one step there was one
