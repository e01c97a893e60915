"""Hostile and broken input has a defined outcome, in time that grows no faster than the input."""

import time
from collections.abc import Sequence

import pytest

from tailsvc.errors import BodyTooLarge
from tailsvc.events import Event, searchable
from tailsvc.limits import BODY_LINES, LINE_BYTES, MIB, REJECTION_SAMPLE_BYTES
from tailsvc.parsing import BodyKind, parse_body

NOW = 1_735_732_800_000_000


def events(body: bytes, kind: BodyKind = BodyKind.NDJSON) -> Sequence[Event]:
    parsed = parse_body(body, kind=kind, received_at=NOW)
    assert parsed.rejections == []
    return parsed.events


def reasons(body: bytes, kind: BodyKind = BodyKind.NDJSON) -> list[str]:
    parsed = parse_body(body, kind=kind, received_at=NOW)
    assert parsed.events == []
    return [rejection.reason for rejection in parsed.rejections]


def test_nul_is_kept_in_the_raw_line_only() -> None:
    for body, kind in [(b'{"message":"a\x00b"}', BodyKind.NDJSON), (b"ERROR: a\x00b", BodyKind.TEXT)]:
        (event,) = events(body, kind)
        assert (event.raw, event.message) == (body, "a\ufffdb")


def test_an_escaped_nul_in_a_log_is_a_nul_of_the_raw_line() -> None:
    (event,) = events(b'{"log":"ERROR: a\\u0000b","x\\u0000":"\\u0000"}')
    assert (event.raw, event.message) == (b"ERROR: a\x00b", "a\ufffdb")
    assert event.attributes == {"x\ufffd": "\ufffd"}


def test_an_escaped_nul_of_json_in_a_log_is_replaced() -> None:
    (event,) = events(rb'{"log":"{\"msg\":\"a\\u0000b\"}"}')
    assert (event.raw, event.message) == (rb'{"msg":"a\u0000b"}', "a\ufffdb")


def test_invalid_utf_8_is_kept_in_the_raw_line_only() -> None:
    for body, raw, kind in [
        (b'{"message":"a\xff\xe2\x82"}', b'{"message":"a\xff\xe2\x82"}', BodyKind.NDJSON),
        (b'{"log":"ERROR: a\xff\xe2\x82"}', b"ERROR: a\xff\xe2\x82", BodyKind.NDJSON),
        (b'"ERROR: a\xff\xe2\x82"', b"ERROR: a\xff\xe2\x82", BodyKind.NDJSON),
        (b"ERROR: a\xff\xe2\x82", b"ERROR: a\xff\xe2\x82", BodyKind.TEXT),
    ]:
        (event,) = events(body, kind)
        assert (event.raw, event.message) == (raw, "a\ufffd\ufffd")
        assert "a\ufffd\ufffd" in searchable(event.raw)


def test_lone_surrogates_are_replaced() -> None:
    (direct, wrapped) = events(b'{"message":"a\\ud800b","\\udfff":1}\n{"log":"ERROR: a\\ud800b"}')
    assert (direct.message, direct.attributes) == ("a\ufffdb", {"\ufffd": 1})
    assert (wrapped.message, wrapped.raw) == ("a\ufffdb", "ERROR: a\ufffdb".encode())


def test_surrogate_pairs_are_characters() -> None:
    assert events(b'{"message":"\\ud83d\\ude00"}')[0].message == "😀"


def test_line_ends_and_blank_lines_are_no_part_of_lines() -> None:
    body = b'\xef\xbb\xbf{"a":1}\r\n\r\n   \n\t\r\n{"a":2}\n\n"x"\r\n'
    parsed = parse_body(body, kind=BodyKind.NDJSON, received_at=NOW)
    assert [event.raw for event in parsed.events] == [b'{"a":1}', b'{"a":2}', b"x"]
    assert [*parsed.lines] == [1, 5, 7]


def test_spaces_around_an_object_are_part_of_its_line() -> None:
    assert events(b'  {"a":1} \t')[0].raw == b'  {"a":1} \t'


def test_other_line_separators_of_unicode_end_no_line() -> None:
    body = "a\u2028b\x85c\x0bd".encode()
    assert [event.raw for event in events(body, BodyKind.TEXT)] == [body]


def test_a_rejection_says_where_why_and_what() -> None:
    body = b'{"a":1}\n\n{"b":' + b"x" * 5000 + b'\n{"c":1}\nnull'
    parsed = parse_body(body, kind=BodyKind.NDJSON, received_at=NOW)
    assert [*parsed.lines] == [1, 4]
    assert [(rejection.line, rejection.reason) for rejection in parsed.rejections] == [
        (3, "The line is not valid JSON."),
        (5, "A null is not an event; send an object or a string."),
    ]
    assert parsed.rejections[0].sample == (b'{"b":' + b"x" * 5000)[:REJECTION_SAMPLE_BYTES]


@pytest.mark.parametrize("line", [b"1", b"-0.5e9", b"1e999", b"NaN", b"Infinity", b"true", b"null", b"[]", b'["x"]'])
def test_a_value_that_is_no_event_is_rejected(line: bytes) -> None:
    (reason,) = reasons(line)
    assert reason.endswith("is not an event; send an object or a string.")


@pytest.mark.parametrize(
    "line", [b"{", b'{"a"}', b"'a'", b'{"a":1}{"b":2}', b'{"a":1},{"b":2}', b"plain text", b"\x00", b"\xff"]
)
def test_a_line_that_is_no_json_is_rejected(line: bytes) -> None:
    assert reasons(line) == ["The line is not valid JSON."]


