"""Events as lines for people and for programs."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from config.cli.event_lines import Style, json_line
from config.cli.moments import millis, moment, shown

PLAIN = Style(colours=False, zone=UTC)
COLOURED = Style(colours=True, zone=UTC, words=["time"])
AT = "2026-11-22T10:00:00.123456Z"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(raw: str = "GET /", **fields: Any) -> dict[str, Any]:
    attributes = fields.pop("attributes", {})
    return {"id": 1, "timestamp": AT, "raw_message": raw, "fields": fields, "attributes": attributes}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (event(), "2026-11-22 10:00:00.123Z       GET /"),
        (event(level="ERROR", host="web-1"), "2026-11-22 10:00:00.123Z ERROR web-1 GET /"),
        (event(host="h", service="s", replica="r"), "2026-11-22 10:00:00.123Z       r GET /"),
        (event("level=warn msg=x", level="WARN", message="x"), "2026-11-22 10:00:00.123Z WARN  level=warn msg=x"),
        (
            event('{"msg":"x",...', level="WARN", message="x y", status=500, status_class="5xx", service="s",
                  attributes={"user": 7, "tags": ["a"]}),
            '2026-11-22 10:00:00.123Z WARN  s x y status=500 user=7 tags=["a"]',
        ),
    ],
)  # fmt: skip
def test_what_a_line_shows(given: dict[str, Any], line: str) -> None:
    assert PLAIN.line(given) == line


def test_levels_are_coloured_and_what_was_searched_for_is_marked() -> None:
    line = COLOURED.line(event("Timeout at TIME", level="ERROR"))
    assert "\x1b[31mERROR\x1b[0m" in line
    assert line.endswith("\x1b[1;4mTime\x1b[0mout at \x1b[1;4mTIME\x1b[0m")
    assert "\x1b" not in PLAIN.line(event("Timeout", level="ERROR"))


def test_a_text_of_several_lines_is_one_line_but_on_a_terminal() -> None:
    trace = event("a\n\tb\r\nc\n")
    assert PLAIN.line(trace).endswith(" a\\n    b\\r\\nc\\n")
    assert Style(colours=False, zone=UTC, many_lines=True).line(trace).endswith(" a\n        b\n    c")


evil = st.text(st.sampled_from("a\x1b[]0;\x07\x9b\u202e\u2028\x00\r\b\n\tß{\U000e0001"), max_size=12)


@given(evil, evil, evil, st.booleans())
def test_no_text_can_steer_the_terminal(raw: str, level: str, name: str, many_lines: bool) -> None:
    style = Style(colours=False, zone=UTC, words=["a"], many_lines=many_lines)
    line = style.line(event("{" + raw, level=level, host=level, message=raw, attributes={name: raw, "list": [raw]}))
    assert all(each.isprintable() or (many_lines and each == "\n") for each in line)


@given(evil, st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
def test_json_has_the_same_values_and_nothing_that_steers(text: str, number: int, real: float) -> None:
    found = event(text, attributes={text: [text, number, real, None, True]})
    line = json_line(found)
    assert line.isprintable()
    assert json.loads(line) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", NOW - timedelta(hours=1)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22 10:00:01.5", datetime(2026, 11, 22, 10, 0, 1, 500_000, tzinfo=UTC)),
        ("2026-11-22T10:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T10:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
    ],
)
def test_times_are_read(text: str, expected: datetime) -> None:
    assert moment(text, now=NOW, zone=UTC) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "1x", "2026-13-01", "99999999999w", "0001-01-01x"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(text, now=NOW, zone=None)


def test_times_have_the_zone_that_they_are_read_in() -> None:
    assert shown(AT, timezone(timedelta(hours=5))) == "2026-11-22 15:00:00.123"
    assert shown("2026-11-22T10:00:00Z", UTC) == "2026-11-22 10:00:00.000Z"
    local = moment("2026-11-22T10:00", now=NOW, zone=None)
    assert shown(local.astimezone(UTC).isoformat(), None) == "2026-11-22 10:00:00.000"
    assert millis(moment("0001-01-01T00:00Z", now=NOW, zone=UTC)) == 0
