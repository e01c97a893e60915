"""Server-side apply: who manages which fields, conflicts, and what happens to fields that are given up."""

from typing import Any

from tests.api.objects.conftest import PLS, SESSIONS, Kube, fields_at_fault, refused
from tests.factories.objects import podlogstream

ONE = f"{PLS}/one"


def managers(document: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(one["manager"], one["operation"]): one["fieldsV1"] for one in document["metadata"]["managedFields"]}


def test_what_is_not_there_is_created(kube: Kube) -> None:
    made = kube.apply(ONE, podlogstream(pod="a", onlyContainers=["x"], labels={"l": "1"}), "me")
    assert made.status == 201
    assert managers(made.json()) == {
        ("me", "Apply"): {
            "f:metadata": {"f:labels": {"f:l": {}}},
            "f:spec": {"f:onlyContainers": {}, "f:pod": {}},
        }
    }
    again = kube.apply(ONE, podlogstream(pod="a", onlyContainers=["x"], labels={"l": "1"}), "me")
    assert (again.status, again.json()) == (200, made.json())


def test_fields_that_are_given_up_go(kube: Kube) -> None:
    kube.apply(ONE, podlogstream(onlyContainers=["x"], labels={"a": "1", "b": "2"}), "me")
    kube.apply(ONE, {"metadata": {"labels": {"b": "2"}}}, "other")
    done = kube.apply(ONE, podlogstream(), "me").json()
    assert "onlyContainers" not in done["spec"]
    assert done["metadata"]["labels"] == {"b": "2"}  # the other's too
    done = kube.apply(ONE, {}, "other").json()
    assert "labels" not in done["metadata"]
    assert list(managers(done)) == [("me", "Apply")]


def test_what_another_manages_is_a_conflict_unless_it_is_equal_or_forced(kube: Kube) -> None:
    kube.apply(ONE, podlogstream(pod="a", namespace="n"), "me")
    assert kube.apply(ONE, {"spec": {"pod": "a"}}, "other").status == 200
    status = refused(kube.apply(ONE, {"spec": {"pod": "b"}}, "third"), 409, "Conflict")
    assert fields_at_fault(status) == [("FieldManagerConflict", ".spec.pod")] * 2
    assert 'conflict with "me" using tilt.dev/v1alpha1' in status["message"]
    forced = kube.apply(ONE, {"spec": {"pod": "b"}}, "third", "&force=true").json()
    assert forced["spec"]["pod"] == "b"
    assert managers(forced) == {
        ("me", "Apply"): {"f:spec": {"f:namespace": {}}},
        ("third", "Apply"): {"f:spec": {"f:pod": {}}},
    }


def test_updates_take_fields_and_are_conflicts_for_those_who_apply(kube: Kube) -> None:
    kube.apply(ONE, podlogstream(pod="a"), "me")
    kube.patch(f"{ONE}?fieldManager=hand", {"spec": {"pod": "b"}})
    status = refused(kube.apply(ONE, podlogstream(pod="a"), "me"), 409, "Conflict")
    assert status["message"].startswith(
        'Apply failed with 1 conflict: conflict with "hand" using tilt.dev/v1alpha1 at '
    )
    assert kube.apply(ONE, podlogstream(pod="b"), "me").status == 200


def test_sets_are_managed_by_member(kube: Kube) -> None:
    kube.apply(ONE, {**podlogstream(), "metadata": {"finalizers": ["x/a", "x/b"]}}, "me")
    kube.apply(ONE, {"metadata": {"finalizers": ["x/c"]}}, "other")
    done = kube.apply(ONE, {**podlogstream(), "metadata": {"finalizers": ["x/b"]}}, "me").json()
    assert sorted(done["metadata"]["finalizers"]) == ["x/b", "x/c"]
    assert managers(done)["other", "Apply"] == {"f:metadata": {"f:finalizers": {'v:"x/c"': {}}}}


def test_the_status_is_applied_by_its_own_way_in(kube: Kube) -> None:
    kube.apply(ONE, podlogstream(), "me")
    done = kube.apply(f"{ONE}/status", {"status": {"error": "x"}, "spec": {"pod": "no"}}, "c").json()
    assert (done["status"], done["spec"]["pod"]) == ({"error": "x"}, "web-1")
    assert kube.apply(ONE, {**podlogstream(), "status": {"error": "y"}}, "me").json()["status"] == {"error": "x"}
    gone = kube.apply(f"{ONE}/status", {"status": {}}, "c").json()
    assert gone["status"] == {}
    refused(kube.apply(f"{PLS}/two/status", {"status": {}}, "c"), 404, "NotFound")


def test_what_cannot_be_applied(kube: Kube) -> None:
    status = refused(kube.patch(ONE, podlogstream(), "application/apply-patch+yaml"), 422, "Invalid")
    assert fields_at_fault(status) == [("FieldValueRequired", "fieldManager")]
    managed = {**podlogstream(), "metadata": {"managedFields": [{"manager": "x"}]}}
    refused(kube.apply(ONE, managed, "me"), 400, "BadRequest")
    refused(kube.apply(ONE, podlogstream("two"), "me"), 400, "BadRequest")
    refused(kube.apply(ONE, [], "me"), 400, "BadRequest")
    refused(kube.apply(ONE, {"spec": {}}, "me"), 422, "Invalid")
    versioned = {**podlogstream(), "metadata": {"resourceVersion": "5"}}
    refused(kube.apply(ONE, versioned, "me"), 409, "Conflict")
    refused(
        kube.apply(f"{SESSIONS}/a%25b", {"spec": {"tiltfilePath": "x", "exitCondition": "ci"}}, "me"), 422, "Invalid"
    )


def test_an_owner_without_its_uid_is_told_so(kube: Kube) -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "1"}
    kube.apply(ONE, {**podlogstream(), "metadata": {"ownerReferences": [owner]}}, "me")
    nameless = {**podlogstream(), "metadata": {"ownerReferences": [{**owner, "uid": ""}]}}
    status = refused(kube.apply(ONE, nameless, "me"), 422, "Invalid")
    assert ("FieldValueRequired", "metadata.ownerReferences[1].uid") in fields_at_fault(status)


def test_managers_can_be_reset_and_said(kube: Kube) -> None:
    made = kube.apply(ONE, podlogstream(), "me").json()
    cleared = kube.patch(ONE, {"metadata": {"managedFields": [{}]}}).json()
    assert "managedFields" not in cleared["metadata"]
    refused(kube.apply(ONE, {"spec": {"pod": "b"}}, "me"), 409, "Conflict")  # of whoever was there before
    said = [{**made["metadata"]["managedFields"][0], "manager": "heir"}]
    done = kube.patch(ONE, {"metadata": {"managedFields": said}}).json()
    assert list(managers(done)) == [("heir", "Apply")]


def test_those_who_update_are_not_remembered_without_end(kube: Kube) -> None:
    kube.post(PLS, podlogstream("one"))
    for number in range(15):
        done = kube.patch(f"{ONE}?fieldManager=m{number}", {"metadata": {"labels": {f"l{number}": "x"}}}).json()
    assert len(managers(done)) == 10
    assert ("ancient-changes", "Update") in managers(done)
