"""GET /api/streams"""

import pytest

from tests.api.conftest import Api
from tests.api.streams.test_creating import OUR_KEYS, SEEDS_KEYS
from tests.factories.accounts import make_team, make_token
from tests.factories.streams import make_stream, make_world

pytestmark = pytest.mark.contract
LOCAL = "http://127.0.0.1:8000"


def test_a_list_shows_everything_but_tokens(api: Api, database: None) -> None:
    world = make_world()
    answer = api.get("/api/streams", token=world.token)
    told = answer.json()
    assert told.keys() == {"data", "meta", "links"}
    assert [each.keys() for each in told["data"]] == [(SEEDS_KEYS | OUR_KEYS) - {"ingest"}]
    assert told["data"][0]["uuid"] == str(world.stream.uuid)
    assert world.ingest_token not in answer.content.decode()


def test_a_team_without_streams_has_an_empty_list(api: Api, database: None) -> None:
    told = api.get("/api/streams", token=make_token(make_team())).json()
    assert told == {"data": [], "meta": {"has_more": False, "total": 0}, "links": {"next": None}}


def test_the_links_lead_through_all_pages(api: Api, database: None) -> None:
    team = make_team("unlimited")
    token = make_token(team)
    made = [make_stream(team)[0].pk for _ in range(5)]
    seen, pages, following = [], 0, "/api/streams?limit=2"
    while following:
        told = api.get(following, token=token).json()
        seen += [each["id"] for each in told["data"]]
        pages += 1
        assert told["meta"] == {"has_more": told["links"]["next"] is not None, "total": 5}
        following = (told["links"]["next"] or "").removeprefix(LOCAL)
    assert (seen, pages) == (made, 3)


def test_a_page_that_is_just_full_is_the_last(api: Api, database: None) -> None:
    team = make_team("unlimited")
    for _ in range(2):
        make_stream(team)
    told = api.get("/api/streams?limit=2", token=make_token(team)).json()
    assert (len(told["data"]), told["meta"]["has_more"], told["links"]["next"]) == (2, False, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("limit=%EF%BC%91", "limit"),
        ("limit=%00", "limit"),
        ("after=-1", "after"),
        ("after=9223372036854775808", "after"),
        (f"after={'9' * 5000}", "after"),
    ],
    ids=lambda text: text[:30],
)
def test_an_unusable_parameter_is_told(api: Api, database: None, query: str, field: str) -> None:
    answer = api.get(f"/api/streams?{query}", token=make_token(make_team()))
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert answer.json()["detail"].startswith(f"{field} must be ")


def test_after_the_last_there_is_nothing(api: Api, database: None) -> None:
    told = api.get("/api/streams?after=9223372036854775807", token=make_world().token).json()
    assert told["data"] == []
