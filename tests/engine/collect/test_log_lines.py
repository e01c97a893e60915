"""A container's log, taken apart."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.collect import log_lines
from tailsvc.collect.log_lines import LogLine, LogLines, NoLogLine

STAMP = "2026-11-22T10:00:00.000000001Z"
TIME = 1_795_341_600_000_000_001
LONGEST = 20


@pytest.fixture(autouse=True)
def _short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MOST_LINE_BYTES", LONGEST)


def read(data: bytes, *, pieces: int = 1_000_000, since: bool = False) -> list[LogLine]:
    lines, found, chance = LogLines(since=since), [], random.Random(pieces)
    while data:
        size = chance.randint(1, pieces)
        found += lines.feed(data[:size])
        data = data[size:]
    return found + lines.finish()


def printed(lines: list[LogLine]) -> bytes:
    """As the kubelet prints them."""
    return b"".join(f"2026-11-22T10:00:{time:02}.{time:09}Z ".encode() + line + b"\n" for time, line in lines)


@given(
    st.lists(st.tuples(st.integers(0, 59), st.binary(max_size=70).filter(lambda line: b"\n" not in line))),
    st.integers(1, 100),
    st.integers(0, 90),
)
def test_it_is_no_matter_where_it_is_cut(lines: list[tuple[int, bytes]], pieces: int, cut_off: int) -> None:
    data = printed([LogLine(*line) for line in lines])
    assert read(data, pieces=pieces) == read(data)
    assert b"".join(line for _, line in read(data)) == b"".join(line for _, line in lines)
    whole = data[: len(data) - cut_off]
    reading = LogLines()
    got = reading.feed(whole)
    assert got == read(data)[: len(got)]  # what is not whole yet is not told


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{STAMP} hello", LogLine(TIME, b"hello")),
        (f"{STAMP} ", LogLine(TIME, b"")),
        (STAMP, LogLine(TIME, b"")),
        (f"{STAMP}   two more ", LogLine(TIME, b"  two more ")),
        ("2026-11-22T12:00:00.000000001+02:00 hello", LogLine(TIME, b"hello")),
        ("2026-11-22T10:00:00Z hello", LogLine(TIME - 1, b"hello")),
        ("2026-11-22T10:00:00.5Z hello\r", LogLine(TIME - 1 + 500_000_000, b"hello\r")),
    ],
)
def test_times_are_read_as_clusters_print_them(line: str, expected: LogLine) -> None:
    assert read(line.encode() + b"\n") == read(line.encode()) == [expected]


def test_a_long_line_becomes_several_of_its_time() -> None:
    line = bytes(range(65, 90)) * 2
    expected = [LogLine(TIME, line[:20]), LogLine(TIME, line[20:40]), LogLine(TIME, line[40:])]
    assert read(f"{STAMP} ".encode() + line + b"\n", pieces=7) == expected
    assert read(f"{STAMP} ".encode() + b"x" * 40, pieces=7) == [LogLine(TIME, b"x" * 20)] * 2


@pytest.mark.parametrize("text", ["unable to retrieve container logs", "2026-13-45T10:00:00Z x", f"{STAMP}x", "\xff"])
def test_what_is_no_line_is_told(text: str) -> None:
    with pytest.raises(NoLogLine, match=text[:10]):
        read(f"{STAMP} fine\n{text}\n".encode())
    with pytest.raises(NoLogLine):
        read(f"{STAMP} fine\n{text}".encode())


def test_the_rest_of_a_line_that_began_before_is_passed_over() -> None:
    data = b"x" * 60 + f"\n{STAMP} hello\n".encode()
    assert read(data, since=True) == read(data, pieces=5, since=True) == [LogLine(TIME, b"hello")]
    with pytest.raises(NoLogLine):
        read(data)
    with pytest.raises(NoLogLine, match="too many open files"):
        read(b"too many open files", since=True)


def test_what_a_kubelet_of_old_prints_within_a_line_is_part_of_the_line() -> None:
    """Up to 1.25.3 a line's time stands before each part of it. A program may have written the same itself."""
    assert read(f"{STAMP} a{STAMP} b\n".encode(), pieces=9)[0].time == TIME
    assert b"".join(line for _, line in read(f"{STAMP} a{STAMP} b\n".encode())) == f"a{STAMP} b".encode()
