"""The quick way (by the column) and the plain one (line by line) must come to the same events."""

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailsvc.errors import InvalidBody
from tailsvc.event_tables import EventTables
from tailsvc.events import Event, by_name
from tailsvc.parsing import BodyKind, columns, flat_objects, object_attributes, object_groups, parse_body
from tailsvc.parsing import text as text_forms
from tailsvc.parsing.aliases import NAMES, find
from tailsvc.parsing.batch import Unusable, _json_event, _text_event
from tests.factories.bodies import bodies, nested_bodies

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z

keys = st.sampled_from([name for names in NAMES.values() for name in names] + ["log", "Level", "userAgent", "other"])
times = st.sampled_from(
    [
        "2025-01-01T10:00:00Z",
        "2025-01-01T10:00:00.123Z",
        "2025-01-01 10:00:00,123456",
        "2025-01-01T10:00:00.123456789+02:00",
        "2026-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2025-02-30T00:00:00Z",
        "01/Jan/2025:10:00:00 +0100",
        1735725600,
        1735725600.123,
        1735725600123456789,
        "1735725600123",
        12,
    ]
)
texts = st.one_of(
    st.sampled_from(
        ["info", "WARNING", "get", "200", "1.5", "10.0.0.1", "::1", "stdout", "", "-", "a\x00b", "ü", "\ud800"]
    ),
    st.text(max_size=12),
)
lines = st.sampled_from(
    [
        '1.2.3.4 - - [01/Jan/2025:10:00:00 +0000] "GET /a HTTP/1.1" 503 12 "-" "Googlebot/2.1"',
        'v.example 1.2.3.4 - bob [01/Jan/2025:10:00:00 +0000] "GET /a b HTTP/1.1" 200 - "http://r" "x\\"y" 0.123',
        'some.host - - [01/Jan/2025:10:00:00 +0000] "\\x16" 400 0',
        '1.2.3.4 - - [41/Jan/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 1',
        "ts=2025-01-01T10:00:00.123Z level=warn msg=x",
        'ts=2025-01-01T10:00:00Z level=warn msg="a b" log=x n=1',
        'level=warn msg="a \\"b\\"" a= level=info',
        "a=b c",
        '{"level":"info","msg":"x","time":1735725600}',
        '{"msg":"\\u0000","log":"y"}',
        '{"http":{"request":{"method":"GET"}}}',
        "{broken",
        "[2025-01-01 10:00:00] production.ERROR: boom",
        "[2025-13-01 10:00:00] production.ERROR: boom",
        "[2025-01-01 10:00:00] WARNING boom",
        "2025-01-01 10:00:00,123 - app - ERROR - boom",
        "2025-01-01T10:00:00.123Z web app[7]: level=warn a=b",
        "<13>Dec 31 10:00:00 web app: hello",
        '<13>1 2025-01-01T10:00:00Z web app - - - {"a":1}',
        "I1231 10:00:00.123456   12345 file.go:123] boom",
        'F0101 10:00:00.123456       1 a/b.go:1] "Failed" err="a b"',
        "E1331 10:00:00.123456 1 file.go:1] a=b",
        "ERROR: x",
        "plain\n",
        "plain\r\n",
    ]
)
numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.sampled_from([200, 99, 30, 7, -1, 2**53, 2**53 + 1])
)
leaves = st.one_of(times, texts, lines, numbers, st.booleans(), st.none())
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=4
)
USUAL: dict[int, st.SearchStrategy[Any]] = {
    columns.TIMESTAMP: st.one_of(times, st.integers(1_700_000_000_000, 1_735_000_000_000)),
    columns.LEVEL: st.sampled_from(["info", "WARNING", "err", "30", 30, 400, 3, "x"]),
    columns.METHOD: st.sampled_from(["GET", "post", "PATCH"]),
    columns.STATUS: st.one_of(st.integers(90, 1100), st.sampled_from(["200", "503 ", 404.0])),
    columns.RESPONSE_TIME_MS: st.one_of(st.floats(-1, 1e6), st.integers(0, 10**6), st.sampled_from(["1.5", " 2", "x"])),
    columns.IP: st.one_of(
        st.ip_addresses().map(str), st.sampled_from(["1.2.3.4:80", "[::1]:8080", "01.2.3.4", "host"])
    ),
    columns.STDIO: st.sampled_from(["stdout", "stderr", "other"]),
    columns.USER_AGENT: st.sampled_from(["curl/8.0", "Mozilla/5.0", "x" * 1100 + "Googlebot"]),
}
words = st.text("abcü -/", max_size=8)