def test_lines_that_only_together_are_json_are_rejected_singly() -> None:
    assert reasons(b'{"a":[1\n2]}') == ["The line is not valid JSON."] * 2


@pytest.mark.parametrize("deep", [b'{"a":' * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 100_000])
@pytest.mark.parametrize("kind", BodyKind)
def test_depth_is_rejected_not_followed(deep: bytes, kind: BodyKind) -> None:
    parsed = parse_body(b'{"a":1}\n' + deep + b'\n{"a":2}', kind=kind, received_at=NOW)
    assert [*parsed.lines] == ([1, 2, 3] if kind is BodyKind.TEXT else [1, 3])


def test_deep_json_in_a_log_is_plain_text() -> None:
    (event,) = events(b'{"log":"' + b'[{\\"a\\":' * 5000 + b'"}')
    assert event.attributes is None


@pytest.mark.parametrize("kind", [BodyKind.NDJSON, BodyKind.TEXT])
def test_a_line_over_the_limit_is_rejected_and_one_at_the_limit_kept(kind: BodyKind) -> None:
    longest = b'"' + b"x" * (LINE_BYTES - 2) + b'"'
    parsed = parse_body(b"\n".join([b'"a"', longest, longest + b" ", b'"b"']), kind=kind, received_at=NOW)
    assert [*parsed.lines] == [1, 2, 4]
    assert parsed.rejections[0][:2] == (3, "The line is longer than 16 MiB.")


def test_too_many_lines_are_refused_as_a_whole() -> None:
    with pytest.raises(BodyTooLarge):
        parse_body(b"\n" * (BODY_LINES + 1), kind=BodyKind.TEXT, received_at=NOW)


def test_too_many_elements_are_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailsvc.parsing.body.BODY_LINES", 5000)
    at_the_limit = b"[" + b"1," * 4999 + b"1]"
    assert len(reasons(at_the_limit, BodyKind.JSON)) == 5000
    with pytest.raises(BodyTooLarge):
        parse_body(b"[" + b"1," * 5000 + b"1]", kind=BodyKind.JSON, received_at=NOW)


def test_a_carriage_return_inside_a_text_line_is_kept() -> None:
    assert [event.raw for event in events(b"a\rb\r\r\n", BodyKind.TEXT)] == [b"a\rb\r"]


EVIL = {
    "quotes": '"' * MIB,
    "escaped quotes": '\\"' * (MIB // 2),
    "brackets": "[" * MIB,
    "access heads": " [" * (MIB // 2) + '] "',
    "access line": "1.2.3.4 - - [01/Jan/2025:10:00:00 +0000] " + '"\\' * (MIB // 2),
    "access user": "a a " + "a " * (MIB // 2) + '[01/Jan/2025:10:00:00 +0000] "',
    "access rest": '1.2.3.4 - - [01/Jan/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 1 ' + "0.1" * (MIB // 3),
    "pairs": "a=b " * (MIB // 4),
    "same pairs": "a=" + "b" * MIB + " c=d",
    "pairs and junk": "a=b " * (MIB // 4) + '"',
    "open pair": 'a=b c="' + "\\x" * (MIB // 2),
    "keys": "a" * MIB + "=",
    "equals": "a=" + "=" * MIB,
    "syslog": "<13>1 2025-01-01T10:00:00Z a b c d " + '[a b="c"]' * (MIB // 9),
    "open syslog": "<13>1 2025-01-01T10:00:00Z a b c d [a" + ' b="c\\]"' * (MIB // 8),
    "syslog tags": "Jan  1 10:00:00 " + "a" * MIB,
    "java": "2025-01-01 10:00:00 [" + "[a" * (MIB // 2),
    "stamps": "2025-01-01 10:00:00 " * (MIB // 20),
    "levels": "ERROR" * (MIB // 5),
    "spaces": "2025-01-01 10:00:00" + " " * MIB + "x",
    "json": '{"a":"' + "\\u0000" * (MIB // 6) + '"}',
    "braces": "{" * MIB,
    "laravel": "[2025-01-01 10:00:00] " + "a" * MIB + ".ERROR: x",
    "agent": '1.2.3.4 - - [01/Jan/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "'
    + "Mozilla bot " * (MIB // 12)
    + '"',
    "plain": "The quick brown fox. " * (MIB // 21),
}


@pytest.mark.parametrize("name", EVIL)
def test_no_long_line_takes_long(name: str) -> None:
    line = EVIL[name].encode()
    began = time.process_time()
    (event,) = events(line, BodyKind.TEXT)
    # A megabyte in linear time takes a few hundredths of a second; in quadratic time, hours.
    assert time.process_time() - began < 3
    assert event.raw == line


def test_a_line_of_ten_megabytes_is_an_event() -> None:
    body = b'{"log":"' + b"x" * (10 * MIB) + b'","filename":"a"}'
    (event,) = events(body)
    assert (len(event.raw), event.filename) == (10 * MIB, "a")


def test_many_bad_lines_take_no_longer_than_good_ones() -> None:
    began = time.process_time()
    assert len(reasons(b'{"a":\n' * 20_000)) == 20_000
    assert time.process_time() - began < 5


def test_many_shapes_do_not_fill_the_memory() -> None:
    body = b"\n".join(b'{"k%d":1,"log":"a%d=1 b=2"}' % (number, number) for number in range(3000))
    assert len(events(body)) == 3000
