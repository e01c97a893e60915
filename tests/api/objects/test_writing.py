"""Create, replace, patch, delete: what is kept, and what is refused."""

from typing import Any

import pytest

from tests.api.objects.conftest import (
    JSON_PATCH,
    MERGE,
    PLS,
    SESSIONS,
    STRATEGIC,
    Kube,
    fields_at_fault,
    refused,
)
from tests.factories.objects import podlogstream, session


def make(kube: Kube, name: str = "one", **more: Any) -> dict[str, Any]:
    answer = kube.post(PLS, podlogstream(name, **more))
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json()
    return found


# Create


def test_the_server_fills_in_what_is_its_own(kube: Kube) -> None:
    sent = podlogstream("one", sinceTime="2026-01-02T03:04:05.678+01:00", onlyContainers=["a", "b"], namespace="")
    sent["metadata"] |= {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7, "namespace": "x"}
    sent["status"] = {"error": "mine"}
    made = kube.post(f"{PLS}?fieldManager=me", sent).json()
    metadata = made["metadata"]
    assert made["spec"] == {
        "cluster": "default",
        "pod": "web-1",
        "sinceTime": "2026-01-02T02:04:05Z",
        "onlyContainers": ["a", "b"],
    }
    assert made["status"] == {}
    assert (metadata["name"], metadata["resourceVersion"], metadata["generation"]) == ("one", "2", 1)
    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"] > "2026"
    assert "namespace" not in metadata
    [entry] = metadata["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("me", "Update", "tilt.dev/v1alpha1")
    assert entry["fieldsV1"]["f:spec"]["f:pod"] == {}
    assert kube.get(f"{PLS}/one").json() == made


def test_a_session_prints_its_empty_status(kube: Kube) -> None:
    made = kube.post(SESSIONS, session("(Tiltfile)", ci={"timeout": "90m", "k8sGracePeriod": "1500ms"})).json()
    assert made["spec"]["ci"] == {"timeout": "1h30m0s", "k8sGracePeriod": "1.5s"}
    assert made["status"] == {"pid": 0, "startTime": None, "targets": None, "done": False}
    assert kube.get(f"{SESSIONS}/%28Tiltfile%29").json() == made


def test_who_names_no_manager_is_known_by_the_program(kube: Kube) -> None:
    made = kube.post(PLS, podlogstream("one"), headers={"User-Agent": "kubectl/v1.32 (linux)"}).json()
    assert made["metadata"]["managedFields"][0]["manager"] == "kubectl"


def test_a_name_is_made_of_its_beginning(kube: Kube) -> None:
    sent = podlogstream()
    sent["metadata"]["generateName"] = "logs-"
    names = {kube.post(PLS, sent).json()["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("logs-") and len(name) == 10 for name in names)


def test_a_name_is_taken_once(kube: Kube) -> None:
    make(kube)
    status = refused(kube.post(PLS, podlogstream("one")), 409, "AlreadyExists")
    assert status["details"] == {"name": "one", "group": "tilt.dev", "kind": "podlogstreams"}
    assert kube.post(SESSIONS, session("one")).status == 201  # of another kind


@pytest.mark.parametrize("name", ["", "a/b", "a%b", ".", "..", "x" * 254, "a\nb"])
def test_names_that_no_path_could_hold(kube: Kube, name: str) -> None:
    status = refused(kube.post(PLS, podlogstream(name or " " * 0)), 422, "Invalid")
    assert {field for _, field in fields_at_fault(status)} == {"metadata.name"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "JSON"),
        (b'"text"', "must be a PodLogStream"),
        (b"[]", "must be a PodLogStream"),
        (b'{"kind": "Session"}', "the kind in the data (Session)"),
        (b'{"apiVersion": "v1"}', "the apiVersion in the data (v1)"),
        (b'{"metadata": 5}', "metadata must be an object"),
        (b'{"spec": {"pod": 5}}', "spec.pod must be a string"),
        (b'{"spec": {"onlyContainers": "a"}}', "spec.onlyContainers must be an array"),
        (b'{"spec": {"onlyContainers": [1]}}', "spec.onlyContainers[0] must be a string"),
        (b'{"spec": {"sinceTime": "yesterday"}}', "spec.sinceTime must be a time"),
        (b'{"spec": {"sinceTime": "2026-02-30T00:00:00Z"}}', "spec.sinceTime must be a time"),
        (b'{"spec": {"pod": "\\u0000"}}', "U+0000"),
        (b'{"metadata": {"labels": {"a": 5}}}', "metadata.labels.a must be a string"),
        (b'{"spec": {"pod": "\\ud800"}}', "JSON"),
        (b'{"metadata": {"managedFields": [{"fieldsV1": ' + b'{"f:a":' * 80 + b"{}" + b"}" * 84, "JSON"),
        (b'{"x":' * 5000 + b"1" + b"}" * 5000, "JSON"),
        (b'{"x":' * 80 + b"1" + b"}" * 80, "nests deeper"),
        (b"\xff", "JSON"),
        (b"", "JSON"),
    ],
)
def test_what_is_no_such_object_is_a_bad_request(kube: Kube, body: bytes, told: str) -> None:
    assert told in refused(kube.post(PLS, body), 400, "BadRequest")["message"]


def test_yaml_is_taken_as_json_is(kube: Kube) -> None:
    text = b"kind: PodLogStream\nmetadata: {name: one}\nspec: {pod: web, sinceTime: 2026-01-02T03:04:05Z}\n"
    made = kube.post(PLS, text, type_="application/yaml").json()
    assert made["spec"]["sinceTime"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text",
    [
        b"a: &a [x]\nb: *a",
        b"1: x",
        b"a: [",
        b"a: !!python/object:os.x {}",
        b"a: .nan",
        b"a: !!bool x",
        b"a: !!timestamp x",
    ],
)
def test_yaml_that_is_not_json_in_other_words(kube: Kube, text: bytes) -> None:
    assert kube.post(PLS, text, type_="application/yaml").status == 400


@pytest.mark.parametrize("opening", [b"- ", b"? ", b"[", b"{a: "])
def test_yaml_that_nests_without_end_is_refused_at_once(kube: Kube, opening: bytes) -> None:
    """What reads it would take minutes, or more stack than there is."""
    text = b"kind:\n  " + opening * 100_000
    told = refused(kube.post(PLS, text, type_="application/yaml"), 400, "BadRequest")["message"]
    assert "deeper" in told


def test_other_content_types_are_refused(kube: Kube) -> None:
    refused(kube.post(PLS, b"x", type_="application/vnd.kubernetes.protobuf"), 415, "UnsupportedMediaType")
    refused(kube.patch(f"{PLS}/one", {}, "application/json"), 415, "UnsupportedMediaType")
    gzip = kube.post(PLS, b"x", headers={"Content-Encoding": "gzip"})
    refused(gzip, 415, "UnsupportedMediaType")


def test_what_is_too_large_is_refused(kube: Kube) -> None:
    large = podlogstream("one", onlyContainers=["x" * 1000] * 600)
    refused(kube.post(PLS, large), 413, "RequestEntityTooLarge")
    refused(kube.post(PLS, b" " * (2 * 1024 * 1024)), 413, "RequestEntityTooLarge")


def test_rules_hold_on_create_and_on_every_update(kube: Kube) -> None:
    broken = session("one", exitCondition="never", tiltfilePath="")
    status = refused(kube.post(SESSIONS, broken), 422, "Invalid")
    assert fields_at_fault(status) == [
        ("FieldValueRequired", "spec.tiltfilePath"),
        ("FieldValueInvalid", "spec.exitCondition"),
    ]
    assert "manual, ci" in status["message"]
    made = kube.post(SESSIONS, session("one")).json()
    broken["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    refused(kube.put(f"{SESSIONS}/one", broken), 422, "Invalid")
    refused(kube.patch(f"{SESSIONS}/one", {"spec": {"exitCondition": "never"}}), 422, "Invalid")
    refused(kube.apply(f"{SESSIONS}/one", {"spec": {"exitCondition": "never"}}, "me", "&force=true"), 422, "Invalid")
    assert kube.get(f"{SESSIONS}/one").json() == made
    refused(kube.post(PLS, podlogstream("one", pod="")), 422, "Invalid")


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"a": "not a value"}},
        {"labels": {"-a": "x"}},
        {"labels": {"a": "x" * 64}},
        {"labels": {"/a": "x"}},
        {"annotations": {"a b": "x"}},
        {"annotations": {"a": "x" * (256 * 1024)}},
        {"finalizers": ["not one"]},
        {"ownerReferences": [{"kind": "x"}]},
    ],
)
def test_metadata_has_rules(kube: Kube, metadata: dict[str, Any]) -> None:
    sent = podlogstream("one")
    sent["metadata"] |= metadata
    status = refused(kube.post(PLS, sent), 422, "Invalid")
    assert all(field.startswith(f"metadata.{next(iter(metadata))}") for _, field in fields_at_fault(status))


