"""What the documented examples do not show: variants, and what only looks like a format."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.events import Event
from tailsvc.parsing import BodyKind, parse_body
from tailsvc.parsing.bots import are_bots, is_bot
from tailsvc.parsing.logfmt import _PAIR, _TOKEN, _read_tokens, _Templates, read_logfmt

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z
AT_TEN = "01/Jan/2025:10:00:00 +0000"


def read(line: str) -> Event:
    parsed = parse_body(line.encode(), kind=BodyKind.TEXT, received_at=NOW)
    (event,) = parsed.events
    assert event.raw == line.encode()
    return event


def said(line: str) -> dict[str, Any]:
    event = read(line)
    return {name: value for name, value in event._asdict().items() if name not in ("raw", "timestamp") and value}


@pytest.mark.parametrize(
    ("after", "milliseconds"),
    [
        ("0.003", 3.0),
        ("0.003 0.002 .", 3.0),
        ('"-" 0.250', 250.0),
        ('"10.1.1.1, 10.1.1.2" rt=0.5 uct="0.001" urt="0.400"', 500.0),
        ("upstream=0.001 request_time=0.25", 250.0),
        ("12345", None),  # Apache's %D and %T cannot be told apart
        ('"-"', None),
        ("-", None),
    ],
)
def test_what_follows_a_combined_line_may_be_its_time(after: str, milliseconds: float | None) -> None:
    line = f'10.0.0.7 - - [{AT_TEN}] "GET / HTTP/1.1" 200 1 "-" "curl/8.5.0" {after}'
    assert read(line).response_time_ms == milliseconds


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /a b?c=d HTTP/1.1", {"method": "GET", "path": "/a b?c=d"}),
        ("get / HTTP/3", {"method": "GET", "path": "/"}),
        ('GET /\\"x\\" HTTP/1.1', {"method": "GET", "path": '/"x"'}),
        ("GET /\\x22 HTTP/1.1", {"method": "GET", "path": "/\\x22"}),
        ("\\x16\\x03\\x01", {"attributes": {"bytes": 1, "request": "\\x16\\x03\\x01"}}),
        ("GET /", {"attributes": {"bytes": 1, "request": "GET /"}}),
        ("-", {"attributes": {"bytes": 1}}),
        ("", {"attributes": {"bytes": 1}}),
    ],
)
def test_a_request_line_is_read_or_kept(request_line: str, expected: dict[str, Any]) -> None:
    found = said(f'10.0.0.7 - - [{AT_TEN}] "{request_line}" 200 1')
    if "attributes" not in expected:
        del found["attributes"]
    assert found == {"level": "INFO", "status": 200, "ip": "10.0.0.7", **expected}


@pytest.mark.parametrize(
    ("status", "level"), [(100, "INFO"), (204, "INFO"), (302, "INFO"), (404, "WARN"), (503, "ERROR"), (999, "INFO")]
)
def test_an_access_log_line_takes_its_level_from_its_status(status: int, level: str) -> None:
    assert read(f'10.0.0.7 - - [{AT_TEN}] "GET / HTTP/1.1" {status} -').level == level


def test_a_level_around_an_access_log_line_wins_over_its_status() -> None:
    log = f'10.0.0.7 - - [{AT_TEN}] \\"GET / HTTP/1.1\\" 503 1'
    body = f'{{"log":"{log}","level":"notice"}}'.encode()
    assert parse_body(body, kind=BodyKind.NDJSON, received_at=NOW).events[0].level == "NOTICE"


@pytest.mark.parametrize(
    ("client", "expected"),
    [("::1", {"ip": "::1"}), ("host.example", {"attributes": {"client": "host.example"}}), ("-", {})],
)
def test_a_client_is_an_address_or_a_name(client: str, expected: dict[str, Any]) -> None:
    found = said(f'{client} - - [{AT_TEN}] "-" 200 -')
    assert found == {"level": "INFO", "status": 200, **expected}


def test_a_user_may_have_spaces() -> None:
    event = read(f'10.0.0.7 - John Doe [{AT_TEN}] "-" 200 -')
    assert event.attributes == {"user": "John Doe"}


@pytest.mark.parametrize(
    "line",
    [
        "a=b", "a=b c", "a=b c=d e", "a=b c=\"d", "=a b=c", "a=b\"c d=e", "see http://x/?a=b and c=d",
        "{", "{}x", "[1]", "<999>x", "<>x", "ERROR", "ERROR happened", "error: x", "Errors: none", "INFORMATION: x",
        "99/Jan/2025", '10.0.0.7 - - [32/Jan/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 1',
        f'10.0.0.7 - - [{AT_TEN}] "GET / HTTP/1.1" 99 1', f'10.0.0.7 - - [{AT_TEN}] GET / 200 1',
        "2025-13-01 10:00:00 ERROR x", "[2025-01-01 10:00] production.ERROR: x", "Oct 11 something", "January sales",
        "I1301 10:22:33.123456 7 a.go:1] x", "I0101 10:22:33 7 a.go:1] x", "I0101 10:22:33.123456 a.go:1] x",
        "I0101 beam", "X0101 10:22:33.123456 7 a.go:1] x", "I0101 10:22:33.123456 7 a.go] x",
        "I0101 10:22:33.123456 7 a.go:1]x",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_format_has_no_fields(line: str) -> None:
    assert said(line) == {}
    assert read(line).timestamp == NOW


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ("2025-01-01 10:00:00 INFO: x", "INFO", "x"),
        ("2025-01-01T10:00:00+02:00 [Warning] x", "WARN", "x"),
        ("[2025-01-01 10:00:00,123] ERROR in app: x", "ERROR", "in app: x"),
        ("[2025-01-01T10:00:00.123456+00:00] local.NOTICE: x\n#0 y", "NOTICE", "x\n#0 y"),
        ("2025-01-01 10:00:00.123 ERROR [pool-1] c.a.Orders - x", "ERROR", "x"),
        ("2025-01-01 10:00:00 ERROR c.a.Orders:42 - x", "ERROR", "x"),
        ("2025-01-01 10:00:00 Errors were found", None, "Errors were found"),
        ("2025-01-01 10:00:00 error in module", None, "error in module"),
        ("INFO:     started", "INFO", "started"),
        ("CRITICAL:a.b:x", "CRITICAL", "x"),
    ],
)
def test_time_level_message(line: str, level: str | None, message: str) -> None:
    text = line.replace("\n", "\\n")
    (event,) = parse_body(f'{{"log":"{text}"}}'.encode(), kind=BodyKind.NDJSON, received_at=NOW).events
    assert (event.level, event.message, event.raw) == (level, message, line.encode())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "I0101 10:22:33.123456   12345 file.go:123] started",
            {"level": "INFO", "message": "started", "attributes": {"pid": "12345", "caller": "file.go:123"}},
        ),
        (
            'E1231 10:22:33.123456       1 pkg/reflector.go:9] "Failed" err="x] y"',
            {
                "level": "ERROR",
                "message": '"Failed" err="x] y"',
                "attributes": {"pid": "1", "caller": "pkg/reflector.go:9"},
            },
        ),
        (
            "F0101 10:22:33.123456 7 a.go:1] a=b c=d",
            {"level": "FATAL", "message": "a=b c=d", "attributes": {"pid": "7", "caller": "a.go:1"}},
        ),
        ("W0101 10:22:33.123456 7 a.go:1] ", {"level": "WARN", "attributes": {"pid": "7", "caller": "a.go:1"}}),
        ("W0101 10:22:33.123456 7 a.go:1]", {"level": "WARN", "attributes": {"pid": "7", "caller": "a.go:1"}}),
    ],
)
def test_klog(line: str, expected: dict[str, Any]) -> None:
    assert said(line) == expected
    assert read(line).timestamp % 1_000_000 == 123_456


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<13>hello", {"level": "NOTICE", "message": "hello", "attributes": {"facility": "user"}}),
        ("<0>1 - - - - - -", {"level": "EMERGENCY", "message": "", "attributes": {"facility": "kern"}}),
        (
            "<165>1 2025-01-01T10:00:00Z h a - - - \ufeffx",
            {"level": "NOTICE", "host": "h", "service": "a", "message": "x", "attributes": {"facility": "local4"}},
        ),
        (
            '<13>1 - - - - - [a@1 b="\\"\\]\\\\"][c@2] x',
            {"level": "NOTICE", "message": "x", "attributes": {"facility": "user", "a@1": {"b": '"]\\'}, "c@2": {}}},
        ),
        (
            "<13>Jan  1 10:00:00 root: x: y",
            {"level": "NOTICE", "service": "root", "message": "x: y", "attributes": {"facility": "user"}},
        ),
        (
            "<13>Jan  1 10:00:00 web1 no tag here",
            {"level": "NOTICE", "host": "web1", "message": "no tag here", "attributes": {"facility": "user"}},
        ),
        (
            '<13>1 - - - - - [pid b="1"][message c="2"][host d="3"][moment] x',
            {
                "level": "NOTICE",
                "message": "x",
                "attributes": {
                    "facility": "user",
                    "pid": {"b": "1"},
                    "message": {"c": "2"},
                    "host": {"d": "3"},
                    "moment": {},
                },
            },
        ),
        ("Jan  1 10:00:00 web1 su: x", {"host": "web1", "service": "su", "message": "x"}),
    ],
)
def test_syslog(line: str, expected: dict[str, Any]) -> None:
    found = said(line)
    assert {name: value for name, value in expected.items() if value} == found


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ("a=1 b=2", {"a": "1", "b": "2"}),
        ("a=1  b=2 ", {"a": "1", "b": "2"}),
        ('a="x y" b=', {"a": "x y", "b": ""}),
        ('a="\\"q\\" \\n \\u00fc" b=1', {"a": '"q" \n ü', "b": "1"}),
        ('a="\\q" b=1', {"a": "\\q", "b": "1"}),
        ('a="\\u0000\\ud800" b=1', {"a": "\ufffd\ufffd", "b": "1"}),
        ("a=1 a=2 b=3", {"a": "2", "b": "3"}),
        ("a=http://x/?b b=3", {"a": "http://x/?b", "b": "3"}),
        ("a==1 b=3", {"a": "=1", "b": "3"}),
    ],
)
def test_logfmt(line: str, pairs: dict[str, str]) -> None:
    found = read_logfmt(line)
    assert found is not None
    assert dict(zip(*found, strict=True)) == pairs


words = st.text('ab=1"\\ ', max_size=4)


@given(st.lists(st.tuples(st.sampled_from("abc"), words, st.booleans()), min_size=2, max_size=4), st.data())
def test_a_learned_template_reads_as_the_plain_way(shape: list[tuple[str, str, bool]], data: st.DataObject) -> None:
    templates = _Templates()
    templates._OFTEN = 2
    for _ in range(6):
        quoted = [data.draw(words) if data.draw(st.integers(0, 3)) == 0 else value for _, value, _ in shape]
        line = " ".join(
            f'{name}="{value}"' if quotes else f"{name}={value}"
            for (name, _, quotes), value in zip(shape, quoted, strict=True)
        )
        plainly = _read_tokens(_TOKEN.findall(line))
        by_template = templates.read(line)
        if by_template is not None:
            assert plainly is not None
            assert dict(zip(*by_template, strict=True)) == plainly
        elif plainly is not None:
            templates.see(line, (tuple(plainly), tuple(plainly.values())))


def test_a_template_is_learned_from_a_form_seen_often() -> None:
    templates = _Templates()
    line = 'ts=1 msg="a b" n='
    pairs = ("ts", "msg", "n"), ("1", "a b", "")
    assert len(_PAIR.findall(line)) == 3
    for _ in range(templates._OFTEN):
        assert templates.read(line) is None
        templates.see(line, pairs)
    assert templates.read(line) == pairs
    assert templates.read("ts=2 msg=x n=3") == (pairs[0], ("2", "x", "3"))
    assert templates.read("ts=2 msg=x n=3 o=4") is None


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("GPTBot/1.2", True),
        ("curl/8.5.0", True),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            False,
        ),
        ("", False),
        (None, False),
        ("x" * 2000 + "Googlebot", False),
    ],
)
def test_robots_are_known_by_their_agent(agent: str | None, bot: bool) -> None:
    assert is_bot(agent) is bot
    assert are_bots([agent, None]) == [bot, False]


def test_the_finer_of_two_equal_times_is_kept_else_the_inner() -> None:
    ten = NOW - 7_200_000_000
    cases = [
        ("2025-01-01T10:00:00.123Z", ten + 123_000),
        ("2025-01-01T10:00:00.123456Z", ten + 123_456),
        ("2025-01-01T12:00:00.5+02:00", ten + 500_000),
        ("2025-01-01T10:00:01Z", ten),
        ("2025-01-01T09:59:59.999Z", ten),
        ("nonsense", ten),
    ]
    for around, expected in cases:
        body = f'{{"log":"[2025-01-01 10:00:00] a.INFO: x","time":"{around}"}}'.encode()
        assert parse_body(body, kind=BodyKind.NDJSON, received_at=NOW).events[0].timestamp == expected


def test_an_inner_time_with_milliseconds_is_finer_than_the_same_second_around_it() -> None:
    body = b'{"log":"[2025-01-01 10:00:00.250] a.INFO: x","time":"2025-01-01T10:00:00Z"}'
    event = parse_body(body, kind=BodyKind.NDJSON, received_at=NOW).events[0]
    assert event.timestamp == NOW - 7_200_000_000 + 250_000


def test_a_time_a_day_ahead_is_kept_and_a_later_one_not() -> None:
    body = b'{"ts":"2025-01-02T12:00:00Z"}\n{"ts":"2025-01-02T12:00:00.000001Z"}'
    kept, received = parse_body(body, kind=BodyKind.NDJSON, received_at=NOW).events
    assert (kept.timestamp, kept.attributes) == (NOW + 86_400_000_000, None)
    assert (received.timestamp, received.attributes) == (NOW, {"original_timestamp": "2025-01-02T12:00:00.000001Z"})
