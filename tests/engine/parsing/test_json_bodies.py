import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailsvc.errors import InvalidBody, UnknownCoding
from tailsvc.parsing import BodyKind, body_kind, parse_body
from tailsvc.parsing.json_array import elements, end_of_value

NOW = 1_735_732_800_000_000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (None, BodyKind.NDJSON),
        ("", BodyKind.NDJSON),
        ("application/x-ndjson", BodyKind.NDJSON),
        ("Application/NDJSON; charset=utf-8", BodyKind.NDJSON),
        ("application/jsonl", BodyKind.NDJSON),
        ("application/x-jsonlines", BodyKind.NDJSON),
        ("application/json", BodyKind.JSON),
        ("text/plain; charset=utf-8", BodyKind.TEXT),
    ],
)
def test_a_content_type_says_what_the_body_is(content_type: str | None, kind: BodyKind) -> None:
    assert body_kind(content_type) is kind


@pytest.mark.parametrize(
    "content_type",
    [
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/html",
        ";",
    ],
)
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(UnknownCoding):
        body_kind(content_type)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(values, st.sampled_from([None, 1])), min_size=1), st.sampled_from(["", " ", "\n\t"]))
def test_elements_are_the_very_bytes_of_the_body(items: list[tuple[Any, int | None]], space: str) -> None:
    texts = [json.dumps(value, indent=indent, ensure_ascii=indent is None).encode() for value, indent in items]
    gap = space.encode()
    body = gap + b"[" + gap + (gap + b"," + gap).join(texts) + gap + b"]" + gap
    assert [*elements(body, len(gap))] == texts


@pytest.mark.parametrize("body", [b"[]", b" [ ] \n", b"\xef\xbb\xbf[]"])
def test_an_empty_array_has_no_items(body: bytes) -> None:
    assert parse_body(body, kind=BodyKind.JSON, received_at=NOW)[:2] == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b'[{"a":1}',
        b'[{"a":1}{"b":2}]',
        b'["a',
        b"[1]]",
        b"[1] x",
        b'[{"a":"]',
        b"[:]",
    ],
)
def test_a_broken_array_is_an_invalid_body(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        parse_body(body, kind=BodyKind.JSON, received_at=NOW)


def test_a_bad_element_does_not_spoil_the_others() -> None:
    parsed = parse_body(b'[{"a":1}, {"b":nope}, "x", 5, {"log":"y"}]', kind=BodyKind.JSON, received_at=NOW)
    assert [event.raw for event in parsed.events] == [b'{"a":1}', b"x", b"y"]
    assert [*parsed.lines] == [1, 3, 5]
    assert [rejection.line for rejection in parsed.rejections] == [2, 4]


@pytest.mark.parametrize(
    ("body", "raws"),
    [
        (b'{"a":1}', [b'{"a":1}']),
        (b' {\n "a": {\n "b": "}" }\n}\n', [b'{\n "a": {\n "b": "}" }\n}']),
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\n"x"', [b'{"a":1}', b"x"]),
        (b'"x"', [b"x"]),
        (b"", []),
        (b"\n\n", []),
    ],
)
def test_json_may_be_one_object_or_lines(body: bytes, raws: list[bytes]) -> None:
    parsed = parse_body(body, kind=BodyKind.JSON, received_at=NOW)
    assert [event.raw for event in parsed.events] == raws
    assert parsed.rejections == []


@pytest.mark.parametrize("body", [b"null", b"5", b'{"a":', b'{"a"', b"x"])
def test_json_of_another_kind_is_rejected(body: bytes) -> None:
    parsed = parse_body(body, kind=BodyKind.JSON, received_at=NOW)
    assert (parsed.events, len(parsed.rejections)) == ([], 1)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_the_end_of_a_value_lies_behind_its_start(body: bytes, start: int) -> None:
    end = end_of_value(body, start)
    assert end is None or start < end <= len(body)


def test_many_elements_are_read_in_blocks() -> None:
    body = json.dumps([{"n": number} for number in range(5000)]).encode()
    parsed = parse_body(body, kind=BodyKind.JSON, received_at=NOW)
    assert [event.attributes for event in parsed.events] == [{"n": number} for number in range(5000)]
    assert [*parsed.lines] == [*range(1, 5001)]
