from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.timestamps import (
    iso_text,
    read_access_times,
    read_iso,
    read_klog_time,
    read_moment,
    read_syslog_time,
    read_times,
)

EARLY, LATE = datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("9998-01-01")


def micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * 1_000_000


NOON = micros("2025-01-01T12:00:00")


@pytest.mark.parametrize(
    ("notation", "moment"),
    [
        ("2025-01-01T12:00:00Z", (NOON, 1_000_000, 0)),
        ("2025-01-01T12:00:00", (NOON, 1_000_000, 0)),
        ("2025-01-01 12:00:00", (NOON, 1_000_000, 0)),
        ("2025-01-01t12:00:00z", (NOON, 1_000_000, 0)),
        ("2025/01/01 12:00:00", (NOON, 1_000_000, 0)),
        ("2025-01-01T12:00:00.5Z", (NOON + 500_000, 100_000, 0)),
        ("2025-01-01T12:00:00,123", (NOON + 123_000, 1000, 0)),
        ("2025-01-01T12:00:00.123456Z", (NOON + 123_456, 1, 0)),
        ("2025-01-01T12:00:00.123456789Z", (NOON + 123_456, 1, 789)),
        ("2025-01-01T12:00:00.123456789987654321Z", (NOON + 123_456, 1, 789)),
        ("2025-01-01T14:00:00+02:00", (NOON, 1_000_000, 0)),
        ("2025-01-01T14:00:00 +0200", (NOON, 1_000_000, 0)),
        ("2025-01-01T14:00:00+02", (NOON, 1_000_000, 0)),
        ("2025-01-01T06:30:00-05:30", (NOON, 1_000_000, 0)),
        ("2025-01-01 12:00:00 UTC", (NOON, 1_000_000, 0)),
        ("2025-01-01T13:00:00+01:00[Europe/Berlin]", (NOON, 1_000_000, 0)),
        ("2025-01-01T11:59:60Z", (NOON, 1_000_000, 0)),  # a leap second
        ("01/Jan/2025:13:00:00 +0100", (NOON, 1_000_000, 0)),
        (1735732800, (NOON, 1_000_000, 0)),
        (1735732800123, (NOON + 123_000, 1000, 0)),
        (1735732800123456, (NOON + 123_456, 1, 0)),
        (1735732800123456789, (NOON + 123_456, 1, 789)),
        (1735732800.25, (NOON + 250_000, 10_000, 0)),
        (1735732800123.5, (NOON + 123_500, 100, 0)),
        ("1735732800", (NOON, 1_000_000, 0)),
        ("1735732800.123", (NOON + 123_000, 1000, 0)),
        ("1735732800.123456789", (NOON + 123_456, 1, 789)),
        ("1735732800123456789", (NOON + 123_456, 1, 789)),
    ],
)
def test_a_notation_is_read(notation: Any, moment: tuple[int, int, int]) -> None:
    assert read_moment(notation) == moment