def usual(key: str) -> st.SearchStrategy[Any]:
    if key == "log":
        return lines
    alias = find(key)
    if alias is None:
        return st.one_of(words, st.integers(-(2**54), 2**54), st.booleans(), st.none(), st.lists(words, max_size=2))
    return USUAL.get(alias.column, words)


@st.composite
def blocks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Objects of which many have the same keys and the usual values, as the columns need."""
    block = []
    for _ in range(draw(st.integers(1, 2))):
        shape = draw(st.lists(keys, min_size=1, max_size=7, unique=True))
        for _ in range(draw(st.integers(1, 5))):
            odd = draw(st.integers(0, 20))
            block.append({key: draw(values if odd == place else usual(key)) for place, key in enumerate(shape)})
    return draw(st.permutations(block))


@pytest.fixture(autouse=True, scope="module")
def few_lines_are_read_by_their_shape() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_objects, "FEWEST_LINES", 2)
        patch.setattr(object_groups, "FEWEST_ALIKE", 4)
        patch.setattr(object_attributes, "FEWEST_ALIKE", 2)
        patch.setattr(text_forms, "FEWEST_TEXTS", 1)
        yield


def singly(line: bytes) -> Event | None:
    try:
        return _json_event(line, NOW)
    except Unusable:
        return None


def comparable(events: Sequence[Event]) -> list[Any]:
    # repr: 1, 1.0 and True must not pass for each other. The order of attributes is the stores' to choose.
    return [repr(event._replace(attributes=event.attributes and by_name(event.attributes))) for event in events]


@settings(max_examples=200, deadline=None)
@given(blocks())
def test_objects_are_read_alike_in_tables_and_singly(block: list[dict[str, Any]]) -> None:
    encoded = [json.dumps(value).encode() for value in block]
    parsed = parse_body(b"\n".join(encoded), kind=BodyKind.NDJSON, received_at=NOW)
    assert comparable(parsed.events) == comparable([event for line in encoded if (event := singly(line))])
    assert len(parsed.events) + len(parsed.rejections) == len(block)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(lines, st.text(max_size=30)), max_size=8))
def test_texts_are_read_alike_in_tables_and_singly(block: list[str]) -> None:
    encoded = [line.encode("utf-8", "surrogatepass").replace(b"\n", b"").replace(b"\r", b"") for line in block]
    kept = [line for line in encoded if line and not line.isspace()]
    parsed = parse_body(b"\n".join(encoded), kind=BodyKind.TEXT, received_at=NOW)
    assert comparable(parsed.events) == comparable([_text_event(line, NOW) for line in kept])
    assert [event.raw for event in parsed.events] == kept


@settings(max_examples=150, deadline=None)
@given(bodies())
def test_lines_that_are_alike_are_read_by_their_shape_as_they_are_singly(lines: list[bytes]) -> None:
    expected = comparable([event for line in lines if (event := singly(line.removesuffix(b"\r")))])
    for _ in range(2):  # the first learns the shapes
        parsed = parse_body(b"\n".join(lines), kind=BodyKind.NDJSON, received_at=NOW)
        assert comparable(parsed.events) == expected
        assert len(parsed.lines) == len(parsed.events)


@settings(max_examples=150, deadline=None)
@given(nested_bodies())
def test_objects_within_objects_are_read_by_the_column_as_they_are_singly(lines: list[bytes]) -> None:
    parsed = parse_body(b"\n".join(lines), kind=BodyKind.NDJSON, received_at=NOW)
    read = {number: event for number, line in enumerate(lines, 1) if (event := singly(line))}
    assert comparable(parsed.events) == comparable([*read.values()])
    assert [*parsed.lines] == [*read]
    assert len(parsed.events) + len(parsed.rejections) == len(lines)


def shuffled(n: int) -> dict[str, Any]:
    names = Random(n).sample(["ts", "level", "msg", "status", "n", "m"], 6)
    return {name: 200 + n if name == "status" else f"{name}{n}" for name in names}


OTHERS: dict[str, Callable[[int], dict[str, Any]]] = {
    "nested": lambda n: {
        "log": {"level": "warn", "logger": "a"},
        "http": {"request": {"method": "GET", "id": n}, "response": {"status_code": 200}},
        "kubernetes": {"pod_name": f"p{n % 3}", "labels": {"app": "web", "tier": n}},
    },
    "Caddy": lambda n: {
        "duration": n / 7,
        "request": {"method": "GET", "uri": f"/{n}", "headers": {"User-Agent": ["curl/8"]}},
        "resp_headers": {},
    },
    "in any order": shuffled,
    "with names of its own": lambda n: {"msg": "x", **{f"n{bit}": n for bit in range(6) if n >> bit & 1}, f"own{n}": n},
    "dashes": lambda n: {"status": "-" if n % 3 else 200, "ip": "-" if n % 2 else "10.0.0.1", "rt": "-", "msg": "x"},
    "nested dashes": lambda n: {"http": {"status_code": "-" if n % 3 else 200, "n": 1}, "client": {"ip": "-"}},
    "tomorrow": lambda n: {"ts": f"2025-01-0{n % 3 + 1}T23:00:00.123456789Z", "msg": "x"},
    "no time": lambda n: {"ts": "-" if n % 2 else "2025-01-01T00:00:00Z", "time": None if n % 3 else 1735725600},
    "other names": lambda n: {"level" if n % 2 else "severity": "warn", "msg": None if n % 3 else "x", "message": "y"},
    "wrapped": lambda n: {"log": f"level=info n={n}", "kubernetes": {"pod_name": "p", "labels": {"a": n}}},
    "wrapped JSON": lambda n: {
        "log": json.dumps(shuffled(n)) + "\n",
        "stream": "stdout",
        **({"n": 1} if n % 2 else {}),
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_lines_of_other_shapes_are_read_as_they_are_singly_but_not_singly(name: str) -> None:
    lines = [json.dumps(OTHERS[name](number)).encode() for number in range(80)]
    events = EventTables.of(parse_body(b"\n".join(lines), kind=BodyKind.NDJSON, received_at=NOW).events)
    assert comparable(events) == comparable([event for line in lines if (event := singly(line))])
    assert events.singles == {}
    assert len(events.tables) <= 2


def test_lines_of_one_shape_are_not_parsed_one_by_one() -> None:
    lines = [f'{{"ts":"2025-01-01T10:00:{n:02d}Z","status":{200 + n},"msg":"x{n}"}}'.encode() for n in range(40)]
    parse_body(b"\n".join(lines), kind=BodyKind.NDJSON, received_at=NOW)
    events = parse_body(b"\n".join(lines), kind=BodyKind.NDJSON, received_at=NOW).events
    assert isinstance(events, EventTables)
    assert [table.woven is not None for table in events.tables] == [True]


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(BodyKind))
def test_no_body_raises_anything_but_invalid_body(body: bytes, kind: BodyKind) -> None:
    try:
        parsed = parse_body(body, kind=kind, received_at=NOW)
    except InvalidBody:
        assert kind is BodyKind.JSON
        return
    assert len(parsed.lines) == len(parsed.events)
    for event in parsed.events:
        for text in texts_of(event):
            assert "\x00" not in text
            text.encode()  # no surrogates


@pytest.mark.parametrize("kind", BodyKind)
def test_an_empty_body_has_no_items(kind: BodyKind) -> None:
    assert parse_body(b"", kind=kind, received_at=NOW) == ([], [], range(1, 1))
