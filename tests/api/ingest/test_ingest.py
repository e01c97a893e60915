"""POST /api/ingest/{stream}: who may, what comes back, what is stored."""

import base64
import gzip
import json
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
import zstandard

from apps.accounts.scope import team_scope
from apps.ingest import authentication
from apps.streams import ingest_tokens
from apps.streams.models import IngestToken
from tailsvc import limits
from tests.api.conftest import Api
from tests.asgi import Answer, Asgi
from tests.contracts.pieces import query
from tests.factories.streams import World, make_stream, make_world

pytestmark = pytest.mark.contract
NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def post(asgi: Asgi, world: World, body: Any, token: str | None = None, **headers: str) -> Answer:
    sent = {**NDJSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asgi.post(world.ingest, body, token=token or world.ingest_token, headers=sent)


def stored(api: Api, world: World) -> list[dict[str, Any]]:
    return api.get(f"{world.logs}?direction=asc&limit=500", token=world.token).json()["data"]  # type: ignore[no-any-return]


def test_the_line_shapes_may_be_mixed(api: Api, asgi: Asgi, world: World) -> None:
    body = b"\n".join(
        [
            b'{"level":"info","message":"direct","status":200,"rt":0.047}',
            b'{"log":"[2026-01-01 12:00:00] production.ERROR: wrapped","filename":"/var/log/a.log"}',
            b'"a bare string"',
            b"",
            b'{"log":"","filename":"/var/log/a.log"}',
        ]
    )
    answer = post(asgi, world, body)
    assert answer.status == 200
    assert answer.json() == {"accepted": 4, "rejected": 0, "duplicates": 0, "errors": []}
    # The wrapped line's own time is the oldest.
    wrapped, direct, bare, empty = stored(api, world)
    assert direct["fields"]["response_time_ms"] == 47.0
    assert (wrapped["raw_message"], wrapped["fields"]["level"]) == (
        "[2026-01-01 12:00:00] production.ERROR: wrapped",
        "ERROR",
    )
    assert bare["raw_message"] == "a bare string"
    assert empty["raw_message"] == ""


@pytest.mark.parametrize(
    ("content_type", "body", "accepted"),
    [
        ("application/x-ndjson", b'{"message":"a"}\n{"message":"b"}\n', 2),
        ("application/json", b'[{"message":"a"}, "b"]', 2),
        ("application/json; charset=utf-8", b'{"message":"a"}', 1),
        ("text/plain", b"a\n\nb\nc", 3),
    ],
)
def test_bodies_of_every_kind(asgi: Asgi, world: World, content_type: str, body: bytes, accepted: int) -> None:
    answer = asgi.post(world.ingest, body, token=world.ingest_token, headers={"content-type": content_type})
    assert answer.json()["accepted"] == accepted


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_bodies_of_every_coding_whole_and_in_chunks(
    api: Api, asgi: Asgi, world: World, coding: str, encode: Any
) -> None:
    body = encode(b'{"message":"packed"}\n' * 50)
    assert post(asgi, world, body, content_encoding=coding).json()["accepted"] == 50
    chunks = [body[at : at + 3] for at in range(0, len(body), 3)]
    assert post(asgi, world, iter(chunks), content_encoding=coding).json()["accepted"] == 50
    assert len(stored(api, world)) == 100
    assert post(asgi, world, body[:-4], content_encoding=coding).status == 400


def test_the_end_of_a_body_whose_length_was_told_is_not_asked_for(asgi: Asgi, world: World) -> None:
    def told() -> Iterator[bytes]:
        yield b'{"message":'
        yield b'"a"}'
        pytest.fail("the body was whole")

    assert post(asgi, world, told(), content_length="15").json()["accepted"] == 1


def test_a_length_says_nothing_of_a_chunked_body(asgi: Asgi, world: World) -> None:
    chunks = iter([b'"a"\n', b'"b"\n'])
    assert post(asgi, world, chunks, content_length="4", transfer_encoding="chunked").json()["accepted"] == 2


def test_rejected_lines_are_told_with_their_number_and_kept(api: Api, asgi: Asgi, world: World) -> None:
    answer = post(asgi, world, b'{"message":"a"}\n12\n\n{"broken\n{"message":"b"}\nnull')
    assert answer.status == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (2, 3)
    assert [error["line"] for error in told["errors"]] == [2, 4, 6]
    kept = api.get(f"/api/streams/{world.stream.uuid}/rejections", token=world.token).json()["data"]
    assert [(one["line"], one["sample"]) for one in kept] == [(6, "null"), (4, '{"broken'), (2, "12")]


def test_a_body_without_one_usable_line_is_refused_and_its_lines_are_kept(api: Api, asgi: Asgi, world: World) -> None:
    answer = post(asgi, world, b"1\n2\n" * 30)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["errors"]["body"]) == limits.REJECTIONS_ANSWERED
    assert answer.json()["message"].startswith("No line of the body is usable; line 1: ")
    assert not answer.json()["message"].endswith("..")
    assert stored(api, world) == []
    kept = api.get(f"/api/streams/{world.stream.uuid}/rejections", token=world.token).json()
    assert len(kept["data"]) == 60


