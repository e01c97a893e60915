"""The calls that have no end, over HTTP and gRPC."""

import asyncio
import json
from typing import Any

import grpc
import pytest

from apps.accounts import verdicts
from apps.accounts.models import Plan
from apps.accounts.scope import maintenance
from tests.api.ignite.conftest import App
from tests.asgi import Asgi
from tests.factories.accounts import revoke
from tests.factories.lifecycle import append_chunk, finish_build, make_build, record_event
from tests.factories.streams import delete_stream, lines, now_micros
from tests.rpc import PATIENCE_SECONDS, Ignite, client, refusal
from tests.runtime.instances import until
from tests.streaming import Streamed, opened

pytestmark = pytest.mark.contract


async def messages(answer: Streamed, count: int) -> list[Any]:
    return [json.loads(line) for line in await answer.lines(count)]


def ndjson(app: App, rest: str, **kwargs: Any) -> Any:
    return opened(app.path(rest), token=app.world.token, **kwargs)


def texts(found: list[Any]) -> list[str]:
    return [one["line"] for one in found]


# Logs


def test_only_what_is_new_is_sent(app: App) -> None:
    app.append(lines(3, start=now_micros()))

    async def follow() -> None:
        async with ndjson(app, "logs/stream") as answer:
            assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
            await asyncio.to_thread(app.append, lines(2, start=now_micros(), replica="a", stdio="stdout"))
            found = await messages(answer, 2)
            assert texts(found) == ["line 0", "line 1"]
            assert list(found[0]) == ["timestampMs", "replicaId", "stream", "line"]
            assert (found[0]["replicaId"], found[0]["stream"]) == ("a", "LOG_STREAM_STDOUT")

    asyncio.run(follow())


@pytest.mark.parametrize("name", ["fromStart", "from_start"])
def test_from_start_replays_what_is_kept_and_goes_on_without_a_gap(app: App, name: str) -> None:
    app.append(lines(2_500, start=now_micros() - 10_000_000))

    async def follow() -> None:
        async with ndjson(app, f"logs/stream?{name}=true") as answer:
            assert texts(await messages(answer, 2_500)) == [f"line {nth}" for nth in range(2_500)]
            await asyncio.to_thread(app.append, lines(1, start=now_micros()))
            assert texts(await messages(answer, 1)) == ["line 0"]

    asyncio.run(follow())


def test_one_replica_s_lines_as_server_sent_events(app: App) -> None:
    async def follow() -> None:
        headers = {"Accept": "text/event-stream"}
        async with ndjson(app, "logs/stream?replicaId=a", headers=headers) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert await answer.lines(2) == [b":", b""]
            await asyncio.to_thread(app.append, lines(1, start=now_micros(), replica="b"))
            await asyncio.to_thread(app.append, lines(1, start=now_micros(), src="a"))
            data, end = await answer.lines(2)
            assert json.loads(data.removeprefix(b"data: "))["replicaId"] == "a"
            assert end == b""

    asyncio.run(follow())


STREAMS = ["logs/stream", "events/stream", "compile"]


@pytest.mark.parametrize("rest", STREAMS)
@pytest.mark.parametrize(("ending", "code"), [("delete", 5), ("revoke", 7)])
def test_a_deleted_stream_and_a_revoked_token_end_it_with_a_reason(app: App, rest: str, ending: str, code: int) -> None:
    make_build(app.world.stream, "b", deploy_id=app.name)
    end = {"delete": lambda: delete_stream(app.world.stream), "revoke": lambda: revoke(app.world.token)}[ending]

    async def follow() -> Any:
        path = compile_path(app.name) if rest == "compile" else app.path(rest)
        async with opened(path, token=app.world.token) as answer:
            await asyncio.to_thread(end)
            told = json.loads(await answer.line())
            assert await answer.all() == b""
            assert answer.is_whole
            return told

    told = asyncio.run(follow())
    assert (list(told), told["error"]["code"], told["error"]["details"]) == (["error"], code, [])


def test_over_grpc_it_is_the_same(app: App, ignite: Ignite) -> None:
    app.append(lines(3, start=now_micros(), stdio="stderr"))
    call = ignite.StreamAppLogs(**app.named, from_start=True)
    assert [next(call).line for _ in range(3)] == ["line 0", "line 1", "line 2"]
    app.append(lines(1, start=now_micros(), replica="r"))
    assert next(call).replica_id == "r"
    delete_stream(app.world.stream)
    assert refusal(lambda: call)[:2] == ("NOT_FOUND", "The stream was deleted.")