@pytest.mark.parametrize(
    "notation",
    [
        "", "soon", "2025-01-01", "12:00:00", "2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z", "2025-01-01T24:00:01Z",
        "2025-01-01T12:00:00.Z", "2025-01-01T12:00:00+2", "2025-01-01T12:00:00Zoo", "2025-01/01T12:00:00Z",
        "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "٢٠٢٥-01-01T12:00:00Z", "32/Jan/2025:13:00:00 +0100",
        "01/Foo/2025:13:00:00 +0100", "12345", 0, 12, -1735732800, 10**30, 0.25, float("nan"), float("inf"), 1e300,
        True, None, [1735732800], {}, "9" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(notation: Any) -> None:
    assert read_moment(notation) is None


@given(st.datetimes(EARLY, LATE), st.timezones() | st.none())
def test_every_iso_text_of_python_is_read(naive: datetime, zone: Any) -> None:
    moment = naive.replace(tzinfo=zone) if zone else naive.replace(tzinfo=UTC)
    offset = moment.utcoffset()
    if offset is None or offset.seconds % 60:
        return  # local mean times of the 19th century
    read = read_iso(moment.isoformat())
    assert read is not None
    assert datetime.fromisoformat(iso_text(read[0])) == moment


@given(st.lists(st.text(max_size=30) | st.datetimes(EARLY).map(lambda d: d.isoformat() + "Z")))
def test_many_times_are_read_as_one_by_one(texts: list[str]) -> None:
    if texts:
        micros, steps, nanos = read_times(texts)
        singly = [read_moment(text) or (None, 1, 0) for text in texts]
        assert [*zip(micros, steps, nanos, strict=True)] == singly


@st.composite
def alike(draw: st.DrawFn) -> list[str]:
    """Times in one notation, one of which may have another character somewhere."""
    digits, separator = draw(st.integers(0, 12)), draw(st.sampled_from("T _t"))
    zone = draw(st.sampled_from(["", "Z", " UTC", "+02:00", "-0530", ",5", ".5Z", "Zoo", "[Europe/Berlin]", "é"]))
    texts = [
        moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S").rjust(19, "0")
        + (f".{draw(st.integers(0, 10**digits - 1)):0{digits}d}" if digits else "")
        + zone
        for moment in draw(st.lists(st.datetimes(EARLY), min_size=1, max_size=4))
    ]
    if draw(st.booleans()):
        text = texts.pop()
        at = draw(st.integers(0, len(text) - 1))
        texts.append(text[:at] + draw(st.sampled_from(["0", "6", "9", "-", ".", "", "Z2", "é", "٢"])) + text[at + 1 :])
    return texts


seconds = st.decimals(90_000_000, 100_000_000_001, places=9) | st.decimals(1_500_000_000, 1_900_000_000, places=3)


@given(st.lists(seconds.map(float) | st.sampled_from([1e8, 1e11, 1735725600.0, 99_999_999.999]), min_size=1))
def test_seconds_with_decimals_are_read_together_as_each_by_itself(values: list[float]) -> None:
    for group in (values, [value for value in values if 1e8 <= value < 1e11]):
        micros, steps, nanos = read_times(group or [1e9])
        expected = [read_moment(value) or (None, 1, 0) for value in group or [1e9]]
        assert [*zip(micros, steps, nanos, strict=True)] == expected


@given(alike(), st.integers(0, 3))
def test_many_times_in_one_notation_are_read_as_one_by_one(texts: list[str], before: int) -> None:
    texts = [*texts[:1] * before, *texts]
    micros, steps, nanos = (found[: len(texts)] for found in read_times(texts * 64))
    singly = [read_moment(text) or (None, 1, 0) for text in texts]
    assert [*zip(micros, steps, nanos, strict=True)] == singly


def test_texts_of_another_length_are_no_shifted_times() -> None:
    texts = ["2026-11-20T00:00:00Z2", "026-11-20T00:00:00Z"] * 64
    assert set(read_times(texts)[0]) == {None}


def test_many_access_times_are_read_as_one_by_one() -> None:
    texts = ["01/Jan/2025:13:00:00 +0100", "01/Jan/2025:13:00:61 +0100", "01/Jan/2025:12:00:00 +0000", ""]
    assert [*read_access_times(texts)[0]] == [NOON, None, NOON, None]


@pytest.mark.parametrize(
    ("notation", "received", "expected"),
    [
        ("Dec 31 23:59:59", "2025-01-01T00:00:05", "2024-12-31T23:59:59"),
        ("Jan  1 00:00:01", "2024-12-31T23:59:58", "2025-01-01T00:00:01"),
        ("Jul 14 10:00:00", "2025-01-01T00:00:00", "2024-07-14T10:00:00"),
        ("Feb 29 10:00:00", "2025-03-01T00:00:00", "2024-02-29T10:00:00"),
        ("Feb 29 10:00:00", "2027-03-01T00:00:00", "2028-02-29T10:00:00"),
        ("Feb 29 10:00:00", "2100-03-01T00:00:00", "2104-02-29T10:00:00"),
    ],
)
def test_a_time_without_a_year_gets_the_nearest(notation: str, received: str, expected: str) -> None:
    moment = read_syslog_time(notation, micros(received))
    assert moment is not None
    assert moment[0] == micros(expected)


@pytest.mark.parametrize(
    ("notation", "received", "expected"),
    [
        ("0101 11:59:59.000000", "2025-01-01T12:00:00", "2025-01-01T11:59:59"),
        ("1231 23:59:59.000000", "2025-01-01T12:00:00", "2024-12-31T23:59:59"),
        ("0101 00:00:01.000000", "2024-12-31T23:59:00", "2025-01-01T00:00:01"),
        ("0229 10:00:00.000000", "2025-01-01T12:00:00", "2024-02-29T10:00:00"),
    ],
)
def test_month_and_day_of_klog_are_of_the_nearest_year(notation: str, received: str, expected: str) -> None:
    assert read_klog_time(notation, micros(received)) == (micros(expected), 1, 0)


@pytest.mark.parametrize("notation", ["1301 00:00:00.000000", "0132 00:00:00.000000", "0101 00:00:00", "", "0230 1"])
def test_a_broken_time_of_klog_is_none(notation: str) -> None:
    assert read_klog_time(notation, NOON) is None


@pytest.mark.parametrize("notation", ["Foo  1 00:00:01", "Jan 32 00:00:01", "Jan 1", "", "Feb 30 10:00:00"])
def test_a_broken_time_without_a_year_is_none(notation: str) -> None:
    assert read_syslog_time(notation, NOON) is None


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (NOON, "2025-01-01T12:00:00Z"),
        (NOON + 5000, "2025-01-01T12:00:00.005Z"),
        (NOON + 5, "2025-01-01T12:00:00.000005Z"),
        (0, "1970-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_written_with_the_decimals_it_needs(time: int, text: str) -> None:
    assert iso_text(time) == text