@pytest.mark.parametrize("body", [b"", b"\n\n", b"  \n"])
def test_nothing_is_fine(asgi: Asgi, world: World, body: bytes) -> None:
    assert post(asgi, world, body).json()["accepted"] == 0


def test_events_beyond_retention_are_refused_and_the_edge_is_named(asgi: Asgi, database: None) -> None:
    world = make_world("free")
    now = datetime.now(UTC)
    old, fresh = (now - timedelta(hours=72, minutes=1)).isoformat(), (now - timedelta(hours=71)).isoformat()
    body = f'{{"ts":"{fresh}","message":"fresh"}}\n\n{{"ts":"{old}","message":"old"}}'.encode()
    told = post(asgi, world, body).json()
    assert (told["accepted"], told["rejected"]) == (1, 1)
    assert told["errors"][0]["line"] == 3
    assert "retention, which begins at 20" in told["errors"][0]["reason"]


def test_a_far_future_is_taken_as_now_and_what_it_was_is_kept(api: Api, asgi: Asgi, world: World) -> None:
    post(asgi, world, b'{"ts":"2190-01-01T00:00:00Z","message":"m"}')
    (event,) = stored(api, world)
    assert event["timestamp"].startswith(str(datetime.now(UTC).year))
    assert event["attributes"]["original_timestamp"].startswith("2190-01-01T00:00:00")


@pytest.mark.parametrize("address", ["uuid", "id", "slug", "upper"])
def test_a_stream_has_several_addresses(asgi: Asgi, world: World, address: str) -> None:
    text = {
        "uuid": str(world.stream.uuid),
        "id": str(world.stream.pk),
        "slug": world.stream.slug,
        "upper": str(world.stream.uuid).upper(),
    }[address]
    answer = asgi.post(f"/api/ingest/{text}", b'"x"', token=world.ingest_token, headers=NDJSON)
    assert answer.status == 200


def test_only_post_is_answered(asgi: Asgi, world: World) -> None:
    answer = asgi.request("GET", world.ingest, token=world.ingest_token)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


# Who may


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer  "])
def test_without_a_token_it_is_401(asgi: Asgi, world: World, header: str | None) -> None:
    headers = {**NDJSON, **({} if header is None else {"authorization": header})}
    answer = asgi.post(world.ingest, b'"x"', headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def forged(world: World, **changes: Any) -> str:
    """A token of ours with other claims, signed with our own key."""
    claims = jwt.decode(world.ingest_token, options={"verify_signature": False}) | changes
    kid = jwt.get_unverified_header(world.ingest_token)["kid"]
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, ingest_tokens.signing_keys()[kid], "HS256", headers={"kid": kid})


def with_header(world: World, **changes: Any) -> str:
    header, payload, signature = world.ingest_token.split(".")
    parsed = json.loads(base64.urlsafe_b64decode(header + "==")) | changes
    changed = base64.urlsafe_b64encode(json.dumps(parsed).encode()).decode().rstrip("=")
    return f"{changed}.{payload}.{signature}"


