"""/api/streams/{stream}/builds: a log of bytes that grows, and ends."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from apps.accounts.scope import team_scope
from apps.lifecycle import builds, limits
from apps.lifecycle.builds import Chunk
from apps.lifecycle.following import ChangeFollower, follow_build
from apps.lifecycle.kinds import BuildStatus
from apps.lifecycle.models import BuildChunk, BuildLog
from apps.tail.ends import StreamDeleted
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.lifecycle import append_chunk, finish_build, make_build
from tests.factories.streams import World, delete_stream, make_stream, make_world

pytestmark = pytest.mark.contract
KEYS = {"id", "build_id", "deploy_id", "status", "size", "created_at", "updated_at", "finished_at"}


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def path(world: World, rest: str = "") -> str:
    return f"/api/streams/{world.stream.uuid}/builds{rest}"


def begin(api: Api, world: World, build: str = "b", deploy: str = "d") -> Any:
    return api.post(path(world), {"build_id": build, "deploy_id": deploy}, token=world.token)


def append(api: Api, world: World, offset: int, data: bytes, build: str = "b") -> Any:
    place = path(world, f"/{build}/chunks?offset={offset}")
    return api.post(place, data, content_type="application/octet-stream", token=world.token)


def log(api: Api, world: World, query: str = "") -> bytes:
    answer = api.get(path(world, f"/b/log{query}"), token=world.token)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    return answer.content


def test_a_build_is_begun_once(api: Api, world: World) -> None:
    first, again = begin(api, world), begin(api, world)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == api.get(path(world, "/b"), token=world.token).json()
    assert first.json().keys() == KEYS
    assert (first.json()["status"], first.json()["size"], first.json()["finished_at"]) == ("running", 0, None)


def test_ids_are_not_taken_twice(api: Api, world: World) -> None:
    begin(api, world)
    another = begin(api, world, "b", "d2")
    assert (another.status_code, list(another.json()["errors"])) == (422, ["build_id"])
    # A deploy id is the team's, whatever the stream.
    sibling = World(world.team, world.token, *make_stream(world.team))
    taken = begin(api, sibling)
    assert (taken.status_code, list(taken.json()["errors"])) == (422, ["deploy_id"])
    assert begin(api, sibling, "b", "d2").status_code == 201
    assert begin(api, make_world()).status_code == 201  # another team's ids are its own


def test_bytes_come_back_as_they_came(api: Api, world: World) -> None:
    begin(api, world)
    first, second = b"Step 1/8: \xff\x00\r", "FROM py\n\u00fc".encode()
    assert append(api, world, 0, first).json() == {"size": len(first), "duplicate": False}
    as_json = {"offset": len(first), "data": base64.b64encode(second).decode(), "timestamp": "2026-01-01T00:00:00Z"}
    answer = api.post(path(world, "/b/chunks"), as_json, token=world.token)
    assert answer.json() == {"size": len(first + second), "duplicate": False}
    assert log(api, world) == first + second
    assert log(api, world, "?offset=4") == (first + second)[4:]
    assert log(api, world, "?offset=4000") == b""
    with team_scope(world.team.pk):
        chunks = BuildChunk.objects.filter(build__stream=world.stream).order_by("start")
        times = [chunk.at for chunk in chunks]
    assert times[1] == datetime(2026, 1, 1, tzinfo=UTC) < times[0]


def test_a_retry_never_doubles(api: Api, world: World) -> None:
    begin(api, world)
    for offset, data in [(0, b"abc"), (0, b"abc"), (3, b"def"), (3, b"def"), (0, b"abc"), (1, b"bcde")]:
        assert append(api, world, offset, data).status_code == 200
    nothing = api.post(path(world, "/b/chunks"), {"offset": 6, "data": ""}, token=world.token)
    assert nothing.json() == {"size": 6, "duplicate": True}
    assert log(api, world) == b"abcdef"
    assert append(api, world, 0, b"abcdef").json() == {"size": 6, "duplicate": True}


@pytest.mark.parametrize(("offset", "data"), [(7, b"x"), (0, b"xbc"), (5, b"fg"), (1, b"bcdefg")])
def test_a_gap_and_other_bytes_than_before_are_refused(api: Api, world: World, offset: int, data: bytes) -> None:
    begin(api, world)
    append(api, world, 0, b"abcdef")
    answer = append(api, world, offset, data)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["offset"])
    assert "6 bytes" in answer.json()["message"]
    assert log(api, world) == b"abcdef"


def test_many_who_append_the_same_at_once_append_it_once(database: None) -> None:
    world = make_world()
    build = make_build(world.stream, "b")

    def send(_: int) -> int:
        try:
            with team_scope(world.team.pk):
                kept = BuildLog.objects.select_related("stream").get(pk=build.pk)
                return builds.append(kept, Chunk(0, datetime.now(UTC), b"once\n"), now=datetime.now(UTC))[0].size
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, range(8))) == {5}
    with team_scope(world.team.pk):
        assert BuildChunk.objects.filter(build=build).count() == 1


def test_a_finished_build_takes_nothing_more(api: Api, world: World) -> None:
    begin(api, world)
    append(api, world, 0, b"abc")
    done = api.post(path(world, "/b/finish"), {"status": "failed"}, token=world.token)
    again = api.post(path(world, "/b/finish"), {"status": "failed"}, token=world.token)
    assert done.status_code == again.status_code == 200
    assert done.json() == again.json()
    assert (done.json()["status"], done.json()["finished_at"]) == ("failed", done.json()["updated_at"])
    assert api.post(path(world, "/b/finish"), {"status": "succeeded"}, token=world.token).status_code == 422
    assert append(api, world, 3, b"d").status_code == 422
    assert append(api, world, 0, b"abc").json()["duplicate"] is True


def test_limits_are_told(api: Api, world: World) -> None:
    begin(api, world)
    assert append(api, world, 0, b"x" * (limits.CHUNK_BYTES + 1)).status_code == 413
    assert append(api, world, 0, b"x" * limits.CHUNK_BYTES).status_code == 200
    with team_scope(world.team.pk):
        BuildLog.objects.filter(stream=world.stream).update(chunks=limits.CHUNKS_PER_BUILD)
    assert list(append(api, world, limits.CHUNK_BYTES, b"x").json()["errors"]) == ["data"]
    with team_scope(world.team.pk):
        BuildLog.objects.filter(stream=world.stream).update(chunks=1, size=limits.BUILD_BYTES)
    assert list(append(api, world, limits.BUILD_BYTES, b"x").json()["errors"]) == ["data"]


def test_all_builds_of_a_stream_together_have_a_limit(api: Api, world: World) -> None:
    begin(api, world)
    make_build(world.stream, "other")
    with team_scope(world.team.pk):
        BuildLog.objects.filter(build_id="other").update(size=limits.BUILDS_BYTES - 3)
    assert append(api, world, 0, b"abc").status_code == 200
    assert list(append(api, world, 3, b"d").json()["errors"]) == ["data"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "field"),
    [
        (b"x", "application/octet-stream", 422, "offset"),
        (b"x", "text/plain", 415, None),
        (b"{", "application/json", 400, None),
        (b'{"offset": 0, "data": "*"}', "application/json", 422, "data"),
        (b'{"offset": 0, "data": "\xc3\xa4"}', "application/json", 422, "data"),
        (b'{"offset": -1, "data": ""}', "application/json", 422, "offset"),
        (b'{"data": ""}', "application/json", 422, "offset"),
        (b"[]", "application/json", 422, "non_field_errors"),
    ],
)
def test_an_unusable_chunk_is_told(
    api: Api, world: World, body: bytes, kind: str, status: int, field: str | None
) -> None:
    begin(api, world)
    answer = api.post(path(world, "/b/chunks"), body, content_type=kind, token=world.token)
    assert (answer.status_code, list(answer.json().get("errors", {}))) == (status, [field] if field else [])


@pytest.mark.parametrize("build", ["", " ", "a/b", "a b", "x" * 129, "\u00e4", 5])
def test_an_unusable_id_is_told(api: Api, world: World, build: Any) -> None:
    answer = api.post(path(world), {"build_id": build, "deploy_id": "d"}, token=world.token)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["build_id"])


def test_an_unknown_build_is_not_there(api: Api, world: World) -> None:
    for rest in ("/b", "/b/log", "/b%00"):
        assert api.get(path(world, rest), token=world.token).status_code == 404
    assert append(api, world, 0, b"x").status_code == 404


def test_builds_are_listed_newest_first_page_by_page(api: Api, world: World) -> None:
    made = [make_build(world.stream, f"b{number}").build_id for number in range(5)]
    seen: list[str] = []
    query = "?limit=2"
    while query:
        told = api.get(path(world) + query, token=world.token).json()
        seen += [one["build_id"] for one in told["data"]]
        query = f"?limit=2&before={told['data'][-1]['id']}" if told["meta"]["has_more"] else ""
    assert seen == made[::-1]


def test_a_build_is_kept_for_three_days(api: Api, world: World) -> None:
    now = datetime.now(UTC)
    make_build(world.stream, "old", [b"x"], now=now - timedelta(hours=73))
    make_build(world.stream, "b", [b"x"], now=now - timedelta(hours=71))
    assert [one["build_id"] for one in api.get(path(world), token=world.token).json()["data"]] == ["b"]
    assert api.get(path(world, "/old/log"), token=world.token).status_code == 404


# Following


def test_who_follows_gets_everything_and_an_end(asgi: Asgi, world: World) -> None:
    build = make_build(world.stream, "b", [b"one\n", b"two\n"])

    async def build_on() -> None:
        for data in (b"three\n", b"four\n"):
            await asyncio.to_thread(append_chunk, build, data)
        await asyncio.to_thread(finish_build, build)

    async def follow() -> list[bytes]:
        paths = [path(world, f"/b/follow{more}") for more in ("", "?offset=5")]
        calls = [asgi.call("GET", one, token=world.token) for one in paths]
        *answers, _ = await asyncio.wait_for(asyncio.gather(*calls, build_on()), 20)
        return [answer.body for answer in answers]

    everything = b"one\ntwo\nthree\nfour\n"
    assert asyncio.run(follow()) == [everything, everything[5:]]


def test_a_finished_build_is_followed_to_its_end_at_once(asgi: Asgi, world: World) -> None:
    build = make_build(world.stream, "b", [b"x" * 1000] * 200)  # more chunks than one read takes
    finish_build(build, BuildStatus.CANCELLED)
    assert asgi.get(path(world, "/b/follow"), token=world.token).body == b"x" * 200_000


def test_a_deleted_stream_ends_who_follows(world: World) -> None:
    build = make_build(world.stream, "b", [b"x"])

    async def follow() -> list[bytes]:
        seen = []
        async for chunks in follow_build(ChangeFollower(world.stream.ref), build, start=0):
            seen += [chunk.data for chunk in chunks]
            await asyncio.to_thread(delete_stream, world.stream)
        return seen

    with pytest.raises(StreamDeleted):
        asyncio.run(asyncio.wait_for(follow(), 20))


@pytest.mark.parametrize(
    ("rest", "status"), [("/b/follow?offset=x", 422), ("/none/follow", 404), ("/b%00/follow", 404)]
)
def test_what_cannot_be_followed_is_told(asgi: Asgi, world: World, rest: str, status: int) -> None:
    make_build(world.stream, "b")
    answer = asgi.get(path(world, rest), token=world.token)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
