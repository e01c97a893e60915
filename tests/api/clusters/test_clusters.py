"""/api/clusters, and what is kept of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import override_settings
from django.urls import reverse

from apps.accounts.models import AuditEntry, Team
from apps.accounts.scope import maintenance, team_scope
from apps.clusters import lookups, sealing
from apps.clusters.kubeconfigs import read_kubeconfig
from apps.clusters.limits import CLUSTERS_PER_TEAM
from apps.clusters.models import Cluster
from tests.api.conftest import Api, log_in
from tests.factories.accounts import make_team, make_token, make_user, unique
from tests.factories.clusters import settle_cluster
from tests.factories.kubeconfigs import TOKEN, kubeconfig, token_until

PATH = "/api/clusters"


@pytest.fixture
def team(database: None) -> Team:
    return make_team()


@pytest.fixture
def token(team: Team) -> str:
    return make_token(team)


def wish(**changes: Any) -> dict[str, Any]:
    return {"name": "prod", "kubeconfig": kubeconfig(), "namespaces": ["shop"], **changes}


def found(team: Team) -> list[lookups.Collected]:
    return [one for one in lookups.collected() if one.team_id == team.pk]


def refusals(answer: HttpResponse) -> dict[str, list[str]]:
    assert answer.status_code == 422
    assert TOKEN not in answer.content.decode()
    return dict(answer.json()["errors"])


def test_a_cluster_is_added_listed_and_removed(api: Api, token: str) -> None:
    end = datetime(2036, 5, 1, tzinfo=UTC)
    text = kubeconfig(user={"token": token_until(end)})
    added = api.post(PATH, wish(kubeconfig=text, namespaces=["web", "shop", "web"], anywhere=True), token=token)
    assert added.status_code == 201
    told = dict(added.json())
    assert datetime.fromisoformat(told.pop("created_at")) <= datetime.now(UTC)
    assert told == {
        "name": "prod",
        "server": "https://cluster.example:6443",
        "namespaces": ["shop", "web"],
        "expires_at": "2036-05-01T00:00:00Z",
    }
    assert api.get(PATH, token=token).json() == {"data": [added.json()]}
    assert api.delete(f"{PATH}/prod", token=token).status_code == 204
    assert api.get(PATH, token=token).json() == {"data": []}
    assert api.delete(f"{PATH}/prod", token=token).status_code == 404


@pytest.mark.parametrize("name", ["absent", "UPPER", "%00", "%F0%9F%A6%80", "a" * 300])
def test_what_is_not_there_cannot_be_removed(api: Api, token: str, name: str) -> None:
    assert api.delete(f"{PATH}/{name}", token=token).status_code == 404


def test_what_was_done_is_noted_without_the_secret(api: Api, team: Team, token: str) -> None:
    api.post(PATH, wish(), token=token)
    api.delete(f"{PATH}/prod", token=token)
    with maintenance():
        noted = AuditEntry.objects.filter(team=team, action__startswith="cluster.").order_by("pk")
        assert [(entry.action, entry.subject) for entry in noted] == [
            ("cluster.add", "prod"),
            ("cluster.remove", "prod"),
        ]
        assert noted[0].details == {
            "namespaces": ["shop"],
            "server": "https://cluster.example:6443",
            "anywhere": False,
        }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Prod"}, "name"),
        ({"name": "-prod"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": 7}, "name"),
        ({"namespaces": []}, "namespaces"),
        ({"namespaces": "shop"}, "namespaces"),
        ({"namespaces": ["a", "B"]}, "namespaces"),
        ({"namespaces": ["a/../b"]}, "namespaces"),
        ({"namespaces": [f"n{number}" for number in range(51)]}, "namespaces"),
        ({"namespaces": [1]}, "namespaces.0"),
        ({"kubeconfig": {"kind": "Config"}}, "kubeconfig"),
        ({"kubeconfig": ""}, "kubeconfig"),
        ({"kubeconfig": kubeconfig(server="https://localhost")}, "kubeconfig"),
        ({"kubeconfig": kubeconfig(user={"exec": {"command": "gke"}})}, "kubeconfig"),
        ({"context": "absent"}, "context"),
        ({"context": 1}, "context"),
    ],
)
def test_what_is_unusable_is_told_by_field(api: Api, token: str, changes: dict[str, Any], field: str) -> None:
    assert list(refusals(api.post(PATH, wish(**changes), token=token))) == [field]
    assert api.get(PATH, token=token).json() == {"data": []}


@pytest.mark.parametrize("left_out", ["name", "kubeconfig", "namespaces"])
def test_all_but_the_context_is_needed(api: Api, token: str, left_out: str) -> None:
    given = wish()
    del given[left_out]
    assert list(refusals(api.post(PATH, given, token=token))) == [left_out]


def test_another_context_is_taken_where_it_is_named(api: Api, token: str) -> None:
    clusters = [{"name": name, "cluster": {"server": f"https://{name}.example"}} for name in ("c", "d")]
    contexts = [{"name": name, "context": {"cluster": name, "user": "u"}} for name in ("c", "d")]
    text = kubeconfig(clusters=clusters, contexts=contexts, **{"current-context": "c"})
    added = api.post(PATH, wish(kubeconfig=text, context="d"), token=token)
    assert added.json()["server"] == "https://d.example"


def test_credentials_that_have_ended_are_refused(api: Api, token: str) -> None:
    ended = kubeconfig(user={"token": token_until(datetime.now(UTC) - timedelta(minutes=1))})
    (told,) = refusals(api.post(PATH, wish(kubeconfig=ended), token=token))["kubeconfig"]
    assert "ended at" in told


def test_a_name_is_one_cluster_of_a_team_and_another_team_s_too(api: Api, token: str) -> None:
    assert api.post(PATH, wish(), token=token).status_code == 201
    assert "name" in refusals(api.post(PATH, wish(), token=token))
    other = make_token(make_team())
    assert api.post(PATH, wish(), token=other).status_code == 201
    assert api.delete(f"{PATH}/prod", token=other).status_code == 204
    assert len(api.get(PATH, token=token).json()["data"]) == 1


def test_the_last_place_is_taken_once(api: Api, team: Team, token: str) -> None:
    for number in range(CLUSTERS_PER_TEAM - 1):
        settle_cluster(team, kubeconfig(), name=f"c{number}")

    def add(name: str) -> int:
        try:
            return Api().post(PATH, wish(name=name), token=token).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(add, ["one", "two", "three"])) == [201, 422, 422]
    (told,) = refusals(api.post(PATH, wish(name="late"), token=token))["name"]
    assert str(CLUSTERS_PER_TEAM) in told


# What is kept, and for whom


def test_the_secret_is_kept_encrypted_and_only_the_collector_reads_it(api: Api, team: Team, token: str) -> None:
    api.post(PATH, wish(), token=token)
    with maintenance():
        row = Cluster.objects.get(team=team)
    assert TOKEN.encode() not in bytes(row.kubeconfig)
    (one,) = found(team)
    assert one.kubeconfig == read_kubeconfig(kubeconfig()).document
    assert (one.pk, one.name, one.namespaces, one.fault, one.anywhere) == (row.pk, "prod", {"shop"}, "", False)
    assert TOKEN not in repr(one)


def test_what_is_sealed_for_one_team_is_nothing_to_another(team: Team) -> None:
    sealed = sealing.seal({"a": 1}, team_id=team.pk)
    assert sealing.unseal(memoryview(sealed), team_id=team.pk) == {"a": 1}
    for broken, reader in ((sealed, team.pk + 1), (sealed[:-1], team.pk), (b"", team.pk), (b"\xff", team.pk)):
        with pytest.raises(sealing.Unsealable):
            sealing.unseal(broken, team_id=reader)


def test_a_changed_secret_key_is_told_and_harms_nobody_else(api: Api, team: Team, token: str) -> None:
    api.post(PATH, wish(), token=token)
    with override_settings(SECRET_KEY="another one"):
        (one,) = found(team)
        assert one.kubeconfig is None
        assert "TAILSVC_SECRET_KEY" in one.fault
        assert len(api.get(PATH, token=token).json()["data"]) == 1
        settle_cluster(team, kubeconfig(), name="new")
        assert [each.fault == "" for each in found(team)] == [False, True]
    assert [each.fault == "" for each in found(team)] == [True, False]


def test_the_collector_sees_each_cluster_until_it_is_gone(team: Team) -> None:
    settle_cluster(team, kubeconfig())
    settle_cluster(team, kubeconfig(), name="second")
    assert [one.name for one in found(team)] == ["default", "second"]
    with team_scope(team.pk):
        Cluster.objects.all().delete()
    assert found(team) == []


def test_operators_see_clusters_and_no_secrets(browser: Any, team: Team) -> None:
    cluster = settle_cluster(team, kubeconfig(), name=unique("seen")[:63])
    log_in(browser, make_user(is_staff=True, is_superuser=True))
    page = browser.get(reverse("admin:clusters_cluster_change", args=[cluster.pk])).content.decode()
    assert cluster.name in page
    assert cluster.server in page
    with maintenance():
        sealed = bytes(Cluster.objects.get(pk=cluster.pk).kubeconfig).decode()
    assert TOKEN not in page
    assert sealed not in page
    assert json.dumps(sealed)[1:50] not in page
