"""The address of Explore, and what is offered to who types a query."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from apps.console.explore.completion import Place, offers_of_fields, offers_of_values, place_in, quoted
from apps.console.explore.fields import FIELDS, Clause, operators_for
from apps.console.explore.search import Search, read_search
from apps.console.explore.values import read_value
from apps.console.explore.windows import Between, Bounds, Last, read_moment
from tailsvc.errors import InvalidFilter, InvalidQuery
from tailsvc.filters import OneOf, parse_clauses
from tailsvc.filters.clauses import OPERATORS
from tailsvc.query_language import parse_query

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_clauses = st.one_of(
    st.builds(Clause, st.sampled_from(["path", "message", "attributes.a,b\\c"]), st.sampled_from(["=", "!="]), _texts),
    st.builds(Clause, st.just("status"), st.sampled_from([">=", "<"]), st.integers(0, 999)),
    st.builds(Clause, st.just("level"), st.just("in"), st.lists(_texts, max_size=3)),
)
_searches = st.builds(
    Search,
    window=st.one_of(
        st.sampled_from(["5m", "36h", "all", "1w"]).map(Last),
        st.tuples(st.integers(0, 2**42), st.integers(0, 2**42)).map(lambda pair: Between(*sorted(pair))),
    ),
    query=_texts.map(str.strip),
    clauses=st.lists(_clauses, max_size=3).map(tuple),
    columns=st.lists(st.sampled_from(["level", "line", "path", "attributes.a,b\\c"]), min_size=1, unique=True).map(
        tuple
    ),
    zone=st.sampled_from(["", "UTC", "Europe/Berlin"]),
    wrap=st.booleans(),
    compact=st.booleans(),
    live=st.booleans(),
    line=st.none() | st.integers(1, 2**63 - 1),
)


def read(text: str, zone: str = "") -> Search:
    params = QueryDict(text.removeprefix("?"))
    return read_search(params, dict(params.lists()), zone=zone)


@given(_searches)
def test_an_address_read_again_is_the_same_search(search: Search) -> None:
    assert read(search.address) == search


@given(st.text(max_size=60))
def test_whatever_an_address_holds_is_read_or_refused(text: str) -> None:
    names = ("last", "from", "to", "query", "filters", "columns", "zone", "line", "wrap", "field", "operator", "value")
    for name in names:
        params = QueryDict(mutable=True)
        params[name] = text
        try:
            search = read_search(params, {}, zone=text)
            search.question(NOW, timedelta(days=7))
        except (InvalidQuery, InvalidFilter):
            continue
        assert read(search.address) == search


def test_an_address_holds_what_differs_from_the_default() -> None:
    assert Search().address == "?last=1h"
    assert read("?last=15m&query=+timeout+&wrap=1") == Search(Last("15m"), "timeout", wrap=True)
    assert read("columns=nonsense,level,level") == Search(columns=("level",))


def test_clauses_come_and_go() -> None:
    error = Clause("level", "=", "ERROR")
    search = Search(line=7).plus(error).plus(Clause("path", "like", "/api/%")).plus(error)
    assert [clause.field for clause in search.clauses] == ["level", "path"]
    assert search.line is None
    assert search.minus(0).clauses == search.clauses[1:]
    assert search.cleared() == Search()


def test_columns_come_and_go_and_the_line_stays_last() -> None:
    search = Search().turned("path")
    assert search.columns == ("level", "path", "line")
    assert search.turned("level").turned("path").columns == ("line",)
    assert Search(columns=("path",)).turned("path") == Search()


def test_a_form_adds_a_filter() -> None:
    assert read("?field=status&operator=between&value=500..599").clauses == (
        Clause("status", "between", ["500", "599"]),
    )
    with pytest.raises(InvalidFilter, match="must be a number"):
        read("?field=status&operator=%3E&value=high")
    with pytest.raises(InvalidFilter, match="no operator"):
        read("?field=level&operator=like&value=x")


@pytest.mark.parametrize(
    ("operator", "text", "value"),
    [
        ("in", 'a, "b, c" ,,d', ["a", "b, c", "d"]),
        ("not_in", "", []),
        ("between", "200..299", ["200", "299"]),
        ("between", " 1.5 , 2 ", ["1.5", "2"]),
        ("between", "7", ["7"]),
        ("=", " a ", " a "),
    ],
)
def test_values_as_people_type_them(operator: str, text: str, value: Any) -> None:
    assert read_value(operator, text) == value


def test_every_field_and_each_of_its_operators_is_offered() -> None:
    assert set(FIELDS) == set(OPERATORS)
    values = {"between": ["1", "2"], "in": ["200"]}
    for field in [*FIELDS, "attributes.user"]:
        for operator, _ in operators_for(field):
            value = values.get(
                operator.removeprefix("not_"), {"is_bot": "true", "status_class": "5xx"}.get(field, "200")
            )
            assert not parse_clauses(json.dumps([Clause(field, operator, value).as_json()]), strict=True)[1]
    assert [operator for operator, _ in operators_for("response_time_ms")] == ["=", ">", ">=", "<", "<=", "between"]


# Windows


def test_the_last_so_long_ends_now_and_begins_no_earlier_than_logs_are_kept() -> None:
    end = round(NOW.timestamp() * 1000)
    week = timedelta(days=7)
    assert Last("15m").bounds(NOW, week) == Bounds(end - 900_000, end)
    assert Last("15m").bounds(NOW, week, end - 60_000) == Bounds(end - 960_000, end - 60_000)
    assert Last("15m").bounds(NOW, week, end + 60_000) == Last("15m").bounds(NOW, week)
    # A moment ago it was within what is kept.
    assert Last("167h").bounds(NOW, week, end - 2 * 3_600_000) == Bounds(None, end - 2 * 3_600_000)
    assert Last("30d").bounds(NOW, week) == Last("all").bounds(NOW, week) == Bounds(None, end)


def test_moments_are_of_the_zone_that_is_looked_at() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    expected = round(NOW.timestamp() * 1000)
    for text in (
        "2026-11-22 11:00",
        "2026-11-22T11:00",
        "2026-11-22T10:00:00Z",
        "2026-11-22T12:00+02:00",
        str(expected),
    ):
        assert read_moment("from", text, berlin) == expected
    for text in ("", "yesterday", "2026-13-01", "99999999999999999", "-5", "0001-01-01", "9999-12-31T23:59+00:00"):
        with pytest.raises(InvalidQuery):
            read_moment("from", text, berlin)
    with pytest.raises(InvalidQuery, match="before the start"):
        read("?from=20&to=10")


def test_a_window_says_what_it_is() -> None:
    assert [Last(span).words(UTC) for span in ("1h", "15m", "all")] == [
        "Last hour",
        "Last 15 minutes",
        "All that is kept",
    ]
    assert Between(0, 90_000).words(UTC) == "1970-01-01 00:00:00 – 00:01:30"
    assert Between(0, 86_400_000).words(UTC) == "1970-01-01 00:00:00 – 1970-01-02 00:00:00"


# Completion


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("", Place("", None, is_value=False)),
        ("timeout sta", Place("sta", None, is_value=False)),
        ("status:>=5", Place(">=5", "status", is_value=True)),
        ("-level:", Place("", "level", is_value=True)),
        ("severity:e", Place("e", "level", is_value=True)),
        ("nonsense:e", Place("e", None, is_value=True)),
        ("level:(ERROR OR w", Place("w", "level", is_value=True)),
        ("level:(ERROR OR (", Place("", "level", is_value=True)),
        ("level:(ERROR) pa", Place("pa", None, is_value=False)),
        ('message:"timed o', Place('"timed o', "message", is_value=True)),
        ('"a:b c', Place('"a:b c', None, is_value=False)),
        (r"path:/a\ b", Place(r"/a\ b", "path", is_value=True)),
        ('attributes."user id":7', Place("7", "attributes.user id", is_value=True)),
    ],
)
def test_where_somebody_types(before: str, place: Place) -> None:
    assert place_in(before) == place


@given(st.text(st.sampled_from('ab:()"\\ -*'), max_size=12))
def test_any_text_has_a_place(text: str) -> None:
    place = place_in(text)
    assert text.endswith(place.word)
    offers_of_fields(place, ["a"])


def test_fields_are_offered_by_what_was_typed() -> None:
    found = [offer.text for offer in offers_of_fields(place_in("sta"), ["status_text", "user id"])]
    assert found == ["status:", "status_class:", "attributes.status_text:"]
    assert next(offer.text for offer in offers_of_fields(place_in("ERR ip"), [])) == "ip:"
    assert [offer.text for offer in offers_of_fields(place_in("user"), ["user id"])] == [
        *("user_agent:", 'attributes."user id":')
    ]
    assert [offer.text for offer in offers_of_fields(place_in("a AND"), [])] == ["AND "]
    assert offers_of_fields(place_in(""), []) == []


def test_values_are_offered_as_they_must_be_written() -> None:
    counted = [("ERROR", 7), ("not (so) bad", 2)]
    assert [offer.text for offer in offers_of_values(place_in("level:"), counted)] == ["ERROR ", '"not (so) bad" ']
    assert [offer.text for offer in offers_of_values(place_in("level:err"), counted)] == ["ERROR "]
    assert "5xx " in [offer.text for offer in offers_of_values(place_in("status:"), [])]


@given(_texts.filter(bool).map(lambda text: text.replace("\0", "")).filter(bool))
def test_an_offered_value_means_itself(text: str) -> None:
    assert parse_query(f"message:{quoted(text)}") == OneOf("message", (text,))
