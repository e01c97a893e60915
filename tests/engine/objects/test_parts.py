"""Durations, ages, pages' tokens, schemas as protobuf: the small parts that nothing else looks at by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.objects import openapi, openapi_protobuf
from tailsvc.objects.ages import short_age
from tailsvc.objects.catalogue import KINDS
from tailsvc.objects.durations import parse_duration, print_duration
from tailsvc.objects.forms import Fields
from tailsvc.objects.ownership import UPDATE, Claim, Manager, print_claims, read_claims
from tailsvc.objects.pagination import BadToken, Place, read_token, write_token


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("30m", "30m0s"),
        ("90m", "1h30m0s"),
        ("1.5s", "1.5s"),
        ("100ms", "100ms"),
        ("1500us", "1.5ms"),
        ("0", "0s"),
        ("-1h2m3s", "-1h2m3s"),
        ("1ns", "1ns"),
        ("0.5h", "30m0s"),
    ],
)
def test_durations_are_printed_as_go_does(text: str, printed: str) -> None:
    nanos = parse_duration(text)
    assert nanos is not None
    assert print_duration(nanos) == printed


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_is_printed_is_read_again(nanos: int) -> None:
    assert parse_duration(print_duration(nanos)) == nanos


@pytest.mark.parametrize("text", ["", "5", "h", "1 h", "1d", "--1s", "1h-5m", "9999999999h", "١s"])
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0s"), (119, "119s"), (130, "2m10s"), (900, "15m"), (4 * 3600 + 60, "4h1m"), (90_000, "25h"),
     (3 * 86_400 + 7200, "3d2h"), (100 * 86_400, "100d"), (3 * 365 * 86_400, "3y"), (9 * 365 * 86_400, "9y")],
)  # fmt: skip
def test_ages_are_short(seconds: int, told: str) -> None:
    assert short_age(seconds) == told


@given(st.integers(0, 2**62), st.text(max_size=20))
def test_a_token_is_read_by_its_own_list_alone(version: int, name: str) -> None:
    place = Place(version, name)
    token = write_token(place, team_id=1, plural="a", key=b"k")
    assert read_token(token, team_id=1, plural="a", key=b"k") == place
    for team_id, plural, key in ((2, "a", b"k"), (1, "b", b"k"), (1, "a", b"other")):
        with pytest.raises(BadToken):
            read_token(token, team_id=team_id, plural=plural, key=key)


_steps = st.one_of(st.text(max_size=5).map("f:{}".format), st.text("abc", max_size=3).map('v:"{}"'.format))
_paths = st.lists(_steps, min_size=1, max_size=4).map(tuple)


@given(st.frozensets(_paths, min_size=1, max_size=12))
def test_field_sets_come_back_as_they_were(fields: frozenset[tuple[str, ...]]) -> None:
    claims = {Manager("me", UPDATE): Claim(fields, "2026-01-01T00:00:00Z")}
    assert read_claims({"managedFields": print_claims(claims)}) == claims


def test_the_schemas_as_protobuf_hold_every_name() -> None:
    document = openapi.document_v2(list(KINDS.values()), "1")
    encoded = openapi_protobuf.encode(document)
    for name in [*document["definitions"], *document["paths"], "waitReason", "x-kubernetes-group-version-kind"]:
        assert name.encode() in encoded


def test_every_reference_of_the_schemas_leads_somewhere() -> None:
    kinds = list(KINDS.values())
    for document, prefix, names in (
        (two := openapi.document_v2(kinds, "1"), "#/definitions/", set(two["definitions"])),
        (three := openapi.document_v3(kinds, "1"), "#/components/schemas/", set(three["components"]["schemas"])),
    ):
        found = list(_references(document))
        assert found
        assert {one.removeprefix(prefix) for one in found} <= names


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for inner in value.values() for one in _references(inner)]
    return [one for inner in value for one in _references(inner)] if isinstance(value, list) else []


def test_names_that_come_twice_among_very_many_are_found_at_once() -> None:
    """Counting each by itself took minutes for a body of a MiB."""
    pairs = [(f"n{number}", number) for number in range(60_000)]
    fields = Fields.of([*pairs, ("n7", 0)])
    assert (len(fields), fields.repeated) == (60_000, ("n7",))
