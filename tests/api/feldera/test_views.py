"""What Feldera's clients ask beside the logs: configuration, health, pipelines; and who may ask."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from apps.accounts.abilities import Ability
from apps.accounts.models import Team
from apps.accounts.scope import maintenance
from tests.asgi import Answer, Asgi
from tests.factories.accounts import make_token
from tests.factories.streams import World, delete_stream, make_stream, make_world


def get(asgi: Asgi, world: World, path: str, token: str | None = None, **headers: str) -> Answer:
    return asgi.get(f"/v0/{path}", token=token or world.token, headers=headers)


def error_of(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert isinstance(told["message"], str)
    assert told["message"]
    return answer.status, told["error_code"]


def test_the_configuration_names_edition_and_version(asgi: Asgi, world: World) -> None:
    told = get(asgi, world, "config").json()
    assert told["edition"] == "Open source"
    assert [part.isdigit() for part in told["version"].split(".")] == [True] * 3


def test_whoever_is_answered_finds_all_healthy(asgi: Asgi, world: World) -> None:
    answer = get(asgi, world, "cluster_healthz")
    assert answer.status == 200
    assert answer.json()["all_healthy"] is True
    assert answer.json()["runner"]["healthy"] is True


def test_the_teams_streams_are_the_pipelines(asgi: Asgi, world: World) -> None:
    second, _ = make_stream(world.team, "Second_one")
    gone, _ = make_stream(world.team)
    delete_stream(gone)
    make_world()
    told = get(asgi, world, "pipelines?selector=status").json()
    assert [(one["id"], one["name"]) for one in told] == [
        (str(world.stream.uuid), world.stream.name),
        (str(second.uuid), "Second_one"),
    ]
    assert {one["deployment_status"] for one in told} == {"Running"}
    assert all("program_code" not in one for one in told)


def test_one_pipeline_with_all_that_there_is_to_say(asgi: Asgi, world: World) -> None:
    told = get(asgi, world, f"pipelines/{world.stream.name}").json()
    assert told == get(asgi, world, f"pipelines/{world.stream.name}?selector=all").json()
    assert UUID(told["id"]) == world.stream.uuid
    assert told["program_info"] is None  # the SDK would look for a schema in it
    assert told["runtime_config"] == {}


def test_a_stream_whose_name_is_no_pipelines_goes_by_its_slug(asgi: Asgi, world: World) -> None:
    odd, _ = make_stream(world.team, "Not a pipeline's name")
    assert get(asgi, world, f"pipelines/{odd.slug}").json()["name"] == odd.slug
    assert get(asgi, world, "pipelines/Not%20a%20pipeline's%20name").status == 404
    assert odd.slug in [one["name"] for one in get(asgi, world, "pipelines").json()]


def test_a_name_wins_over_a_slug(asgi: Asgi, world: World) -> None:
    namesake, _ = make_stream(world.team, world.stream.slug)
    assert get(asgi, world, f"pipelines/{world.stream.slug}").json()["id"] == str(namesake.uuid)


@pytest.mark.parametrize("name", ["nobody", "-", "a" * 64, "%00", "%F0%9F%92%A3", "a%0Ab"])
def test_an_unknown_name_is_told_as_feldera_tells_it(asgi: Asgi, world: World, name: str) -> None:
    for path in (f"pipelines/{name}", f"pipelines/{name}/logs"):
        answer = get(asgi, world, path)
        assert error_of(answer) == (404, "UnknownPipelineName")
        told = answer.json()
        assert told["message"] == f"Unknown pipeline name '{told['details']['pipeline_name']}'"


def test_a_deleted_or_another_teams_stream_is_unknown(asgi: Asgi, world: World) -> None:
    theirs = make_world().stream
    delete_stream(world.stream)
    for stream in (world.stream, theirs):
        for name in (stream.name, stream.slug):
            assert error_of(get(asgi, world, f"pipelines/{name}")) == (404, "UnknownPipelineName")
            assert error_of(get(asgi, world, f"pipelines/{name}/logs")) == (404, "UnknownPipelineName")


def test_a_selector_that_there_is_not_is_refused(asgi: Asgi, world: World) -> None:
    assert error_of(get(asgi, world, "pipelines?selector=everything")) == (400, "InvalidRequest")


# Who asks


PATHS = ["config", "cluster_healthz", "pipelines", "pipelines/{name}", "pipelines/{name}/logs?follow=false", "api_keys"]


@pytest.mark.parametrize("path", PATHS)
def test_errors_of_rights_have_no_details(asgi: Asgi, world: World, path: str) -> None:
    there = "/v0/" + path.format(name=world.stream.name)
    nobody = asgi.get(there)
    assert error_of(nobody) == (401, "AuthenticationFailed")
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    useless = make_token(world.team, abilities=[Ability.OBJECTS_READ])
    refused = asgi.get(there, token=useless)
    assert error_of(refused) == (403, "InsufficientPermissions")
    assert nobody.json().keys() == refused.json().keys() == {"message", "error_code"}


@pytest.mark.parametrize("path", PATHS)
def test_a_tenant_is_the_tokens_own_team(asgi: Asgi, world: World, path: str) -> None:
    there = path.format(name=world.stream.name)
    with maintenance():
        Team.objects.filter(pk=world.team.pk).update(name="The Team")
    for own in (world.team.slug, "The Team", str(UUID(int=world.team.pk)), ""):
        assert get(asgi, world, there, **{"Feldera-Tenant": own}).status == 200, own
    other = make_world().team
    for wrong in (other.slug, str(UUID(int=other.pk)), "nobody", "Ü", str(world.team.pk)):
        answer = get(asgi, world, there, **{"Feldera-Tenant": wrong})
        assert error_of(answer) == (403, "NotATenantMember"), wrong


# What is not served


@pytest.mark.parametrize("path", ["", "nowhere", "pipelines/x/start", "config/", "pipelines/x/logs/y"])
def test_an_unknown_path_is_told_in_form(asgi: Asgi, world: World, path: str) -> None:
    assert error_of(get(asgi, world, path)) == (404, "UnknownEndpoint")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "pipelines"), ("PUT", "pipelines/x"), ("DELETE", "pipelines/x"), ("POST", "pipelines/x/logs")],
)
def test_pipelines_are_not_made_here(asgi: Asgi, world: World, method: str, path: str) -> None:
    answer = asgi.request(method, f"/v0/{path}", b"{}", token=world.token)
    assert error_of(answer) == (405, "MethodNotAllowed")
    assert "GET" in answer.headers["allow"]


def test_an_answer_to_head_has_no_body(asgi: Asgi, world: World) -> None:
    unknown = asgi.request("HEAD", "/v0/pipelines/nobody", token=world.token)
    assert (unknown.status, unknown.headers["content-type"]) == (404, "application/json")
    nowhere = asgi.request("HEAD", "/v0/nowhere", token=world.token)
    assert (nowhere.status, nowhere.headers["content-type"]) == (404, "application/json")


def test_what_is_too_long_or_no_json_is_told_in_form(asgi: Asgi, world: World) -> None:
    def post(body: bytes) -> Answer:
        return asgi.post("/v0/api_keys", body, token=world.token, headers={"Content-Type": "application/json"})

    assert error_of(post(b" " * 3_000_000)) == (413, "RequestTooLarge")
    assert error_of(post(b"{")) == (400, "InvalidRequest")
    bodies: list[Any] = [5, [], {}, {"name": 5}, {"name": "x", "role": 5}, {"name": "x", "role": {}}]
    for body in bodies:
        assert error_of(post(orjson.dumps(body))) == (400, "InvalidRequest"), body


def test_other_apis_keep_their_own_form(asgi: Asgi, world: World) -> None:
    assert asgi.get("/api/nowhere").headers["content-type"] == "application/problem+json"
