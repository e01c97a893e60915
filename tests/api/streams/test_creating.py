"""POST /api/streams"""

import base64
import json
from datetime import datetime
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse

from apps.accounts.models import AuditEntry
from apps.accounts.scope import maintenance
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.accounts import make_team, make_token
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract
SEEDS_KEYS = {"id", "uuid", "name", "slug", "stream_setup", "team_id", "created_at", "updated_at", "ingest"}
OUR_KEYS = {"stream_id", "description", "retention_hours"}

NOT_JSON = [
    b"{",
    b"\xff",
    b"{'name': 'x'}",
    b"[" * 100_000,
    b'{"name": "\\ud800"}',
    b'{"retention_hours": %s}' % (b"9" * 5000),
    b'{"retention_hours": NaN}',
]


@pytest.fixture
def token(database: None) -> str:
    return make_token(make_team("unlimited"))


def create(api: Api, token: str, **fields: Any) -> HttpResponse:
    return api.post("/api/streams", fields, token=token)


def claims_of(jwt: str) -> dict[str, Any]:
    middle = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))  # type: ignore[no-any-return]


def test_a_new_stream_has_the_documents_keys(api: Api, database: None) -> None:
    team = make_team()
    answer = create(api, make_token(team), name="My Stream")
    assert answer.status_code == 201
    told = answer.json()
    assert told.keys() == SEEDS_KEYS | OUR_KEYS
    assert told["name"] == "My Stream"
    assert told["slug"].startswith("my-stream-")
    assert (told["stream_setup"], told["team_id"], told["description"]) == (False, team.pk, "")
    assert told["stream_id"] == told["uuid"] == str(UUID(told["uuid"]))
    assert told["created_at"] == told["updated_at"]
    assert told["created_at"].endswith("Z")
    assert datetime.fromisoformat(told["created_at"])


def test_its_ingest_token_is_for_it_and_has_no_end(api: Api, token: str) -> None:
    told = create(api, token, name="My Stream").json()
    ingest = told["ingest"]
    assert ingest.keys() == {"endpoint", "token", "expires_at"}
    assert ingest["endpoint"] == f"http://127.0.0.1:8000/api/ingest/{told['uuid']}"
    assert ingest["expires_at"] is None
    claims = claims_of(ingest["token"])
    assert claims.keys() == {"stream_id", "scope", "iat", "jti"}
    assert (claims["stream_id"], claims["scope"]) == (told["uuid"], "ingest")


def test_a_description_and_a_retention_are_kept(api: Api, token: str) -> None:
    told = create(api, token, name="x", description="what it is", retention_hours=5).json()
    assert (told["description"], told["retention_hours"]) == ("what it is", 5)


@pytest.mark.parametrize("name", ["a", "x" * 255, "Ünï – 日本語 🚀", "a/b?c#d%e", "123", "' OR 1=1 --", "<b>"])
def test_any_text_is_a_name(api: Api, token: str, name: str) -> None:
    told = create(api, token, name=name).json()
    assert told["name"] == name
    assert api.get(f"/api/streams/{told['slug']}", token=token).json()["uuid"] == told["uuid"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x", "description": "y" * 1001}, "description"),
        ({"name": "x", "description": None}, "description"),
        ({"name": "x", "retention_hours": 0}, "retention_hours"),
        ({"name": "x", "retention_hours": -1}, "retention_hours"),
        ({"name": "x", "retention_hours": "long"}, "retention_hours"),
        (b'{"name": "x", "retention_hours": 1%s}' % (b"0" * 30), "retention_hours"),
        ([], "non_field_errors"),
        (b'"x"', "non_field_errors"),
    ],
)
def test_an_unusable_wish_is_told_by_field(api: Api, token: str, body: Any, field: str) -> None:
    answer = api.post("/api/streams", body, token=token)
    assert answer.status_code == 422
    told = answer.json()
    assert list(told["errors"]) == [field]
    assert told["message"] == told["errors"][field][0]


@pytest.mark.parametrize("body", NOT_JSON)
def test_a_body_that_is_no_json_is_a_bad_request(api: Api, token: str, body: bytes) -> None:
    assert api.post("/api/streams", body, token=token).status_code == 400


@pytest.mark.parametrize("charset", ["utf-16", "rot13", "base64", "nonsense"])
def test_json_is_utf_8_whatever_is_said_of_it(api: Api, token: str, charset: str) -> None:
    content_type = f"application/json; charset={charset}"
    answer = api.post("/api/streams", {"name": "Ü"}, token=token, content_type=content_type)
    assert answer.json()["name"] == "Ü"


def test_a_body_that_no_stream_needs_is_too_large(api: Api, token: str) -> None:
    assert api.post("/api/streams", {"name": "x" * 3_000_000}, token=token).status_code == 413


def test_a_body_may_come_in_chunks(asgi: Asgi, token: str) -> None:
    headers = {"content-type": "application/json", "transfer-encoding": "chunked"}
    answer = asgi.post("/api/streams", [b'{"name": ', b'"in chunks"}'], token=token, headers=headers)
    assert answer.status == 201
    assert answer.json()["name"] == "in chunks"


def test_a_form_is_another_media_type(api: Api, token: str) -> None:
    assert api.post("/api/streams", b"name=x", token=token, content_type="text/csv").status_code == 415


def test_a_name_is_unique_among_the_teams_live_streams(api: Api, token: str) -> None:
    first = create(api, token, name="same").json()
    again = create(api, token, name="same")
    assert again.status_code == 422
    assert list(again.json()["errors"]) == ["name"]
    assert create(api, make_token(make_team()), name="same").status_code == 201
    assert api.delete(f"/api/streams/{first['id']}", token=token).status_code == 204
    assert create(api, token, name="same").status_code == 201


def test_a_plan_bounds_retention(api: Api, database: None) -> None:
    token = make_token(make_team("free"))
    answer = create(api, token, name="x", retention_hours=73)
    assert answer.status_code == 422
    assert "72 hours" in answer.json()["errors"]["retention_hours"][0]
    assert create(api, token, name="x", retention_hours=72).status_code == 201


def test_a_plan_bounds_the_number_of_streams(api: Api, database: None) -> None:
    token = make_token(make_team("free"))
    most = api.get("/api/user/plan", token=token).json()["limits"]["max_streams"]
    ids = [create(api, token, name=f"stream {nth}").json()["id"] for nth in range(most)]
    refused = create(api, token, name="one more")
    assert refused.status_code == 422
    assert str(most) in refused.json()["errors"]["name"][0]
    api.delete(f"/api/streams/{ids[0]}", token=token)
    assert create(api, token, name="one more").status_code == 201


def test_of_many_who_take_the_last_place_one_gets_it(api: Api, database: None) -> None:
    token = make_token(make_team("free"))
    most = api.get("/api/user/plan", token=token).json()["limits"]["max_streams"]
    for nth in range(most - 1):
        create(api, token, name=f"stream {nth}")
    statuses: list[int] = []
    racers = [
        Thread(target=lambda nth=nth: statuses.append(create(Api(), token, name=f"racer {nth}").status_code))
        for nth in range(4)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(statuses) == [201, 422, 422, 422]


def test_the_team_is_told_who_made_it(api: Api, database: None) -> None:
    world: World = make_world()
    create(api, world.token, name="noted")
    with maintenance():
        entry = AuditEntry.objects.get(team=world.team, action="stream.create", subject="noted")
    assert "@" in entry.actor
