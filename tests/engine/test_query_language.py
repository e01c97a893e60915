"""The query language: what a text means, and how it is refused."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailsvc import limits
from tailsvc.errors import InvalidQuery
from tailsvc.events import Event
from tailsvc.filters import EVERYTHING, And, Between, Contains, Exists, Filter, Like, Not, OneOf, Or, matches
from tailsvc.filters.nodes import TEXT_FIELDS
from tailsvc.parsing.aliases import synonym, synonyms
from tailsvc.query_language import parse_query, searched_texts
from tests.factories.events import NOW

A, B, C = Contains("a"), Contains("b"), Contains("c")
ERROR, WARN = OneOf("level", ("ERROR",)), OneOf("level", ("WARN",))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", EVERYTHING),
        ("  \n ", EVERYTHING),
        ("*", EVERYTHING),
        ("a", A),
        ('"a b"', Contains("a b")),
        (r"a\ b", Contains("a b")),
        (r'"say \"a\" \\"', Contains('say "a" \\')),
        ("*a*", A),
        (r"a\*", Contains("a*")),
        ('"a*b"', Contains("a*b")),
        ('"12:30"', Contains("12:30")),
        ("and or not", And((Contains("and"), Contains("or"), Contains("not")))),
        ('"AND"', Contains("AND")),
        ("a - b", And((A, Contains("-"), B))),
        ("a-b", Contains("a-b")),
        # precedence
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("NOT a b", And((Not(A), B))),
        ("NOT (a b)", Not(And((A, B)))),
        ("-a OR -(b c)", Or((Not(A), Not(And((B, C)))))),
        ("NOT -a", Not(Not(A))),
        ("((a))", A),
        # fields
        ("level:error", ERROR),
        ("level:(err OR Warning)", Or((ERROR, WARN))),
        ("level:(NOT error AND -warn)", And((Not(ERROR), Not(WARN)))),
        ("level:(error OR (warn AND info))", Or((ERROR, And((WARN, OneOf("level", ("INFO",))))))),
        ("level:w*", Like("level", "W%")),
        ("method:get", OneOf("method", ("GET",))),
        ("severity:error", ERROR),
        ("user-agent:curl", OneOf("user_agent", ("curl",))),
        ("path:/api/*", Like("path", "/api/%")),
        ("path:*.php", Like("path", "%.php")),
        ("path:/a*z", Like("path", "/a%z")),
        (r"path:/100%_\\*", Like("path", r"/100\%\_\\%")),
        ('path:"/a*"', OneOf("path", ("/a*",))),
        ("path:=/a*", OneOf("path", ("/a*",))),
        ('message:*"timed out"*', Like("message", "%timed out%")),
        ('referrer:""', OneOf("referrer", ("",))),
        ('referrer:=""', OneOf("referrer", ("",))),
        ("path:a:b", OneOf("path", ("a:b",))),
        ("path:../etc", OneOf("path", ("../etc",))),
        ("message:[error]", OneOf("message", ("[error]",))),
        ("path:*", Exists("path")),
        ("NOT status:*", Not(Exists("status"))),
        ("status_class:*", Exists("status")),
        ("is_bot:yes", OneOf("is_bot", (True,))),
        # numbers
        ("status:500", OneOf("status", (500.0,))),
        ("status:5xx", Between("status", 500, 599)),
        ("status_class:5XX", Between("status", 500, 599)),
        ("status:>=500", Between("status", 500)),
        ("status:>500", Between("status", 500, includes_low=False)),
        ("status:<=500", Between("status", high=500)),
        ("status:<500", Between("status", high=500, includes_high=False)),
        ("status:=500", OneOf("status", (500.0,))),
        ("status:500..599", Between("status", 500, 599)),
        ("status:500..", Between("status", 500)),
        ("status:..599", Between("status", high=599)),
        ("status:[500 TO 599]", Between("status", 500, 599)),
        ("status:[ * TO 599 ]", Between("status", high=599)),
        ("status:[* TO *]", Exists("status")),
        ("status:([500 TO 599] OR 404)", Or((Between("status", 500, 599), OneOf("status", (404.0,))))),
        ("status:(>=500 AND <600)", And((Between("status", 500), Between("status", high=600, includes_high=False)))),
        ("response_time_ms:0.5..1.5", Between("response_time_ms", 0.5, 1.5)),
        # attributes
        ("attributes.user:7", OneOf("attributes.user", ("7",))),
        ("attributes.user:>-7", Between("attributes.user", -7, includes_low=False)),
        ("attributes.user:1..7", Between("attributes.user", 1, 7)),
        ("attributes.user:a..b", OneOf("attributes.user", ("a..b",))),
        ("attributes.user:a*", Like("attributes.user", "a%")),
        ("attributes.user:*", Exists("attributes.user")),
        ('attributes."a b:c":x', OneOf("attributes.a b:c", ("x",))),
        ('"attributes.a (b)":x', OneOf("attributes.a (b)", ("x",))),
    ],
)
def test_what_a_query_means(text: str, meant: Filter) -> None:
    assert parse_query(text) == meant


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("a AND", 6, "expected a word or a field:value, not the end"),
        ("OR a", 1, "not OR (in quotes it is a word)"),
        ("a OR AND b", 6, "not AND"),
        ("a NOT", 6, "not the end"),
        ("()", 2, "not )"),
        ("(a", 3, "expected ) for the ( in column 1"),
        ("a)", 2, "no ( for this )"),
        ('a "b c', 3, 'another "'),
        ("a\\", 2, "behind the backslash"),
        ('""', 1, "between the quotes"),
        ("a*b", 2, "message:a*b"),
        (":a", 1, "expected a field"),
        ("a stauts:1", 3, "no field 'stauts'. Did you mean status?"),
        ("user_id:7", 1, "attributes.<name>"),
        ("attributes.:7", 1, "no field 'attributes.'"),
        ("rt:>1", 1, "no field 'rt'"),  # in seconds: not what the field holds
        ("timestamp:1", 1, "no field 'timestamp'"),
        ("level:", 7, "a value of level"),
        ("level: error", 7, "directly behind the colon"),
        ("level:(error warn)", 14, "AND, OR or ) between the values of level"),
        ("level:(error", 13, "expected ) for the ( in column 7"),
        ("status:x", 8, "status: the value must be a number"),
        ("status:>", 9, "directly behind >"),
        ("path:=", 7, "directly behind ="),
        ("status:>= 5", 10, "directly behind >="),
        ("status:5*", 8, "write 5xx or 500..599"),
        ("is_bot:t*", 8, "takes no *"),
        ("is_bot:maybe", 8, "true or false"),
        ("status_class:6xx", 14, "1xx, 2xx"),
        ("level:>3", 7, "takes no >"),
        ("path:[a TO b]", 6, "takes no range"),
        ("status:[a TO b]", 8, "must be a number"),
        ("(" * 26 + "a" + ")" * 26, 26, "at most 25 deep"),
        ("NOT " * 26 + "a", 101, "at most 25 deep"),
        ("a " * 101, 201, "at most 100 words"),
        ("level:(" + "a OR " * 100 + "a)", 503, "at most 100 words"),
    ],
)
def test_a_query_is_refused_with_its_column(text: str, column: int, said: str) -> None:
    with pytest.raises(InvalidQuery, match=re.escape(said)) as refused:
        parse_query(text)
    assert refused.value.parameter == "query"
    assert str(refused.value).startswith(f"column {column}: ")


def test_what_is_as_long_and_as_deep_as_may_be_is_read() -> None:
    assert parse_query("a" * limits.QUERY_CHARS) == Contains("a" * limits.QUERY_CHARS)
    assert parse_query("(" * 25 + "a" + ")" * 25) == A
    assert len(parse_query("a " * 100).parts) == 100  # type: ignore[union-attr]
    with pytest.raises(InvalidQuery, match=r"4,097 characters"):
        parse_query("a" * (limits.QUERY_CHARS + 1))


def test_a_synonym_is_a_name_for_the_same_values() -> None:
    assert (synonym("msg"), synonym("httpMethod")) == ("message", "method")
    assert {synonym(name) for name in ("requestTime", "priority", "stream", "nothing")} == {None}
    event = Event(NOW, b"x", path="/a")
    for name in synonyms():
        matches(parse_query(f"{name}:*"), event)  # every one leads to a field that events have


def test_what_was_searched_for() -> None:
    assert searched_texts(parse_query('a ("b c" OR level:x) -d NOT (e f)')) == ["a", "b c"]


# What is printed is read

letters = st.sampled_from('aZ01 -:*"\\()[]=<>.%_,{}\t\nüß€\U0001f600')
texts = st.one_of(
    st.text(letters, max_size=6), st.text(max_size=4), st.sampled_from(["AND", "OR", "NOT", "-", "[1 TO 2]"])
)
numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False))
Printed = tuple[str, Filter]


def in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(text: str) -> str:
    return "".join(f"\\{each}" for each in text) or '""'


prints = st.sampled_from([in_quotes, escaped])
plain_fields = st.sampled_from(sorted(TEXT_FIELDS - {"level", "method"}))
attributes = texts.filter(bool)


def _field(name: str) -> str:
    own = name.removeprefix("attributes.")
    return name if own == name else "attributes." + in_quotes(own)


def _number(number: float) -> str:
    return repr(number)


@st.composite
def likes(draw: st.DrawFn, fields: st.SearchStrategy[str]) -> Printed:
    field, show = draw(fields), draw(prints)
    pieces = draw(st.lists(texts.filter(bool), min_size=1, max_size=3))
    ends = draw(st.sampled_from([("*", ""), ("", "*"), ("*", "*")]))
    pattern = "%".join(re.sub(r"([%_\\])", r"\\\1", piece) for piece in pieces)
    return (
        f"{_field(field)}:{ends[0]}{'*'.join(map(show, pieces))}{ends[1]}",
        Like(field, f"{ends[0] and '%'}{pattern}{ends[1] and '%'}".replace("\x00", "\ufffd")),
    )


any_field = st.one_of(plain_fields, attributes.map("attributes.{}".format))
any_number = st.one_of(st.sampled_from(["status", "response_time_ms"]), attributes.map("attributes.{}".format))
terms: st.SearchStrategy[Printed] = st.one_of(
    st.builds(lambda text, show: (show(text), Contains(text.replace("\x00", "\ufffd"))), texts.filter(bool), prints),
    st.builds(
        lambda field, text, show: (f"{_field(field)}:{show(text)}", OneOf(field, (text.replace("\x00", "\ufffd"),))),
        any_field, texts, prints,
    ),
    likes(any_field),
    st.builds(lambda field: (f"{_field(field)}:*", Exists(field)), any_field),
    st.builds(lambda field, low: (f"{_field(field)}:>={_number(low)}", Between(field, low)), any_number, numbers),
    st.builds(
        lambda field, high: (f"{_field(field)}:<{_number(high)}", Between(field, high=high, includes_high=False)),
        any_number, numbers,
    ),
    st.builds(
        lambda field, low, high: (f"{_field(field)}:[{_number(low)} TO {_number(high)}]", Between(field, low, high)),
        any_number, numbers, numbers,
    ),
)  # fmt: skip


def _grouped(printed: Printed) -> str:
    return f"({printed[0]})" if isinstance(printed[1], And | Or) else printed[0]


def _joined(word: str, node: Any) -> Any:
    def join(parts: list[Printed]) -> Printed:
        return word.join(map(_grouped, parts)), node(tuple(part[1] for part in parts))

    return join


def _grown(inner: st.SearchStrategy[Printed]) -> st.SearchStrategy[Printed]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(_joined(" OR ", Or)),
        several.map(_joined(" AND ", And)),
        several.map(_joined(" ", And)),
        inner.map(lambda one: (f"NOT {_grouped(one)}", Not(one[1]))),
        inner.map(lambda one: (f"-{_grouped(one)}", Not(one[1]))),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(terms, _grown, max_leaves=8))
def test_what_is_printed_is_read_back(printed: Printed) -> None:
    assert parse_query(printed[0]) == printed[1]


pieces = st.sampled_from(
    ["(", ")", '"', "\\", ":", "-", "*", "[", "]", " TO ", "..", " AND ", " OR ", "NOT ", ">=", "<", "=", " ", "a",
     "status", "level", "path", "attributes.", "500", "5xx", "\x00", "\u202e", "ß"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(pieces, max_size=25).map("".join)))
def test_nonsense_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = parse_query(text)
    except InvalidQuery as refused:
        column = int(re.match(r"column (\d+): ", str(refused))[1])  # type: ignore[index]
        assert 1 <= column <= len(text) + 1
    else:
        matches(found, Event(NOW, b"a", path="a", status=500, attributes={"a": 1}))
