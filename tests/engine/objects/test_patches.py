"""Patches by the examples of RFC 6902 and RFC 7396, and what JSON means by equal."""

from typing import Any

import pytest

from tailsvc.objects.patches import BadPatch, PatchFailed, json_patch, merge_patch


@pytest.mark.parametrize(
    ("document", "operations", "result"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": ["x", "z"]}, [{"op": "add", "path": "/a/1", "value": "y"}], {"a": ["x", "y", "z"]}),
        ({"a": ["x"]}, [{"op": "add", "path": "/a/-", "value": ["y"]}], {"a": ["x", ["y"]]}),
        ({"a": 1, "b": 2}, [{"op": "remove", "path": "/b"}], {"a": 1}),
        ({"a": ["x", "y"]}, [{"op": "remove", "path": "/a/0"}], {"a": ["y"]}),
        ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": 1, "m~n": 2}, [{"op": "replace", "path": "/a~1b", "value": 3}], {"a/b": 3, "m~n": 2}),
        ({"~1": 5}, [{"op": "test", "path": "/~01", "value": 5}], {"~1": 5}),
        ({"a": None}, [{"op": "test", "path": "/a", "value": None}], {"a": None}),
        ({"a": {"b": [1.0]}}, [{"op": "test", "path": "/a", "value": {"b": [1]}}], {"a": {"b": [1.0]}}),
        ({}, [], {}),
    ],
)
def test_json_patches(document: Any, operations: Any, result: Any) -> None:
    before = repr(document)
    assert json_patch(document, operations) == result
    assert repr(document) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/one", "value": True},  # true is not 1
        {"op": "test", "path": "/list", "value": [1]},
        {"op": "test", "path": "/object", "value": {}},
        {"op": "remove", "path": "/nothing"},
        {"op": "replace", "path": "/list/2", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/one/x", "value": 1},
        {"op": "copy", "from": "/nothing", "path": "/x"},
        {"op": "move", "from": "/object", "path": "/object/inner"},
        {"op": "remove", "path": "/list/-"},
    ],
)
def test_operations_that_do_not_fit(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchFailed):
        json_patch({"one": 1, "list": [1, 2], "object": {"a": 1}}, [operation])


def test_a_patch_that_copies_itself_without_end_is_refused_before_it_fills_the_memory() -> None:
    start = {"op": "add", "path": "/x", "value": {"a": []}}
    doubling = [{"op": "copy", "from": "/x", "path": f"/x/{number}"} for number in range(200)]
    with pytest.raises(BadPatch, match="copies at most"):
        json_patch({}, [start, *doubling])


def test_a_patch_that_nests_deeper_than_anybody_reads_is_refused() -> None:
    deeper = [{"op": "add", "path": "/a" * depth, "value": {}} for depth in range(1, 400)]
    with pytest.raises(BadPatch, match="too deep"):
        json_patch({}, deeper)


@pytest.mark.parametrize("operations", [{}, [5], [{}], [{"op": "add", "path": "/a"}], [{"op": "move", "path": "/a"}]])
def test_what_is_no_json_patch(operations: Any) -> None:
    with pytest.raises(BadPatch):
        json_patch({}, operations)


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ],
)
def test_merge_patches(document: Any, patch: Any, result: Any) -> None:
    assert merge_patch(document, patch) == result