# Unknown fields, dry runs, options


def test_unknown_fields_are_told_refused_or_dropped(kube: Kube) -> None:
    sent = podlogstream("one", bogus=1)
    warned = kube.post(PLS, sent)
    assert warned.headers["warning"] == '299 - "unknown field \\"spec.bogus\\""'
    assert "bogus" not in warned.json()["spec"]
    status = refused(kube.post(f"{PLS}?fieldValidation=Strict", podlogstream("two", bogus=1)), 400, "BadRequest")
    assert 'unknown field "spec.bogus"' in status["message"]
    silent = kube.post(f"{PLS}?fieldValidation=Ignore", podlogstream("two", bogus=1))
    assert silent.status == 201
    assert "warning" not in silent.headers
    refused(kube.patch(f"{PLS}/one?fieldValidation=Strict", {"spec": {"bogus": 1}}), 422, "Invalid")
    twice = b'{"metadata": {"name": "three"}, "spec": {"pod": "a", "pod": "b"}}'
    assert "duplicate field" in kube.post(PLS, twice).headers["warning"]


def test_a_dry_run_is_worked_out_and_not_kept(kube: Kube) -> None:
    assert kube.post(f"{PLS}?dryRun=All", podlogstream("one")).status == 201
    assert kube.get(f"{PLS}/one").status == 404
    made = make(kube)
    dry = kube.patch(f"{PLS}/one?dryRun=All", {"spec": {"pod": "other"}}).json()
    assert dry["spec"]["pod"] == "other"
    applied = kube.apply(f"{PLS}/one", {"metadata": {"labels": {"a": "b"}}}, "me", "&dryRun=All").json()
    assert applied["metadata"]["labels"] == {"a": "b"}
    assert kube.delete(f"{PLS}/one?dryRun=All").status == 200
    assert kube.delete(f"{PLS}/one", {"kind": "DeleteOptions", "dryRun": ["All"]}).status == 200
    assert kube.delete(f"{PLS}?dryRun=All").status == 200
    assert kube.get(f"{PLS}/one").json() == made
    assert kube.get(PLS).json()["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("POST", f"{PLS}?dryRun=Some", "CreateOptions"),
        ("POST", f"{PLS}?fieldValidation=Maybe", "CreateOptions"),
        ("POST", f"{PLS}?fieldManager={'x' * 129}", "CreateOptions"),
        ("PUT", f"{PLS}/one?dryRun=", "UpdateOptions"),
        ("PATCH", f"{PLS}/one?dryRun=Some", "PatchOptions"),
        ("PATCH", f"{PLS}/one?force=true", "PatchOptions"),
        ("DELETE", f"{PLS}/one?dryRun=Some", "DeleteOptions"),
        ("DELETE", f"{PLS}/one?propagationPolicy=Later", "DeleteOptions"),
        ("DELETE", f"{PLS}?propagationPolicy=Later", "DeleteOptions"),
        ("GET", f"{PLS}?resourceVersionMatch=Exact", "ListOptions"),
        ("GET", f"{PLS}?resourceVersionMatch=Most&resourceVersion=1", "ListOptions"),
        ("GET", f"{PLS}?watch=1&sendInitialEvents=true", "ListOptions"),
    ],
)
def test_options_that_there_are_not(kube: Kube, method: str, path: str, what: str) -> None:
    body = None if method in {"GET", "DELETE"} else podlogstream("one")
    status = refused(
        kube.ask(method, path, body, type_=MERGE if method == "PATCH" else "application/json"), 422, "Invalid"
    )
    assert status["details"]["kind"] == what


