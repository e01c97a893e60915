"""Bodies of lines that are nearly alike, as programs write them, and of what comes between."""

from typing import Any

from hypothesis import strategies as st

# What may stand as a value, text by text: also what is no JSON, or not what it looks like.
TEXTS = [
    '"a"', '"b"', '""', '"ü"', '"-"', '"GET"', '"get"', '"warning"', '"INFO"', '"10.0.0.7"', '"10.0.0.7:80"', '"::1"',
    '"2025-01-01T10:00:00.123Z"', '"2025-01-01T10:00:00Z"', '"2025-01-01 10:00:00,123"', '"2025-01-01T10:00:60.000Z"',
    '"2025-01-01T10:00:00.123456789Z"', '"2099-01-01T00:00:00Z"', '"01/Jan/2025:10:00:00 +0100"', '"200"', '"1.50"',
    '"a\\"b"', '"\\u0000"', '"\\ud800"', '"\\u00fc"', '"a,b"', '"{}"', '"a:b}"', '"\x7f"', '"\U0001f600"',
    '"aa"', '"aaaaaaaaaaaaaaaa"',
]  # fmt: skip
NUMBERS = [
    "200", "404", "5", "-1", "0", "-0", "1.5", "38.6", "1.50", "12.0", "1e5", "1E400", "-0.0", "0.1", "1735725600",
    "1735725600.123", "9007199254740993", "123456789012345678901234567890", "0.1234567890123456789", "1e-7",
    "true", "false", "null", "NaN", "01", "1.", "+1", " 7", "7 ", "[1]", "{}", '{"a":1}', "[", "]", "1,2", '"', "",
]  # fmt: skip
NAMES = [
    "timestamp", "ts", "level", "severity", "status", "method", "path", "response_time_ms", "rt", "ip", "user_agent",
    "message", "msg", "host", "service", "n", "m", "ok", "a.b", "http", "ü", "", "log", "duration", "resp_headers",
    "mail.template", "raw.bytes", "rest",
]  # fmt: skip
OTHERS = [
    b"", b"  ", b"{}", b"[]", b"null", b"plain", b'"a text"', b'{"n":1}', b'{"n":1,"n":2}', b'{"n":"\xff"}',
    b'{"n":"\t"}', b'{"n":"a\x00b"}', b'{"log":"level=info msg=x"}', b'{"n":1}\r', b'\t{"n":1}',
    b'{"n":{"m":[1,2]}}', b'{"n":1} x',
]  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> list[bytes]:
    """Lines of one or two shapes, each often enough to be learned, and others among them."""
    lines: list[bytes] = []
    for _ in range(draw(st.integers(1, 2))):
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=draw(st.integers(0, 9)) > 0))
        # A kind of values for each name; now and then another one.
        usual = [
            draw(st.lists(st.sampled_from(draw(st.sampled_from([TEXTS, NUMBERS]))), min_size=1, max_size=4))
            for _ in names
        ]
        comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :")]))
        for _ in range(draw(st.integers(8, 24))):
            members = []
            for name, values in zip(names, usual, strict=True):
                odd = draw(st.integers(0, 40)) == 0
                value = draw(st.sampled_from(TEXTS + NUMBERS if odd else values))
                members.append(f'"{name}"{colon}{value}')
            lines.append(f"{{{comma.join(members)}}}".encode())
    for other in draw(st.lists(st.sampled_from(OTHERS), max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), other)
    return lines


NESTED = [
    "http.request.method", "http.request.headers.n", "http.response.status_code", "http.user_agent", "http.version",
    "request.headers.user_agent", "request.headers.n", "request.uri", "request.remote_ip", "req.headers.host",
    "user_agent.original", "user_agent", "service.name", "service", "log.level", "log.syslog.severity.code",
    "log.file.path", "event.duration", "event.kind", "event", "url.path", "url", "client.ip", "client_ip",
    "host.name", "hostname", "kubernetes.labels.app", "kubernetes.pod_name", "pod", "container.id", "container",
    "resp_headers.n", "duration", "ts", "time", "level", "Level", "severity", "msg", "n", "m.n.a", "m.n.b", "m.b",
    "original_timestamp", "time_unix_nano",
]  # fmt: skip
RARE = ['{"n":1,', '{"level":"x",', '{"\\u006e":2,', '{"rare":1,', '{"rare":{"b":null},', '{"a":2,"rare":"ü",']
WRAPPED = ['"level=info a=1 rare=2"', '"level=warn b=1"', '"text"', '"{\\"a\\":1}"', '"text\\n"', '{"a":1}', "7"]
LISTS = ['["a"]', '["a","b"]', "[]", "[9007199254740993]", "[1e300]", '[{"a":123456789012345678}]', '["curl/8"]']


@st.composite
def nested_bodies(draw: st.DrawFn) -> list[bytes]:
    """Lines of objects within objects, some around a line: names missing here and there, in any order, said twice, of
    unusual kinds, or in hardly any line."""
    names = draw(st.lists(st.sampled_from(NESTED), min_size=1, max_size=9, unique=True))
    values = st.sampled_from(TEXTS + NUMBERS[:24] + LISTS)
    usual = {name: draw(st.lists(values, min_size=1, max_size=3)) for name in names}
    is_shuffled, is_lacking, is_wrapped = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    lines = []
    for _ in range(draw(st.integers(2, 24))):
        order = draw(st.permutations(names)) if is_shuffled else names
        tree: dict[str, Any] = {}
        for name in order:
            odd = draw(st.integers(0, 40))
            if not (is_lacking and odd % 5 == 1):
                _plant(tree, name.split("."), draw(values if odd == 0 else st.sampled_from(usual[name])))
        if is_wrapped:
            tree["log"] = draw(st.sampled_from(WRAPPED))
        text = _written(tree)
        if draw(st.integers(0, 30)) == 0:
            text = text.replace("{", draw(st.sampled_from(RARE)), 1)
        lines.append(text.encode())
    return lines


def _plant(tree: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[path[-1]] = value


def _written(tree: dict[str, Any]) -> str:
    members = (f'"{name}":{_written(item) if isinstance(item, dict) else item}' for name, item in tree.items())
    return f"{{{','.join(members)}}}"
