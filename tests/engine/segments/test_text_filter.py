import random
import sys
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.folding import letters_like
from tailsvc.segments import text_filter
from tailsvc.segments.text_filter import Needle, bits_of, build

ALPHABET = 'aAbBkKKsSſßẞiIıİüÜéÅåÅΩωΩΙιͅЖж中𐐀𐐨😀\ud80009_-./":= \n\0'
TEXTS = st.text(ALPHABET, max_size=40)


@st.composite
def in_any_case(draw: st.DrawFn, text: str) -> str:
    return "".join(draw(st.sampled_from(letters_like(letter))) for letter in text)


@st.composite
def pieces(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    return draw(in_any_case(text[start : draw(st.integers(start, len(text)))]))


@given(st.data(), st.lists(TEXTS, min_size=1, max_size=8))
def test_no_piece_of_a_text_is_missed_in_any_case(data: st.DataObject, texts: list[str]) -> None:
    piece = data.draw(pieces(data.draw(st.sampled_from(texts))))

    assert may_contain(build(texts), Needle(piece))


@given(st.data(), st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from([' "', '":"', " - ", "\n"]))
def test_no_piece_of_a_line_is_missed_that_was_put_together_of_texts(
    data: st.DataObject, texts: list[str], seam: str
) -> None:
    piece = data.draw(pieces(seam.join(texts)))

    assert may_contain(build([*texts, seam]), Needle(piece))


@given(st.data(), st.text(max_size=200))
def test_no_piece_is_missed_where_texts_are_read_in_chunks(data: st.DataObject, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_filter, "_CHUNK_CHARS", 3)
        filter_ = build([text])

    assert may_contain(filter_, Needle(data.draw(pieces(text))))
    assert filter_ == build([text])


def test_all_letters_that_count_as_equal_are_found() -> None:
    for code_point in range(sys.maxunicode + 1):
        letters = letters_like(chr(code_point))
        if len(letters) > 1 and letters[0] == chr(code_point):
            filter_ = build([letters[0] * 5])
            assert all(may_contain(filter_, Needle(letter * 5)) for letter in letters)


@pytest.mark.parametrize("length", [5, 6, 40])
def test_a_run_of_word_characters_is_told_from_others(length: int) -> None:
    filter_ = build(["x" * 40])

    assert may_contain(filter_, Needle("X" * length))
    assert not may_contain(filter_, Needle("y" * length))


@pytest.mark.parametrize("text", ["", "a", "abcd", "10.20.30.40", "a-b/c d", "2026-11-20", "éé"])
def test_a_needle_of_short_runs_excludes_nothing(text: str) -> None:
    needle = Needle(text)

    assert not needle.is_selective
    assert may_contain(build(["something else"]), needle)


@pytest.mark.parametrize("text", ["abcde", "ABC_1", '"x":"abcde', "a b c abcde d", "ééé", "中中"])
def test_a_needle_with_one_long_run_is_selective(text: str) -> None:
    needle = Needle(text)

    assert needle.is_selective
    assert not may_contain(build(["else"]), needle)


@pytest.mark.parametrize("texts", [[], [""], ["", "\n", "a", "b c d e f"]])
def test_a_group_without_runs_is_excluded_for_every_selective_needle(texts: list[str]) -> None:
    assert not may_contain(build(texts), Needle("hello"))
    assert may_contain(build(texts), Needle("b c"))


def test_runs_of_different_texts_do_not_join() -> None:
    assert not may_contain(build(["dead", "lock"]), Needle("deadlock"))


def test_a_filter_is_the_same_everywhere() -> None:
    # Stored in databases: another value here means another version.
    assert build(["Grüße, world 0123456789"]).hex() == "026080e0c70a04824892"


def test_a_damaged_filter_excludes_nothing() -> None:
    filter_, absent = build(["hello wonderful world"]), Needle("absent")
    assert not may_contain(filter_, absent)

    for length in range(len(filter_)):
        assert may_contain(filter_[:length], absent)
    for bit in range(8 * len(filter_)):
        flipped = bytearray(filter_)
        flipped[bit // 8] ^= 1 << bit % 8
        assert may_contain(bytes(flipped), absent)
    assert may_contain(filter_ + b"\0", absent)


def test_a_filter_of_another_version_excludes_nothing() -> None:
    assert may_contain(b"\1" + build(["hello"])[1:], Needle("absent"))


@given(st.binary(max_size=64))
def test_no_bytes_make_it_fail(filter_: bytes) -> None:
    assert may_contain(filter_, Needle("absent")) in (True, False)


def may_contain(filter_: bytes, needle: Needle) -> bool:
    return text_filter.may_contain(bits_of(filter_), needle)


def uuid(draws: random.Random) -> str:
    return str(UUID(int=draws.getrandbits(128)))


def sixteen_digits(draws: random.Random) -> str:
    return f"{draws.getrandbits(64):016x}"


def passing(filters: list[bytes], needles: list[Needle]) -> float:
    return sum(may_contain(filter_, needle) for filter_ in filters for needle in needles) / len(filters) / len(needles)


def group(draws: random.Random) -> list[str]:
    texts = [f"/api/v1/orders/{draws.randrange(2_000_000)}" for _ in range(2000)]
    texts += [".".join(str(draws.randrange(256)) for _ in range(4)) for _ in range(3000)]
    return texts + [f"msg=order accepted trace_id={uuid(draws)} user_id={draws.randrange(60_000)}" for _ in range(1200)]


def test_identifiers_that_are_nowhere_pass_almost_no_group() -> None:
    draws = random.Random(1)
    filters = [build(group(draws)) for _ in range(10)]

    assert all(len(filter_) < 8192 * 1.2 for filter_ in filters)
    assert passing(filters, [Needle(uuid(draws)) for _ in range(500)]) < 0.001
    assert passing(filters, [Needle(sixteen_digits(draws)) for _ in range(500)]) < 0.001
    assert passing(filters, [Needle("segfault"), Needle("kubernetes"), Needle("OOMKilled")]) < 0.2


def test_a_group_full_of_identifiers_stays_small_and_selective() -> None:
    draws = random.Random(2)
    filter_ = build(f"{uuid(draws)} {sixteen_digits(draws)}" for _ in range(8192))

    assert len(filter_) <= 256 * 1024 + 5
    assert passing([filter_], [Needle(uuid(draws)) for _ in range(2000)]) < 0.001
    assert passing([filter_], [Needle(sixteen_digits(draws)) for _ in range(2000)]) < 0.001


def test_lines_with_a_trace_and_a_span_each_are_not_read_for_others() -> None:
    """Of a segment, eight groups: less than 1 % are read for an absent uuid, less than 2 % for 16 digits."""
    draws = random.Random(3)
    lines = [f"{uuid(draws)} {draws.getrandbits(128):032x} {sixteen_digits(draws)}" for _ in range(8192)]
    filter_ = build(lines)

    assert len(filter_) <= 256 * 1024 + 5
    assert 8 * passing([filter_], [Needle(uuid(draws)) for _ in range(20_000)]) < 0.01
    assert 8 * passing([filter_], [Needle(sixteen_digits(draws)) for _ in range(20_000)]) < 0.02