# Replace and patch


def test_a_replacement_needs_the_version_that_is_there(kube: Kube) -> None:
    made = make(kube)
    blind = podlogstream("one", pod="other")
    refused(kube.put(f"{PLS}/one", blind), 409, "Conflict")
    changed = {**made, "spec": {"pod": "other"}, "status": {"error": "not from here"}}
    done = kube.put(f"{PLS}/one", changed)
    assert done.status == 200
    assert done.json()["spec"] == {"cluster": "default", "pod": "other"}
    assert done.json()["status"] == {}
    assert done.json()["metadata"]["generation"] == 2
    assert "object has been modified" in refused(kube.put(f"{PLS}/one", changed), 409, "Conflict")["message"]
    refused(kube.put(f"{PLS}/two", changed), 404, "NotFound")
    renamed = {**done.json(), "metadata": {**done.json()["metadata"], "name": "two"}}
    refused(kube.put(f"{PLS}/one", renamed), 400, "BadRequest")
    other = {**done.json(), "metadata": {**done.json()["metadata"], "uid": "another"}}
    refused(kube.put(f"{PLS}/one", other), 409, "Conflict")


def test_an_update_that_changes_nothing_is_none(kube: Kube) -> None:
    made = make(kube)
    assert kube.put(f"{PLS}/one", made).json() == made
    assert kube.patch(f"{PLS}/one", {"spec": {"pod": "web-1"}}).json() == made
    assert kube.get(PLS).json()["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_the_status_has_a_way_in_of_its_own(kube: Kube) -> None:
    made = make(kube)
    status = {"containerStatuses": [{"name": "a", "active": True, "terminated": False, "error": ""}], "error": ""}
    sent = {**made, "spec": {"pod": "not from here"}, "status": status}
    done = kube.put(f"{PLS}/one/status?fieldManager=c", sent).json()
    assert done["status"] == {"containerStatuses": [{"name": "a", "active": True}]}
    assert done["spec"] == made["spec"]
    assert done["metadata"]["generation"] == 1
    mine = next(one for one in done["metadata"]["managedFields"] if one["manager"] == "c")
    assert mine["subresource"] == "status"
    assert mine["fieldsV1"] == {"f:status": {"f:containerStatuses": {}}}
    assert kube.get(f"{PLS}/one/status").json() == done
    patched = kube.patch(f"{PLS}/one/status", {"status": {"error": "x"}, "spec": {"pod": "no"}}).json()
    assert (patched["status"]["error"], patched["spec"]) == ("x", made["spec"])
    assert kube.patch(f"{PLS}/one", {"status": {"error": "no"}}).json()["status"]["error"] == "x"


def test_each_kind_of_patch(kube: Kube) -> None:
    sent = podlogstream("one", labels={"a": "1", "b": "2"}, onlyContainers=["a"])
    sent["metadata"]["finalizers"] = ["x/one"]
    kube.post(PLS, sent)
    merged = kube.patch(f"{PLS}/one", {"metadata": {"labels": {"a": None, "c": "3"}}}, MERGE).json()
    assert merged["metadata"]["labels"] == {"b": "2", "c": "3"}
    wanted = {"spec": {"onlyContainers": ["b"]}, "metadata": {"finalizers": ["x/two"], "labels": {"$patch": "replace"}}}
    strategic = kube.patch(f"{PLS}/one", wanted, STRATEGIC).json()
    assert strategic["spec"]["onlyContainers"] == ["b"]
    assert strategic["metadata"]["finalizers"] == ["x/one", "x/two"]
    assert "labels" not in strategic["metadata"]
    operations = [
        {"op": "test", "path": "/spec/pod", "value": "web-1"},
        {"op": "add", "path": "/spec/onlyContainers/-", "value": "c"},
        {"op": "remove", "path": "/metadata/finalizers"},
    ]
    done = kube.patch(f"{PLS}/one", operations, JSON_PATCH).json()
    assert done["spec"]["onlyContainers"] == ["b", "c"]
    assert "finalizers" not in done["metadata"]


@pytest.mark.parametrize(
    ("body", "type_", "code"),
    [
        ({"op": "add"}, JSON_PATCH, 400),
        ([{"op": "jump", "path": "/a"}], JSON_PATCH, 400),
        ([{"op": "add", "path": "a", "value": 1}], JSON_PATCH, 400),
        ([{"op": "test", "path": "/spec/pod", "value": "other"}], JSON_PATCH, 422),
        ([{"op": "remove", "path": "/spec/nothing"}], JSON_PATCH, 422),
        ([{"op": "replace", "path": "", "value": 5}], JSON_PATCH, 400),
        ([{"op": "replace", "path": "/metadata/name", "value": "two"}], JSON_PATCH, 400),
        ([], MERGE, 400),
        ({"spec": 5}, MERGE, 400),
        ({"metadata": None}, MERGE, 400),
        ({"kind": "Session"}, MERGE, 400),
        ({"spec": {"$patch": "no"}}, STRATEGIC, 400),
        ({"spec": {"$retainKeys": 5}}, STRATEGIC, 400),
        ({"spec": {"$patch": []}}, STRATEGIC, 400),
        ({"metadata": {"ownerReferences": [{"uid": {}}]}}, STRATEGIC, 400),
        ({"metadata": {"finalizers": [{}]}}, STRATEGIC, 400),
        ([{"op": [], "path": "/x"}], JSON_PATCH, 400),
        ({"metadata": {"resourceVersion": "1"}}, MERGE, 409),
        ({"metadata": {"uid": "x"}}, MERGE, 409),
    ],
)
def test_patches_that_do_not_fit(kube: Kube, body: Any, type_: str, code: int) -> None:
    made = make(kube)
    assert kube.patch(f"{PLS}/one", body, type_).status == code
    assert kube.get(f"{PLS}/one").json() == made
    assert kube.patch(f"{PLS}/two", [] if type_ == JSON_PATCH else {}, type_).status == 404


def test_what_to_delete_from_what_is_no_list_is_passed_over(kube: Kube) -> None:
    made = make(kube)
    done = kube.patch(f"{PLS}/one", {"metadata": {"$deleteFromPrimitiveList/generation": ["x"]}}, STRATEGIC)
    assert (done.status, done.json()["metadata"]["generation"]) == (200, made["metadata"]["generation"])


# Delete


def test_a_deletion_answers_a_status_and_is_carried_out(kube: Kube) -> None:
    made = make(kube)
    done = kube.delete(f"{PLS}/one", {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"})
    assert (done.status, done.json()["status"]) == (200, "Success")
    assert done.json()["details"] == {
        "name": "one",
        "group": "tilt.dev",
        "kind": "podlogstreams",
        "uid": made["metadata"]["uid"],
    }
    refused(kube.delete(f"{PLS}/one"), 404, "NotFound")
    refused(kube.get(f"{PLS}/one"), 404, "NotFound")


def test_preconditions_must_hold(kube: Kube) -> None:
    metadata = make(kube)["metadata"]
    for wanted in ({"uid": "another"}, {"resourceVersion": "1"}):
        refused(kube.delete(f"{PLS}/one", {"preconditions": wanted}), 409, "Conflict")
    wanted = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    assert kube.delete(f"{PLS}/one", {"preconditions": wanted}).status == 200


def test_finalizers_are_waited_for(kube: Kube) -> None:
    sent = podlogstream("one")
    sent["metadata"]["finalizers"] = ["x/one"]
    made = kube.post(PLS, sent).json()
    assert kube.delete(f"{PLS}/one").status == 202
    assert kube.delete(f"{PLS}/one").status == 202
    kept = kube.get(f"{PLS}/one").json()["metadata"]
    assert kept["deletionTimestamp"] >= made["metadata"]["creationTimestamp"]
    refused(kube.patch(f"{PLS}/one", {"metadata": {"finalizers": ["x/one", "x/two"]}}), 422, "Invalid")
    assert kube.patch(f"{PLS}/one", {"metadata": {"finalizers": None}}).status == 200
    refused(kube.get(f"{PLS}/one"), 404, "NotFound")


def test_a_collection_is_deleted_by_its_selectors(kube: Kube) -> None:
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        make(kube, name, labels={"colour": colour})
    done = kube.delete(f"{PLS}?labelSelector=colour%3Dred")
    assert (done.status, done.json()["kind"], done.json()["status"]) == (200, "Status", "Success")
    assert [one["metadata"]["name"] for one in kube.get(PLS).json()["items"]] == ["b"]
    assert kube.delete(f"{PLS}?fieldSelector=metadata.name!=b").status == 200
    assert len(kube.get(PLS).json()["items"]) == 1