@pytest.mark.parametrize(
    "make",
    [
        lambda world: "nonsense",
        lambda world: "a.b.c",
        lambda world: world.token,  # a personal access token
        lambda world: world.ingest_token[:-2],
        lambda world: world.ingest_token + "x",
        lambda world: jwt.encode({"stream_id": str(world.stream.uuid), "scope": "ingest"}, key=None, algorithm="none"),
        lambda world: with_header(world, alg="none"),
        lambda world: with_header(world, alg="RS256"),
        lambda world: with_header(world, kid="../../etc/passwd"),
        lambda world: with_header(world, kid=["x"]),
        lambda world: with_header(world, kid=None),
        lambda world: jwt.encode({"scope": "ingest"}, "x" * 64, "HS512", headers={"kid": "x"}),
        lambda world: forged(world, scope="admin"),
        lambda world: forged(world, scope=None),
        lambda world: forged(world, stream_id="00000000-0000-4000-8000-000000000000"),
        lambda world: forged(world, stream_id="x"),
        lambda world: forged(world, jti=None),
        lambda world: forged(world, jti="00000000-0000-4000-8000-000000000000"),
        lambda world: forged(world, exp=int(time.time()) - 1),
        lambda world: forged(world, exp="never"),
        lambda world: forged(world, iat=int(time.time()) + 3600),
        lambda world: forged(world, iat=None),
        lambda world: forged(world, padding="x" * 10_000),
        lambda world: "é" * 20,
    ],
)
def test_a_token_that_is_not_good_is_403_and_nothing_is_stored(api: Api, asgi: Asgi, world: World, make: Any) -> None:
    token = make(world)
    answer = asgi.post(
        world.ingest, b'"x"', headers={**NDJSON, "authorization": f"Bearer {token}".encode().decode("latin-1")}
    )
    assert answer.status == 403
    assert token not in answer.body.decode()
    assert stored(api, world) == []


def test_a_token_is_good_for_its_own_stream_only(asgi: Asgi, world: World) -> None:
    other, _ = make_stream(world.team)
    for address in (other.uuid, other.pk, other.slug, "", "nowhere", f"{world.stream.uuid}/x"):
        answer = asgi.post(f"/api/ingest/{address}", b'"x"', token=world.ingest_token, headers=NDJSON)
        assert answer.status == 403


def test_a_revoked_token_is_refused_within_five_seconds(asgi: Asgi, world: World) -> None:
    assert post(asgi, world, b'"x"').status == 200
    with team_scope(world.team.pk):
        ingest_tokens.revoke(token=IngestToken.objects.get(stream=world.stream), actor="test", now=datetime.now(UTC))
    revoked = sent = time.monotonic()
    while (status := post(asgi, world, b'"x"').status) == 200:
        assert sent - revoked < 5
        time.sleep(0.1)
        sent = time.monotonic()  # by the clock of whoever sends: how long an answer takes is another matter
    assert status == 403


def test_two_tokens_live_side_by_side_while_rotating(asgi: Asgi, world: World) -> None:
    with team_scope(world.team.pk):
        second = ingest_tokens.issue(stream=world.stream, ttl=3600, actor="test", now=datetime.now(UTC))
    assert post(asgi, world, b'"x"').status == 200
    assert post(asgi, world, b'"x"', token=second.token).status == 200


def test_a_new_signing_key_leaves_the_old_tokens_good(asgi: Asgi, world: World) -> None:
    ingest_tokens.add_signing_key(datetime.now(UTC))
    newer = make_world()
    kids = {jwt.get_unverified_header(one.ingest_token)["kid"] for one in (world, newer)}
    assert len(kids) == 2
    authentication._verdicts.clear()
    assert post(asgi, world, b'"x"').status == 200
    assert post(asgi, newer, b'"x"').status == 200


# Limits


def test_an_unknown_kind_or_coding_is_415(asgi: Asgi, world: World) -> None:
    for headers in ({"content-type": "application/xml"}, {**NDJSON, "content-encoding": "br"}):
        assert asgi.post(world.ingest, b'"x"', token=world.ingest_token, headers=headers).status == 415


