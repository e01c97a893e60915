"""Strategies for events and filters: few letters, so that needles are found, and whatever evaluators disagree about."""

from hypothesis import strategies as st

from tailsvc.events import Event
from tailsvc.filters import And, Between, Contains, Exists, Filter, Like, Not, OneOf, Or
from tailsvc.filters.nodes import TEXT_FIELDS
from tailsvc.timestamps import iso_text

NOW = 1_767_225_600_000_000

# Few letters, so that needles are found; those whose case is disputed, wildcards, and what regular expressions mind.
LETTERS = "abAB\x1f%_\\.*[]^$-(){}|+?'\"\n\tüÜßẞİıKkſsµ€\U0001f600\ufffd"
texts = st.text(st.sampled_from(LETTERS), max_size=6)
text_fields = st.sampled_from(sorted(TEXT_FIELDS))
names = st.sampled_from(["a", "b", "ä", "a.b", "it's", "a.template", "raw.bytes", "rest"])
numbers = st.one_of(st.integers(-3, 600), st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from([1e300, 5e-324, 0.1]))
# Those that are written in several ways, or as which others are.
disputed = st.sampled_from([0.0, -0.0, 0, 1.0, 1e16, 10.0**15, 1e22, 123456789.5e300, 2.0**53, 2**53, -(2**53)])
nested = st.dictionaries(
    names | st.sampled_from(["zz", "y"]), disputed | texts | st.dictionaries(names, disputed, max_size=2), max_size=3
)
attribute_values = st.one_of(
    texts, st.integers(-3, 3), numbers, st.booleans(), st.none(), st.lists(st.integers(-(2**53), 2**53), max_size=2),
    st.sampled_from(["1", "1.0", "true", "-0"]), disputed, nested, st.lists(nested | disputed, max_size=2),
)  # fmt: skip


def nearby(name: str) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), texts)


events = st.builds(
    Event,
    timestamp=st.integers(NOW, NOW + 3),
    raw=st.one_of(texts.map(str.encode), st.binary(max_size=6)),
    status=st.one_of(st.none(), st.integers(100, 103)),
    response_time_ms=st.one_of(st.none(), st.floats(0, 1e300), st.integers(0, 3).map(float)),
    is_bot=st.booleans(),
    attributes=st.one_of(st.none(), st.dictionaries(names, attribute_values, min_size=1, max_size=3)),
    **{name: nearby(name) for name in TEXT_FIELDS},
)

leaves = st.one_of(
    st.builds(Exists, st.one_of(text_fields, st.sampled_from(["status", "response_time_ms", "is_bot"]),
              names.map("attributes.{}".format))),
    st.builds(OneOf, text_fields, st.lists(texts, min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, st.just("status"), st.lists(numbers.map(float), min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, st.just("is_bot"), st.lists(st.booleans(), min_size=1, max_size=2).map(tuple)),
    st.builds(Between, st.sampled_from(["status", "response_time_ms"]), st.none() | numbers.map(float),
              st.none() | numbers.map(float), st.booleans(), st.booleans()),
    st.builds(Like, text_fields, texts.map(lambda pattern: pattern.rstrip("\\"))),
    st.builds(Contains, texts.filter(bool)),
    st.builds(OneOf, names.map("attributes.{}".format),
              st.lists(st.one_of(texts, st.sampled_from(["1", "1.0", "1e0", "true", "false", "-0"])), min_size=1,
                       max_size=3).map(tuple)),
    st.builds(Between, names.map("attributes.{}".format), st.none() | numbers.map(float),
              st.none() | numbers.map(float), st.booleans(), st.booleans()),
    st.builds(Like, names.map("attributes.{}".format), texts.map(lambda pattern: pattern.rstrip("\\"))),
)  # fmt: skip
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=4,
)


def _formed(shape: int, at: int, word: str, path: str, status: int, took: float, number: int) -> Event:
    """An event whose line is made of its fields, as those of programs are."""
    iso = iso_text(at)
    match shape:
        case 0:
            line = f'{{"ts":"{iso}","path":"{path}","status":{status},"took":{took},"message":"{path} {status}ms"}}'
            return Event(at, line.encode(), path=path, status=status, response_time_ms=took,
                         message=f"{path} {status}ms")  # fmt: skip
        case 1:
            line = f'{path} - - "{word}" {status} {number}'
            return Event(at, line.encode(), path=path, status=status, attributes={"bytes": number, "w": word})
        case 2:
            return Event(at, f"[{at // 1000}] {word.upper()}: {number}x".encode(), level="ERROR", message=f"{number}x")
        case 3:
            # A time that ends at its seconds, or with three more digits, and touches what follows.
            zone = ("UTC", "Z", "é", "äüß"[: status % 3], "GMT ")[number % 5]
            return Event(at, f"{iso[: 19 + number % 2 * 4]}{zone} {word} in".encode(), message=f"{word} in")
        case _:
            return Event(at, f"level=warn msg={word}{path}".encode(), level="WARN", message=word + path)


formed_events = st.builds(
    _formed,
    st.integers(0, 4),
    st.integers(NOW, NOW + 5_000_000),
    st.sampled_from(["", "abc", "aß", "K", "word", 'q"uote', "100%"]),
    st.sampled_from(["/", "/a", "/abc/1", "/B%41", "ms", "200"]),
    st.sampled_from([200, 404, 500]),
    st.sampled_from([0.0, 1.5, 12.25, 0.1, 200.0]),
    st.sampled_from([0, 7, 200, 2**40, -3]),
)
any_events = st.one_of(events, formed_events)
