"""Every Ignite route and every RPC times every kind of token: the same answers over HTTP and gRPC.

An organisation is known by its token alone: any other is 403, whether it exists or not. What has no organisation in its
path is not there for other teams.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.accounts.abilities import Ability
from apps.ignite.asgi import ROUTES
from apps.ignite.calls import CALLS
from apps.ignite.requests import SERVICE
from apps.ignite.streams import STREAMS
from tests.asgi import Answer, Asgi
from tests.isolation import ground as grounds
from tests.isolation.ground import Ground, make_ground
from tests.isolation.test_matrix import UNAUTHENTICATED
from tests.rpc import Ignite, client, grpc_server, refusal

NAMES = sorted(ROUTES)
OF_AN_ORGANISATION = [name for name in NAMES if name != "StreamCompileLogs"]
# The number of each code as HTTP tells it.
NUMBERS = {"NOT_FOUND": 5, "PERMISSION_DENIED": 7, "UNAUTHENTICATED": 16}
STATUSES = {"NOT_FOUND": 404, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401}


@pytest.fixture(scope="module")
def mine(database: None) -> Ground:
    return make_ground()


@pytest.fixture(scope="module")
def other(database: None) -> Ground:
    return make_ground()


@pytest.fixture(scope="module")
def port(database: None) -> Iterator[int]:
    with grpc_server() as found:
        yield found


def fields(name: str, ground: Ground, **different: str) -> dict[str, str]:
    """What the request names."""
    known = {
        "organization_name": ground.team.slug,
        "app_name": ground.stream.name,
        "build_id": ground.things["build"],
        "deploy_id": f"deploy-{ground.things['finished']}",  # it has an end
        **different,
    }
    return {field.name: known[field.name] for field in SERVICE.methods_by_name[name].input_type.fields
            if field.name in known}  # fmt: skip


def over_http(name: str, named: dict[str, str], token: str | None, method: str = "GET") -> Answer:
    path = "/" + ROUTES[name]
    for field, value in named.items():
        path = path.replace(f"<str:{field}>", value)
    return Asgi().request(method, path, token=token)


def over_grpc(port: int, name: str, named: dict[str, str], token: str | None) -> tuple[str, str]:
    with client(port, token) as ignite:
        code, message, _ = refusal(lambda: getattr(ignite, name)(**named))
    return code, message


def refused(port: int, name: str, named: dict[str, str], token: str | None) -> tuple[str, str]:
    """By both in the same way; the code and the message."""
    code, message = over_grpc(port, name, named, token)
    answer = over_http(name, named, token)
    assert answer.status == STATUSES[code]
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"code": NUMBERS[code], "message": message, "details": []}
    return code, message


def test_every_call_has_a_route_and_an_answer() -> None:
    assert set(NAMES) == {method.name for method in SERVICE.methods} == CALLS.keys() | STREAMS.keys()
    assert {method.name for method in SERVICE.methods if method.server_streaming} == STREAMS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_who_is_not_authenticated(mine: Ground, port: int, name: str) -> None:
    for kind, token_of in UNAUTHENTICATED.items():
        assert refused(port, name, fields(name, mine), token_of(mine))[0] == "UNAUTHENTICATED", kind


@pytest.mark.parametrize("name", NAMES)
def test_every_ability_but_the_needed_one_is_too_few(mine: Ground, port: int, name: str) -> None:
    token = grounds.token_without(mine, Ability.STREAMS_READ)
    code, message = refused(port, name, fields(name, mine), token)
    assert (code, Ability.STREAMS_READ in message) == ("PERMISSION_DENIED", True)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_needed_ability_alone_is_enough(mine: Ground, port: int, name: str) -> None:
    for token in (grounds.token_with(mine, Ability.STREAMS_READ), grounds.viewers_token(mine)):
        assert over_http(name, fields(name, mine), token).status == 200
        with client(port, token) as ignite:
            getattr(ignite, name)(**fields(name, mine))


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_the_needed_ability_alone_is_enough_to_follow(mine: Ground, port: int, name: str) -> None:
    with client(port, grounds.token_with(mine, Ability.STREAMS_READ)) as ignite:
        call = getattr(ignite, name)(**fields(name, mine))
        call.initial_metadata()  # it has begun, or was refused
        assert call.is_active() or call.code().name == "OK"
        call.cancel()


@pytest.mark.parametrize("name", OF_AN_ORGANISATION)
def test_any_other_organisation_is_forbidden_and_nothing_is_told_of_it(
    mine: Ground, other: Ground, port: int, name: str
) -> None:
    """Whether it exists, whether the app exists, whether the token's user is in it too."""
    before = other.snapshot()
    elsewhere = grounds.token_for_ones_other_team(mine)
    told = {
        refused(port, name, fields(name, other), mine.token),
        refused(port, name, fields(name, other, app_name="nothing"), mine.token),
        refused(port, name, fields(name, other, organization_name="nobody"), mine.token),
        refused(port, name, fields(name, mine, organization_name=mine.team.slug.upper()), mine.token),
        refused(port, name, fields(name, mine), elsewhere),
    }
    assert told == {("PERMISSION_DENIED", "The token is not for this organisation.")}
    assert other.snapshot() == before


@pytest.mark.parametrize("name", OF_AN_ORGANISATION)
def test_another_team_s_app_is_not_there(mine: Ground, other: Ground, port: int, name: str) -> None:
    theirs = [other.stream.name, other.stream.slug, mine.deleted.name, "nothing"]
    told = {refused(port, name, fields(name, mine, app_name=app), mine.token) for app in theirs}
    assert told == {("NOT_FOUND", "No such stream.")}


def test_another_team_s_build_is_not_there(mine: Ground, other: Ground, port: int) -> None:
    """Asked for in one's own app, as what nobody has."""
    named = fields("GetBuildLog", mine, build_id=other.things["build"])
    assert over_http("GetBuildLog", named, mine.token).json() == {"log": "", "found": False}
    with client(port, mine.token) as ignite:
        assert not ignite.GetBuildLog(**named).found


def test_another_team_s_deploy_is_not_there(mine: Ground, other: Ground, port: int) -> None:
    told = {
        refused(port, "StreamCompileLogs", {"deploy_id": deploy}, mine.token)
        for deploy in (f"deploy-{other.things['finished']}", f"deploy-{other.things['build']}", "nothing")
    }
    assert told == {("NOT_FOUND", "No such build.")}


@pytest.mark.parametrize("name", NAMES)
def test_no_other_method_is_taken(mine: Ground, name: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert over_http(name, fields(name, mine), mine.token, method).status == 405, method


def test_two_teams_at_once_see_each_their_own(mine: Ground, other: Ground, port: int) -> None:
    with client(port, mine.token) as ours, client(port, other.token) as theirs:
        for _ in range(3):
            assert _replicas(ours, mine) == [mine.things["replica"]]
            assert _replicas(theirs, other) == [other.things["replica"]]


def _replicas(ignite: Ignite, ground: Ground) -> list[Any]:
    return [one.replica_id for one in ignite.ListAppReplicas(**fields("ListAppReplicas", ground)).replicas]
