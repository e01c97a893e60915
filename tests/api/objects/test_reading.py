"""Get and list: forms, selectors, pages, versions; and who asks for what there is not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from apps.objects import upkeep
from tests.api.objects.conftest import PLS, ROOT, SESSIONS, Kube, refused
from tests.factories.accounts import make_team
from tests.factories.objects import podlogstream, settle_object

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
PARTIAL = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"}


def settle(kube: Kube, *names: str, **more: Any) -> None:
    for name in names:
        settle_object(kube.team.pk, "podlogstreams", podlogstream(name, **more))


def names(listed: dict[str, Any]) -> list[str]:
    return [one["metadata"]["name"] for one in listed["items"]]


# Forms


def test_a_list_is_ordered_by_name(kube: Kube) -> None:
    assert kube.get(PLS).json() == {
        "kind": "PodLogStreamList",
        "apiVersion": "tilt.dev/v1alpha1",
        "metadata": {"resourceVersion": "1"},
        "items": [],
    }
    settle(kube, "b", "B", "ü", "a")
    listed = kube.get(PLS).json()
    assert names(listed) == ["B", "a", "b", "ü"]
    assert listed["metadata"]["resourceVersion"] == "5"


def test_tables_have_columns_worth_looking_at(kube: Kube) -> None:
    settle(kube, "one", namespace="shop")
    status = {"containerStatuses": [{"name": "a", "active": True, "lines": 5}, {"name": "b", "error": "gone"}]}
    kube.patch(f"{PLS}/one/status", {"status": status})
    table = kube.get(PLS, headers=TABLE).json()
    assert table["kind"] == "Table"
    columns = [one["name"] for one in table["columnDefinitions"]]
    assert columns == ["Name", "Pod", "Namespace", "Active", "Lines", "Error", "Age", "Cluster", "Since"]
    [row] = table["rows"]
    assert row["cells"][:6] == ["one", "web-1", "shop", "1/2", 5, "gone"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert "spec" not in row["object"]
    assert kube.get(f"{PLS}?includeObject=None", headers=TABLE).json()["rows"][0]["object"] is None
    whole = kube.get(f"{PLS}/one?includeObject=Object", headers=TABLE).json()
    assert whole["rows"][0]["object"]["spec"]["pod"] == "web-1"
    refused(kube.get(f"{PLS}?includeObject=All", headers=TABLE), 400, "BadRequest")


def test_other_forms(kube: Kube) -> None:
    settle(kube, "one")
    partial = kube.get(PLS, headers=PARTIAL).json()
    assert (partial["kind"], list(partial["items"][0])) == (
        "PartialObjectMetadataList",
        ["apiVersion", "kind", "metadata"],
    )
    yaml = kube.get(f"{PLS}/one", headers={"Accept": "application/yaml"})
    assert yaml.headers["content-type"] == "application/yaml"
    assert yaml.body.startswith(b"apiVersion: tilt.dev/v1alpha1\nkind: PodLogStream\nmetadata:\n")
    assert b"\n  " in kube.get(f"{PLS}/one?pretty=true").body
    refused(kube.get(PLS, headers={"Accept": "application/vnd.kubernetes.protobuf"}), 406, "NotAcceptable")
    answer = kube.get(PLS, headers={"Accept": "application/vnd.kubernetes.protobuf, application/json;q=0.5"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache, private"
    assert answer.headers["audit-id"]


# Selectors


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("colour=red", "ac"),
        ("colour==red,size=1", "a"),
        ("colour!=red", "bd"),
        ("colour in (red, blue)", "abc"),
        ("colour notin (red)", "bd"),
        ("colour", "abc"),
        ("!colour", "d"),
        ("colour=", ""),
        ("size in (1,)", "a"),
        ("", "abcd"),
    ],
)
def test_label_selectors(kube: Kube, selector: str, found: str) -> None:
    settle(kube, "a", labels={"colour": "red", "size": "1"})
    settle(kube, "b", labels={"colour": "blue"})
    settle(kube, "c", labels={"colour": "red"})
    settle(kube, "d")
    assert names(kube.get(f"{PLS}?labelSelector={quote(selector)}").json()) == list(found)


@pytest.mark.parametrize(
    "selector",
    ["a in", "a in (", "a in (b", "=x", "a=b=c", "a=b,", ",", "a in b", "!", "a!b", "a=(", "-a", "a b", "a=é"],
)
def test_label_selectors_that_are_none(kube: Kube, selector: str) -> None:
    refused(kube.get(f"{PLS}?labelSelector={quote(selector)}"), 400, "BadRequest")


def test_field_selectors(kube: Kube) -> None:
    settle(kube, "a", "b")
    for selector, found in {
        "metadata.name=a": ["a"],
        "metadata.name!=a": ["b"],
        "metadata.name=a,metadata.name!=a": [],
        "metadata.namespace=x": [],
        "metadata.namespace=": ["a", "b"],
    }.items():
        assert names(kube.get(f"{PLS}?fieldSelector={quote(selector)}").json()) == found
    status = refused(kube.get(f"{PLS}?fieldSelector=spec.pod%3Dx"), 400, "BadRequest")
    assert '"spec.pod" is not a known field selector' in status["message"]
    refused(kube.get(f"{PLS}?fieldSelector=metadata.name"), 400, "BadRequest")


# Pages


def walk(kube: Kube, limit: int, query: str = "") -> list[dict[str, Any]]:
    pages = [kube.get(f"{PLS}?limit={limit}{query}").json()]
    while pages[-1]["metadata"].get("continue"):
        pages.append(kube.get(f"{PLS}?limit={limit}{query}&continue={pages[-1]['metadata']['continue']}").json())
    return pages


def test_pages_show_one_moment_whatever_comes_and_goes(kube: Kube) -> None:
    settle(kube, "a", "c", "e", "g", "i")
    before = kube.get(PLS).json()["items"]
    first = kube.get(f"{PLS}?limit=2").json()
    settle(kube, "b", "d", "z")
    kube.delete(f"{PLS}/e")
    kube.patch(f"{PLS}/g", {"spec": {"pod": "changed"}})
    kube.patch(f"{PLS}/g", {"spec": {"pod": "changed again"}})
    kube.delete(f"{PLS}/i")
    settle(kube, "i")
    second = kube.get(f"{PLS}?limit=2&continue={first['metadata']['continue']}").json()
    third = kube.get(f"{PLS}?continue={second['metadata']['continue']}").json()
    assert first["items"] + second["items"] + third["items"] == before
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {"6"}
    assert "continue" not in third["metadata"]
    assert [names(page) for page in walk(kube, 3)] == [["a", "b", "c"], ["d", "g", "i"], ["z"]]


def test_pages_of_a_selection(kube: Kube) -> None:
    settle(kube, "a", "c", "e", labels={"x": "1"})
    settle(kube, "b", "d")
    assert [names(page) for page in walk(kube, 2, "&labelSelector=x%3D1")] == [["a", "c"], ["e"]]


def test_an_expired_walk_goes_on_with_what_there_is(kube: Kube) -> None:
    settle(kube, "a", "c", "e")
    token = kube.get(f"{PLS}?limit=1").json()["metadata"]["continue"]
    kube.delete(f"{PLS}/c")
    settle(kube, "d")
    upkeep.forget(now=datetime.now(UTC) + timedelta(hours=2))
    status = refused(kube.get(f"{PLS}?limit=5&continue={token}"), 410, "Expired")
    fresh = status["metadata"]["continue"]
    listed = kube.get(f"{PLS}?limit=5&continue={fresh}").json()
    assert names(listed) == ["d", "e"]
    assert listed["metadata"]["resourceVersion"] == "6"


def test_tokens_are_for_their_list_alone(kube: Kube) -> None:
    settle(kube, "a", "b")
    token = kube.get(f"{PLS}?limit=1").json()["metadata"]["continue"]
    other = Kube(make_team("unlimited"))
    for asked in (kube.get(f"{SESSIONS}?continue={token}"), other.get(f"{PLS}?continue={token}")):
        refused(asked, 400, "BadRequest")
    for bad in ("x", "é", token[:-4], "A" + token[1:]):
        refused(kube.get(f"{PLS}?continue={quote(bad)}"), 400, "BadRequest")
    refused(kube.get(f"{PLS}?continue={token}&resourceVersion=3"), 400, "BadRequest")


# Versions


def test_lists_of_a_version(kube: Kube) -> None:
    settle(kube, "a", "b")
    kube.delete(f"{PLS}/a")
    exact = kube.get(f"{PLS}?resourceVersion=2&resourceVersionMatch=Exact").json()
    assert (names(exact), exact["metadata"]["resourceVersion"]) == (["a"], "2")
    assert names(kube.get(f"{PLS}?resourceVersion=3&limit=5").json()) == ["a", "b"]
    for query in (
        "",
        "?resourceVersion=0",
        "?resourceVersion=2",
        "?resourceVersion=2&resourceVersionMatch=NotOlderThan",
    ):
        assert names(kube.get(f"{PLS}{query}").json()) == ["b"]
    status = refused(kube.get(f"{PLS}?resourceVersion=99"), 504, "Timeout")
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    refused(kube.get(f"{PLS}/b?resourceVersion=99"), 504, "Timeout")
    assert kube.get(f"{PLS}/b?resourceVersion=2").status == 200
    upkeep.forget(now=datetime.now(UTC) + timedelta(hours=2))
    refused(kube.get(f"{PLS}?resourceVersion=2&resourceVersionMatch=Exact"), 410, "Expired")


@pytest.mark.parametrize(
    "query", ["resourceVersion=x", "resourceVersion=-1", "limit=x", "limit=-1", "timeoutSeconds=x"]
)
def test_numbers_that_are_none(kube: Kube, query: str) -> None:
    refused(kube.get(f"{PLS}?{query}"), 400, "BadRequest")


# What there is not


def test_paths_and_methods_that_there_are_not(kube: Kube) -> None:
    for path in (
        f"{ROOT}/nothings",
        f"{ROOT}/namespaces/x/podlogstreams",
        "/apis/apps/v1",
        f"{PLS}/a/scale",
        "/openapi/v4",
    ):
        refused(kube.get(path), 404, "NotFound")
    for method, path in (("PUT", PLS), ("POST", f"{PLS}/one"), ("DELETE", f"{PLS}/one/status"), ("POST", "/version")):
        refused(kube.ask(method, path, {}), 405, "MethodNotAllowed")
    assert kube.get(f"{PLS}/%00").status == 404
    assert kube.get("/api").status == 404


def test_a_caller_without_a_token_is_told_how_to_come_back(kube: Kube) -> None:
    kube.token = "nonsense"
    for path in (PLS, f"{PLS}?watch=1", "/apis", "/openapi/v2"):
        answer = kube.get(path)
        refused(answer, 401, "Unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert kube.get("/version").json()["gitVersion"] == "v1.36.0"