def test_a_stated_length_beyond_the_limit_is_refused_unread(asgi: Asgi, world: World) -> None:
    def unread() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    answer = post(asgi, world, unread(), content_length=str(limits.BODY_BYTES + 1))
    assert answer.status == 413


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_a_bomb_is_413_and_stores_nothing(api: Api, asgi: Asgi, world: World, coding: str, encode: Any) -> None:
    bomb = encode(b"\n" * (limits.BODY_BYTES + 1))
    assert post(asgi, world, bomb, content_encoding=coding).status == 413
    assert stored(api, world) == []


def test_an_upload_without_end_is_cut_off_at_the_limit_and_costs_little_memory(
    api: Api, asgi: Asgi, world: World
) -> None:
    sent = 0

    def gibibyte() -> Iterator[bytes]:
        nonlocal sent
        line = b'{"message":"' + b"x" * 1000 + b'"}\n'
        chunk = line * 64
        while sent < 1024 * limits.MIB:
            sent += len(chunk)
            yield chunk

    before = peak_memory(reset=True)
    assert post(asgi, world, gibibyte()).status == 413
    assert sent < limits.BODY_BYTES + limits.MIB
    assert peak_memory() - before < 200 * limits.MIB
    assert stored(api, world) == []


def peak_memory(*, reset: bool = False) -> int:
    """The most that this process ever held, in bytes; or since now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_a_spent_quota_is_429_with_the_time_to_wait(asgi: Asgi, database: None) -> None:
    world = make_world("free")
    statuses = set()
    for _ in range(2000):
        answer = post(asgi, world, b'"x"')
        statuses.add(answer.status)
        if answer.status == 429:
            break
    assert statuses == {200, 429}
    assert 0 < int(answer.headers["retry-after"]) <= 60


# Retries


def test_a_repeated_key_stores_once_and_replays_the_first_answer(api: Api, asgi: Asgi, world: World) -> None:
    first = post(asgi, world, b'"x"\n12', idempotency_key="k1")
    again = post(asgi, world, b'"x"\n12', idempotency_key="k1")
    assert first.body == again.body
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(stored(api, world)) == 1


def test_a_key_with_another_body_is_422(asgi: Asgi, world: World) -> None:
    assert post(asgi, world, b'"x"', idempotency_key="k1").status == 200
    assert post(asgi, world, b'"y"', idempotency_key="k1").status == 422


def test_many_requests_with_one_key_at_once_store_once(api: Api, asgi: Asgi, world: World) -> None:
    calls = [
        asgi.call("POST", world.ingest, b'"x"', token=world.ingest_token, headers={**NDJSON, "idempotency-key": "same"})
        for _ in range(20)
    ]
    answers = asgi.together(*calls)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(stored(api, world)) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
def test_a_key_that_is_none_is_422(asgi: Asgi, world: World, key: str) -> None:
    assert post(asgi, world, b'"x"', idempotency_key=key).status == 422


# Together


def test_small_requests_share_their_commits(asgi: Asgi, world: World) -> None:
    def commits() -> int:
        """Whatever was stored bears the number of its transaction."""
        made = "SELECT xmin::text AS number FROM {} WHERE stream_id = %s"
        both = f"{made.format('log_event')} UNION ALL {made.format('log_segment')}"
        ((count,),) = query(f"SELECT count(DISTINCT number) FROM ({both}) AS made", *[world.stream.pk] * 2)
        return int(count)

    post(asgi, world, b'"warm up"')
    before = commits()
    calls = [asgi.call("POST", world.ingest, b'"x"', token=world.ingest_token, headers=NDJSON) for _ in range(64)]
    assert {answer.status for answer in asgi.together(*calls)} == {200}
    assert 1 <= commits() - before < 64 / 4


def test_what_is_acknowledged_is_found_by_the_next_query(api: Api, asgi: Asgi, world: World) -> None:
    for number in range(20):
        post(asgi, world, orjson.dumps({"message": f"m{number}"}))
        newest = api.get(f"{world.logs}?limit=1", token=world.token).json()["data"][0]
        assert newest["fields"]["message"] == f"m{number}"
