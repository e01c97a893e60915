import json
from typing import Any

import pytest

from tailsvc.events import Event
from tailsvc.limits import ATTRIBUTE_NAME_CHARS, ATTRIBUTES_PER_EVENT, JSON_DEPTH
from tailsvc.parsing import BodyKind, columns, parse_body
from tailsvc.parsing.aliases import NAMES, find

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z
TEN = 1_735_725_600_000_000  # 10:00:00

USUAL: dict[int, Any] = {
    columns.TIMESTAMP: "2025-01-01T10:00:00Z",
    columns.LEVEL: "error",
    columns.STATUS: 503,
    columns.RESPONSE_TIME_MS: 2,
    columns.IP: "10.0.0.7",
    columns.STDIO: "stderr",
}
STORED: dict[int, Any] = {columns.TIMESTAMP: TEN, columns.LEVEL: "ERROR", columns.METHOD: "ABC"}
NUMBERED = {"severity_number": 17, "priority": 3, "log.syslog.severity.code": 3}
UNITS = {"rt": 2000, "request_time": 2000, "duration_seconds": 2000, "elapsed_seconds": 2000, "event.duration": 2e-6}


def read(value: Any) -> Event:
    text = value if isinstance(value, str) else json.dumps(value)
    parsed = parse_body(text.encode(), kind=BodyKind.NDJSON, received_at=NOW)
    assert parsed.rejections == []
    return parsed.events[0]


def nested(name: str, value: Any) -> Any:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
def test_a_name_fills_its_column_flat_and_nested(name: str) -> None:
    alias = find(name)
    assert alias is not None
    value = NUMBERED.get(name, USUAL.get(alias.column, "abc"))
    stored = UNITS.get(name, STORED.get(alias.column, value))
    for line in ({name: value}, nested(name, value)):
        event = read(line)
        assert event[alias.column] == stored
        assert event.attributes is None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("TraceId", "trace_id"),
        ("traceID", "trace_id"),
        ("trace-id", "trace_id"),
        ("StatusCode", "status_code"),
        ("User-Agent", "user_agent"),
        ("Level", "level"),
        ("SeverityText", "severity_text"),
        ("responseTime", "responseTime"),
        ("HTTPMethod", "http_method"),
    ],
)
def test_other_spellings_are_known(name: str, known: str) -> None:
    assert find(name) == find(known) is not None


@pytest.mark.parametrize("name", ["response_time", "duration", "id", "name", "İp", "x" * 10_000, ""])
def test_ambiguous_and_foreign_names_are_attributes(name: str) -> None:
    assert find(name) is None


@pytest.mark.parametrize(
    ("level", "stored"),
    [
        ("warning", "WARN"), (" Info ", "INFO"), ("err", "ERROR"), ("crit", "CRITICAL"), ("custom", "CUSTOM"),
        (10, "TRACE"), (30, "INFO"), (50, "ERROR"), (60, "FATAL"), (400, "ERROR"), (250, "NOTICE"),
        (0, "EMERGENCY"), (4, "WARN"), (7, "DEBUG"), ("30", "INFO"), ("x" * 300, "X" * 255),
    ],
)  # fmt: skip
def test_a_level_has_one_spelling(level: Any, stored: str) -> None:
    assert read({"level": level}).level == stored


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "abc"), ("status", 99), ("status", 1000), ("status", 200.5), ("status", True),
        ("level", 9), ("level", True),
        ("method", "NOT A METHOD"), ("method", 1), ("ip", "10.0.0"), ("ip", "010.0.0.1"), ("ip", 7), ("message", 5),
        ("response_time_ms", -1), ("response_time_ms", "fast"), ("stream", "kafka"), ("source", "db"), ("time", 0.25),
        ("ts", "soon"), ("user_agent", 5), ("user_agent", ["a", "b"]), ("host", ["a"]),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_stays_an_attribute(key: str, value: Any) -> None:
    event = read({key: value})
    assert event.attributes == {key: value}
    assert event[2:-1] == Event(0, b"")[2:-1]
    assert event.timestamp == NOW


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("10.0.0.7", "10.0.0.7"), ("10.0.0.7:8080", "10.0.0.7"), ("::1", "::1"), ("[2001:db8::1]:443", "2001:db8::1"),
        ("[::1]", "::1"), ("255.255.255.255", "255.255.255.255"),
    ],
)  # fmt: skip
def test_an_address_loses_its_port_and_brackets(given: str, stored: str) -> None:
    assert read({"ip": given}).ip == stored


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        ({"rt": 0.047}, 47.0),
        ({"rt": 0.2839}, 283.9),
        ({"rt": "0.003"}, 3.0),
        ({"response_time_ms": 12}, 12.0),
        ({"duration_ms": "1.25"}, 1.25),
        ({"event": {"duration": 1_500_000}}, 1.5),
        ({"response_time_ms": 5, "rt": 1}, 5.0),
    ],
)
def test_a_response_time_is_in_milliseconds(line: dict[str, Any], stored: float) -> None:
    event = read(line)
    assert event.response_time_ms == stored
    assert type(event.response_time_ms) is float