def test_a_stream_over_grpc_has_begun_before_anything_is_told(app: App, ignite: Ignite) -> None:
    call = ignite.StreamAppLogs(**app.named)
    call.initial_metadata()
    app.append(lines(1, start=now_micros()))
    assert next(call).line == "line 0"
    call.cancel()


# Events


def test_events_are_sent_as_they_are_observed_and_counted(app: App, ignite: Ignite) -> None:
    record_event(app.world.stream, reason="Before")
    call = ignite.StreamAppEvents(**app.named, severity="Warning")
    call.initial_metadata()

    async def follow() -> list[Any]:
        async with ndjson(app, "events/stream?severity=Warning") as answer:
            for _ in range(2):
                await asyncio.to_thread(record_event, app.world.stream, reason="Evicted", replica="a")
                await asyncio.to_thread(record_event, app.world.stream, reason="Started")
            found = await messages(answer, 1)
            while found[-1]["count"] < 2:  # two that are alike may have become one before they were sent
                found += await messages(answer, 1)
            return found

    last = asyncio.run(follow())[-1]
    assert (last["kind"], last["replicaId"], last["count"]) == ("APP_EVENT_KIND_EVICTED", "a", 2)
    while (event := next(call)).count < 2:
        assert event.reason == "Evicted"
    delete_stream(app.world.stream)
    assert refusal(lambda: call)[0] == "NOT_FOUND"


# Builds


def compile_path(deploy: str, query: str = "") -> str:
    return f"/v1/ignite/compile/{deploy}/logs{query}"


def test_a_compile_log_is_followed_to_its_end(app: App, ignite: Ignite) -> None:
    build = make_build(app.world.stream, "b", [b"one\n", b"\xfftwo"], deploy_id=app.name)
    call = ignite.StreamCompileLogs(deploy_id=app.name)
    call.initial_metadata()  # it begins behind what is there

    async def follow() -> list[Any]:
        path = compile_path(app.name, "?fromStart=true")
        async with opened(path, token=app.world.token) as answer:
            found = await messages(answer, 2)
            await asyncio.to_thread(append_chunk, build, b"three")
            await asyncio.to_thread(finish_build, build)
            rest = await answer.all()
            assert answer.is_whole
            return found + [json.loads(line) for line in rest.splitlines()]

    found = asyncio.run(follow())
    assert [one["data"] for one in found] == ["b25lCg==", "/3R3bw==", "dGhyZWU="]
    assert list(found[0]) == ["data", "timestampMs"]
    assert [(chunk.data, chunk.timestamp_ms) for chunk in call] == [(b"three", int(found[2]["timestampMs"]))]
    assert list(ignite.StreamCompileLogs(deploy_id=app.name)) == []
    assert len(list(ignite.StreamCompileLogs(deploy_id=app.name, from_start=True))) == 3


def test_an_unknown_deploy_is_not_found(app: App, ignite: Ignite) -> None:
    for deploy in ("nobody", "a%00"):
        answer = Asgi().get(compile_path(deploy), token=app.world.token)
        assert (answer.status, answer.json()) == (404, {"code": 5, "message": "No such build.", "details": []})
    assert refusal(lambda: ignite.StreamCompileLogs(deploy_id="nobody"))[:2] == ("NOT_FOUND", "No such build.")


# Limits


def test_more_followers_than_the_plan_allows_are_refused(app: App, grpc_port: int) -> None:
    with maintenance(atomic=True):
        plan = Plan.objects.create(name=app.org, retention_hours=1, max_followers=2)
        type(app.world.team).objects.filter(pk=app.world.team.pk).update(plan=plan)
    verdicts.forget_all()
    make_build(app.world.stream, "b", deploy_id=app.name)
    with client(grpc_port, app.world.token) as ignite:
        calls = [ignite.StreamAppEvents(**app.named), ignite.StreamCompileLogs(deploy_id=app.name)]
        for call in calls:
            call.initial_metadata()
        code, _, trailers = refusal(lambda: ignite.StreamAppLogs(**app.named))
        assert (code, trailers["retry-after"].isdigit()) == ("RESOURCE_EXHAUSTED", True)
        for call in calls:
            call.cancel()
        until(lambda: _begins(ignite, app), "their places to be free again", seconds=PATIENCE_SECONDS)


def _begins(ignite: Ignite, app: App) -> bool:
    call = ignite.StreamAppLogs(**app.named)
    try:
        call.initial_metadata()
        return not call.done()
    except grpc.RpcError:
        return False
    finally:
        call.cancel()
