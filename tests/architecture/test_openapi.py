"""The API's document is complete: what is served is in it, what is in it is served."""

import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from apps.http.problems import CONTENT_TYPE
from tests.isolation.routes import CONSOLE, DIALECTS, RULES, found_routes

# For people and machines that do not read the document.
UNDOCUMENTED = {
    ("GET", "api/schema"),
    ("GET", "api/docs"),
    ("*", "livez"),
    ("*", "healthz"),
    ("*", "readyz"),
    ("*", "metrics"),
    ("GET", ""),
    ("GET", "console"),
    ("GET", "sign-up"),
    ("POST", "sign-up"),
    ("GET", "password"),
    ("POST", "password"),
    ("GET", "teams/new"),
    ("POST", "teams/new"),
    ("GET", "login"),
    ("POST", "login"),
    ("PUT", "login"),
    ("POST", "logout"),
    ("GET", "device"),
    ("POST", "device"),
}
INGEST = ("POST", "/api/ingest/")
DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = {
    (method.upper(), path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def documented(route: str) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


def test_every_route_is_documented_and_nothing_else_is() -> None:
    ours = {key for key in found_routes() - UNDOCUMENTED - {INGEST} if not key[1].startswith((*DIALECTS, CONSOLE))}
    served = {(method, documented(route)) for method, route in ours}
    assert set(OPERATIONS) == served | {("POST", "/api/ingest/{stream}")}


def test_the_list_of_undocumented_routes_is_not_stale() -> None:
    assert found_routes() >= UNDOCUMENTED


@pytest.mark.parametrize("key", OPERATIONS, ids=" ".join)
def test_an_operation_tells_its_errors_in_the_one_form(key: tuple[str, str]) -> None:
    responses = OPERATIONS[key]["responses"]
    errors = {status: set(told["content"]) for status, told in responses.items() if status >= "400"}
    oauths_own = {"400"} if "/oauth/" in key[1] else set()
    assert {status: forms for status, forms in errors.items() if forms != {CONTENT_TYPE}}.keys() == oauths_own
    if OPERATIONS[key].get("security"):
        assert {"401", "403"} <= errors.keys()
    if "{" in key[1] and key[1] != "/api/ingest/{stream}":
        assert "404" in errors


def test_who_needs_a_token_is_documented_as_the_routes_demand_it() -> None:
    expected = {"caller": [{"bearer": []}], "agent": [{"ingest": []}]}
    for (method, route), rule in RULES.items():
        operation = OPERATIONS.get((method, documented(route)))
        if operation is not None:
            assert operation.get("security", []) == expected.get(rule.who, []), route
    assert OPERATIONS["POST", "/api/ingest/{stream}"]["security"] == expected["agent"]


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    assert [name for name in names if re.search(r"_\d+$", name)] == []