def test_of_two_names_the_first_of_the_table_wins_and_the_other_stays() -> None:
    event = read({"msg": "second", "message": "first"})
    assert (event.message, event.attributes) == ("first", {"msg": "second"})


def test_a_null_gives_way_to_another_name() -> None:
    event = read({"message": None, "msg": "said"})
    assert (event.message, event.attributes) == ("said", None)


def test_a_null_beside_the_name_that_is_taken_says_nothing() -> None:
    assert read({"message": "said", "msg": None}).attributes is None


def test_an_unknown_null_is_an_attribute() -> None:
    assert read({"x": None}).attributes == {"x": None}


def test_what_is_taken_from_a_nested_object_leaves_the_rest() -> None:
    event = read({"http": {"request": {"method": "GET", "bytes": 3}}, "host": {"name": "web1"}})
    assert (event.method, event.host) == ("GET", "web1")
    assert event.attributes == {"http": {"request": {"bytes": 3}}}


def test_pino_http_is_read() -> None:
    event = read(
        '{"level":30,"time":1735725600123,"pid":7,"hostname":"web1","req":{"id":1,"method":"GET","url":"/cart",'
        '"headers":{"host":"shop.example","user-agent":"curl/8.5.0"},"remoteAddress":"::1"},'
        '"res":{"statusCode":200},"responseTime":4,"msg":"request completed"}'
    )
    assert event[:9] == (
        TEN + 123_000, event.raw, "INFO", "GET", "/cart", "shop.example", 200, 4.0, "::1",
    )  # fmt: skip
    assert event.attributes == {"pid": 7, "hostname": "web1", "req": {"id": 1}}


def test_gelf_is_read() -> None:
    event = read('{"version":"1.1","host":"web1","short_message":"x","timestamp":1735725600.5,"level":1,"_user":9}')
    assert (event.timestamp, event.level, event.host, event.message) == (TEN + 500_000, "ALERT", "web1", "x")
    assert event.attributes == {"version": "1.1", "_user": 9}


def test_numbers_that_a_double_cannot_hold_become_text() -> None:
    line = (
        '{"a":9007199254740992,"b":9007199254740993,"c":123456789012345678901234567890,"d":1e999,"e":[NaN],"f":-1e300}'
    )
    assert read(line).attributes == {
        "a": 2**53,
        "b": "9007199254740993",
        "c": "123456789012345678901234567890",
        "d": "1e999",
        "e": ["NaN"],
        "f": -1e300,
    }


def test_a_number_of_a_hundred_thousand_digits_is_text() -> None:
    assert read('{"n":' + "9" * 100_000 + "}").attributes == {"n": "9" * 100_000}


def test_only_so_many_attributes_are_kept() -> None:
    event = read({f"k{number}": number for number in range(100_000)} | {"level": "info"})
    assert event.level == "INFO"
    assert event.attributes == {f"k{number}": number for number in range(ATTRIBUTES_PER_EVENT)}


def test_a_long_name_is_cut() -> None:
    assert read({"k" * 1000: 1}).attributes == {"k" * ATTRIBUTE_NAME_CHARS: 1}


def test_depth_is_limited() -> None:
    deepest = "[" * (JSON_DEPTH - 1) + "]" * (JSON_DEPTH - 1)
    assert read(f'{{"a":{deepest}}}').attributes is not None
    parsed = parse_body(f'{{"a":[{deepest}]}}'.encode(), kind=BodyKind.NDJSON, received_at=NOW)
    assert parsed.events == []
    assert "64 levels" in parsed.rejections[0].reason
