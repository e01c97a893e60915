"""/v0/api_keys: personal access tokens under another name."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import orjson
import pytest

from apps.accounts.abilities import Ability, Role
from apps.accounts.models import AuditEntry, PersonalAccessToken
from apps.accounts.scope import maintenance
from apps.accounts.tokens import is_well_formed
from tests.asgi import Answer, Asgi
from tests.factories.accounts import make_member, make_token
from tests.factories.streams import World, make_world


def create(token: str, **told: Any) -> Answer:
    return Asgi().post("/v0/api_keys", orjson.dumps(told), token=token, headers={"Content-Type": "application/json"})


def created(token: str, **told: Any) -> str:
    answer = create(token, **told)
    assert answer.status == 201, answer.body
    key: str = answer.json()["api_key"]
    return key


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error_code"]


def test_a_key_is_shown_once(asgi: Asgi, world: World) -> None:
    answer = create(world.token, name="ci")
    assert answer.status == 201
    told = answer.json()
    assert told.keys() == {"id", "name", "api_key"}
    assert told["name"] == "ci"
    assert len(told["api_key"]) == len("apikey:") + 128
    assert is_well_formed(told["api_key"])
    described = {"id": told["id"], "name": "ci", "role": "read"}
    assert UUID(told["id"])
    assert asgi.get("/v0/api_keys", token=world.token).json() == [described]
    assert asgi.get("/v0/api_keys/ci", token=world.token).json() == [described]
    with maintenance():
        rows = str(list(PersonalAccessToken.objects.filter(team=world.team).values()))
        entry = AuditEntry.objects.get(team=world.team, action="token.create", subject__startswith="ci ")
    assert told["api_key"][12:] not in rows + str(entry.details) + entry.subject


def test_a_key_is_good_in_every_dialect(asgi: Asgi, world: World) -> None:
    key = created(world.token, name="reader", role="read")
    assert asgi.get(f"/v0/pipelines/{world.stream.name}", token=key).status == 200
    assert asgi.get("/api/user", token=key).json()["abilities"] == ["streams:read"]
    assert asgi.get(world.logs, token=key).status == 200
    assert asgi.request("DELETE", f"/api/streams/{world.stream.uuid}", token=key).status == 403
    assert code(asgi.get("/v0/api_keys", token=key)) == (403, "InsufficientPermissions")


def test_a_key_that_writes_may_do_all_with_streams(asgi: Asgi, world: World) -> None:
    key = created(world.token, name="writer", role="write")
    abilities = asgi.get("/api/user", token=key).json()["abilities"]
    assert abilities == sorted(ability for ability in Ability if ability.startswith("streams:"))
    assert asgi.get("/v0/api_keys/writer", token=world.token).json()[0]["role"] == "write"


def test_a_deleted_key_is_good_for_nothing(asgi: Asgi, world: World) -> None:
    key = created(world.token, name="ci")
    assert asgi.get("/v0/config", token=key).status == 200
    answer = asgi.request("DELETE", "/v0/api_keys/ci", token=world.token)
    assert (answer.status, answer.body) == (200, b"")
    assert code(asgi.get("/v0/config", token=key)) == (401, "AuthenticationFailed")
    for method in ("GET", "DELETE"):
        gone = asgi.request(method, "/v0/api_keys/ci", token=world.token)
        assert code(gone) == (404, "UnknownApiKey")
        assert gone.json()["details"] == {"name": "ci"}
    created(world.token, name="ci")  # the name is free again


def test_a_name_is_the_teams_only_one(world: World) -> None:
    created(world.token, name="ci")
    colleague = make_token(world.team, make_member(world.team, Role.MEMBER))
    for token in (world.token, colleague):
        assert code(create(token, name="ci")) == (409, "DuplicateName")
    created(make_world().token, name="ci")


def test_of_many_at_once_one_gets_the_name(world: World) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: create(world.token, name="same").status, range(6)))
    assert Counter(answers) == {201: 1, 409: 5}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "EmptyName"),
        ("a" * 64, "TooLongName"),
        ("a b", "NameDoesNotMatchPattern"),
        ("-a", "NameDoesNotMatchPattern"),
        ("a_", "NameDoesNotMatchPattern"),
        ("ä", "NameDoesNotMatchPattern"),
        ("a\n", "NameDoesNotMatchPattern"),
        ("a\0b", "NameDoesNotMatchPattern"),
    ],
)
def test_names_have_rules(asgi: Asgi, world: World, name: str, expected: str) -> None:
    assert code(create(world.token, name=name)) == (400, expected)


@pytest.mark.parametrize("name", ["a", "A-b_9", "9", "a" * 63])
def test_names_within_the_rules(world: World, name: str) -> None:
    created(world.token, name=name)


def test_nobody_gives_more_than_they_have(world: World) -> None:
    few = make_token(world.team, abilities=[Ability.TOKENS_MANAGE, Ability.STREAMS_READ])
    refused = create(few, name="more", role="write")
    assert code(refused) == (403, "RoleExceedsCreator")
    assert refused.json()["details"] == {"requested": "write", "creator": "read"}
    created(few, name="as-much", role="read")
    none = make_token(world.team, abilities=[Ability.TOKENS_MANAGE])
    assert code(create(none, name="any")) == (403, "RoleExceedsCreator")


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_higher_roles_are_not_for_keys(world: World, role: str) -> None:
    assert code(create(world.token, name="x", role=role)) == (400, "OwnerNotMintableAsApiKey")


def test_members_see_and_delete_their_own(asgi: Asgi, world: World) -> None:
    created(world.token, name="owners")
    member = make_token(world.team, make_member(world.team, Role.MEMBER))
    created(member, name="members")

    def names(token: str) -> list[str]:
        return [key["name"] for key in asgi.get("/v0/api_keys", token=token).json()]

    assert names(world.token) == ["members", "owners"]
    assert names(member) == ["members"]
    assert code(asgi.request("DELETE", "/v0/api_keys/owners", token=member)) == (404, "UnknownApiKey")
    assert asgi.request("DELETE", "/v0/api_keys/members", token=world.token).status == 200


def test_other_tokens_are_no_keys(asgi: Asgi, world: World) -> None:
    assert asgi.get("/v0/api_keys", token=world.token).json() == []
    assert code(asgi.request("DELETE", "/v0/api_keys/test", token=world.token)) == (404, "UnknownApiKey")


@pytest.mark.parametrize("key", ["apikey:", "apikey:" + "a" * 127, "apikey:" + "a" * 128, "apikey:" + "ä" * 128])
def test_what_is_no_key_of_ours_is_refused(asgi: Asgi, world: World, key: str) -> None:
    assert code(asgi.get("/v0/config", token=key)) == (401, "AuthenticationFailed")
