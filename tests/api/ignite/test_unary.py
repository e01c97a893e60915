"""The calls that have an end, over HTTP and gRPC: the seed's examples, every parameter, the same answers."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from apps.accounts.models import Plan
from apps.accounts.scope import maintenance
from apps.ignite import calls
from apps.lifecycle import replicas
from apps.lifecycle.models import Replica
from apps.tail import following
from tailsvc.events import Event
from tailsvc.storage.postgres import Pools, PostgresEventStore
from tests.api.ignite.conftest import App, make_app
from tests.asgi import Asgi
from tests.factories.lifecycle import make_build, record_event, report_replica
from tests.factories.streams import delete_stream, lines, make_stream, now_micros
from tests.rpc import SERVICE, Ignite, client, refusal

pytestmark = pytest.mark.contract
POD = "my-data-processor-7c9d8-abcde"


def both(app: App, ignite: Ignite, rest: str, call: str, **fields: Any) -> Any:
    """What HTTP answers, having seen that gRPC answers the same."""
    answer = app.get(rest)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.body
    message = getattr(ignite, call)(**app.named, **fields)
    assert json_format.MessageToDict(message, always_print_fields_with_no_presence=True) == answer.json()
    return answer.json()


# The seed's examples, byte for byte


def test_the_seed_s_logs(app: App) -> None:
    at = now_micros() // 1000
    line = "processed batch 42 in 18ms"
    app.world.append([Event(at * 1000 + 999, line.encode(), replica=POD, stdio="stdout")])
    assert app.get("logs?limit=200").body.decode() == (
        f'{{"lines":[{{"timestampMs":"{at}","replicaId":"{POD}","stream":"LOG_STREAM_STDOUT","line":"{line}"}}],'
        '"truncated":false}'
    )


def test_the_seed_s_events(app: App) -> None:
    now = datetime.now(UTC)
    told = {"reason": "OOMKilling", "message": "Memory cgroup out of memory: Killed process 1", "replica": POD}
    record_event(app.world.stream, now=now, **told)
    record_event(app.world.stream, reason="Started")
    millis = int(now.timestamp() * 1000)
    assert app.get("events?severity=Warning").body.decode() == (
        f'{{"events":[{{"timestampMs":"{millis}","kind":"APP_EVENT_KIND_OOM_KILLED","reason":"OOMKilling",'
        f'"message":"Memory cgroup out of memory: Killed process 1","replicaId":"{POD}","count":1,'
        '"severity":"Warning"}],"truncated":false}'
    )


def test_the_seed_s_replicas(app: App) -> None:
    conditions = [{"type": one, "status": "True"} for one in ("PodScheduled", "Initialized", "ContainersReady")]
    report_replica(
        app.world.stream, POD, cluster="worker-eu-1", node="ip-10-0-3-17", conditions=conditions, cpu_millicores=120,
        memory_mb=210, started_at=datetime.fromtimestamp(1716893900, UTC),
    )  # fmt: skip
    assert app.get("replicas").body.decode() == (
        f'{{"replicas":[{{"replicaId":"{POD}","clusterId":"worker-eu-1","nodeName":"ip-10-0-3-17",'
        '"status":"STATUS_RUNNING","ready":true,"restartCount":0,"startedMs":"1716893900000",'
        '"conditionsSummary":"PodScheduled=True, Initialized=True, ContainersReady=True",'
        '"cpuMillicoresUsed":"120","memoryMbUsed":"210"}]}'
    )


def test_the_seed_s_build_log(app: App) -> None:
    make_build(app.world.stream, "bld_01HZX9", [b"Step 1/8: FROM python:3.12-slim\n"])
    assert app.get("builds/bld_01HZX9/log").body == (
        b'{"log":"U3RlcCAxLzg6IEZST00gcHl0aG9uOjMuMTItc2xpbQo=","found":true}'
    )


# Logs


def test_lines_are_the_newest_oldest_first(app: App, ignite: Ignite) -> None:
    app.world.append(lines(30, start=now_micros() - 1_000_000))
    told = both(app, ignite, "logs?limit=3", "GetAppLogs", limit=3)
    assert ([one["line"] for one in told["lines"]], told["truncated"]) == (["line 27", "line 28", "line 29"], True)
    told = both(app, ignite, "logs?limit=30", "GetAppLogs", limit=30)
    assert (len(told["lines"]), told["truncated"]) == (30, False)


def test_the_default_and_the_cap(app: App) -> None:
    app.world.append(lines(10_100, start=now_micros() - 20_000_000))
    counts = {query: app.get(f"logs{query}").json() for query in ("", "?limit=0", "?limit=10000", "?limit=2147483647")}
    assert [len(told["lines"]) for told in counts.values()] == [1_000, 1_000, 10_000, 10_000]
    assert {told["truncated"] for told in counts.values()} == {True}
    assert counts["?limit=10000"]["lines"][0]["line"] == "line 100"


def test_long_lines_are_cut_where_the_transport_ends(app: App, ignite: Ignite) -> None:
    """Clients of gRPC take 4 MiB; and one line is always told."""
    app.world.append([Event(now_micros() + nth, b"%d" % nth + b"x" * 1_000_000) for nth in range(6)])
    told = ignite.GetAppLogs(**app.named)
    assert ([one.line[0] for one in told.lines], told.truncated) == (["3", "4", "5"], True)
    assert len(app.get("logs").json()["lines"]) == 6


@pytest.mark.parametrize("name", ["replicaId", "replica_id"])
def test_lines_of_one_replica(app: App, ignite: Ignite, name: str) -> None:
    now = now_micros()
    app.world.append(
        [
            Event(now, b"1", replica="a", src="b"),
            Event(now + 1, b"2", src="a", stdio="stderr"),
            Event(now + 2, b"3", src="b", container="a"),
            Event(now + 3, b"4", container="a"),
            Event(now + 4, b"5"),
        ]
    )
    told = both(app, ignite, f"logs?{name}=a", "GetAppLogs", replica_id="a")
    assert [one["line"] for one in told["lines"]] == ["1", "2", "4"]
    assert {one["replicaId"] for one in told["lines"]} == {"a"}
    everything = both(app, ignite, "logs", "GetAppLogs")["lines"]
    assert [one["replicaId"] for one in everything] == ["a", "a", "b", "a", ""]
    assert [one["stream"] for one in everything[:2]] == ["LOG_STREAM_UNSPECIFIED", "LOG_STREAM_STDERR"]
    assert both(app, ignite, "logs?replicaId=a%00", "GetAppLogs", replica_id="a\0")["lines"] == []


def test_any_bytes_are_a_line(app: App, ignite: Ignite) -> None:
    app.world.append([Event(now_micros(), raw) for raw in (b"\xff\x00\r\n\xc3\xa4", "\u2028\U0001f600".encode(), b"")])
    told = both(app, ignite, "logs", "GetAppLogs")
    assert [one["line"] for one in told["lines"]] == ["\ufffd\x00\r\nä", "\u2028\U0001f600", ""]


# Events


def test_events_are_the_newest_oldest_first(app: App, ignite: Ignite) -> None:
    for nth in range(4):
        record_event(app.world.stream, reason=f"r{nth}", replica="a" if nth % 2 else "b")
    told = both(app, ignite, "events?limit=2", "GetAppEvents", limit=2)
    assert ([one["reason"] for one in told["events"]], told["truncated"]) == (["r2", "r3"], True)
    told = both(app, ignite, "events?replica_id=a", "GetAppEvents", replica_id="a")
    assert ([one["reason"] for one in told["events"]], told["truncated"]) == (["r1", "r3"], False)
    assert both(app, ignite, "events?severity=Warning", "GetAppEvents", severity="Warning")["events"] == []


# Replicas and builds


def test_only_what_runs_is_listed(app: App, ignite: Ignite) -> None:
    now = datetime.now(UTC)
    report_replica(app.world.stream, "running", now=now, restarts=2)
    report_replica(app.world.stream, "silent", now=now - timedelta(seconds=61))
    report_replica(app.world.stream, "ended", now=now, status="succeeded")
    app.world.append([Event(now_micros(), b"x", src="inferred"), Event(now_micros(), b"x", replica="running")])
    told = both(app, ignite, "replicas", "ListAppReplicas")["replicas"]
    assert [(one["replicaId"], one["restartCount"], one["startedMs"] == "0") for one in told] == [
        ("inferred", 0, True),
        ("running", 2, False),
    ]
    with maintenance():
        Replica.objects.filter(stream=app.world.stream).delete()


def test_a_build_that_is_not_kept_is_not_an_error(app: App, ignite: Ignite) -> None:
    make_build(app.world.stream, "old", [b"x"], now=datetime.now(UTC) - timedelta(hours=73))
    make_build(app.world.stream, "empty")
    for build_id, found in (("none", False), ("old", False), ("empty", True)):
        told = both(app, ignite, f"builds/{build_id}/log", "GetBuildLog", build_id=build_id)
        assert told == {"log": "", "found": found}
    data = bytes(range(256)) * 10
    make_build(app.world.stream, "b", [data[:1000], data[1000:]])
    told = both(app, ignite, "builds/b/log", "GetBuildLog", build_id="b")
    assert base64.b64decode(told["log"]) == data


# Names, errors


def test_an_app_is_found_by_name_and_by_slug(app: App) -> None:
    odd, _ = make_stream(app.world.team, "My app")
    assert Asgi().get(f"/v1/ignite/app/{app.org}/{odd.slug}/logs", token=app.world.token).status == 200
    assert Asgi().get(f"/v1/ignite/app/{app.org}/My%20app/logs", token=app.world.token).status == 404


def test_a_deleted_app_is_not_there(app: App, ignite: Ignite) -> None:
    assert app.get("logs").status == 200
    delete_stream(app.world.stream)
    assert app.get("logs").json() == {"code": 5, "message": "No such stream.", "details": []}
    assert refusal(lambda: ignite.GetAppLogs(**app.named))[:2] == ("NOT_FOUND", "No such stream.")


@pytest.mark.parametrize(
    ("rest", "call", "fields"),
    [
        ("logs?limit=-1", "GetAppLogs", {"limit": -1}),
        ("logs?limit=ten", None, {}),
        ("logs?limit=2147483648", None, {}),
        ("logs?limit=%EF%BC%91", None, {}),
        ("logs?limit=", None, {}),
        ("events?severity=warning", "GetAppEvents", {"severity": "warning"}),
        ("logs/stream?fromStart=maybe", None, {}),
        ("events/stream?severity=x", "StreamAppEvents", {"severity": "x"}),
    ],
)
def test_a_bad_argument_is_400(app: App, ignite: Ignite, rest: str, call: str | None, fields: dict[str, Any]) -> None:
    answer = app.get(rest)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert (answer.json()["code"], answer.json()["details"]) == (3, [])
    if call is not None:
        code, message, _ = refusal(lambda: getattr(ignite, call)(**app.named, **fields))
        assert (code, message) == ("INVALID_ARGUMENT", answer.json()["message"])


@pytest.mark.parametrize("call", ["GetAppLogs", "StreamAppLogs"])
@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe"], ids=["no-message", "no-utf8"])
def test_what_is_no_message_is_the_clients_fault_once_it_is_known(
    app: App, grpc_port: int, call: str, content: bytes
) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        send = channel.unary_stream(f"/{SERVICE}/{call}") if call.startswith("Stream") else None
        ask = channel.unary_unary(f"/{SERVICE}/{call}") if send is None else lambda *a, **k: [*send(*a, **k)]
        known = [("authorization", f"Bearer {app.world.token}")]
        assert refusal(lambda: ask(content, metadata=known, timeout=20))[0] == "INVALID_ARGUMENT"
        assert refusal(lambda: ask(content, timeout=20))[0] == "UNAUTHENTICATED"


def test_a_call_that_there_is_not_is_told_in_ignites_form(app: App) -> None:
    answer = Asgi().get("/v1/ignite/nowhere", token=app.world.token)
    assert (answer.status, answer.json()) == (404, {"code": 5, "message": "There is no such call.", "details": []})


def test_what_is_not_known_is_ignored(app: App) -> None:
    assert app.get("logs?colour=blue&organization_name=other&organizationName=other&appName=x").status == 200


def test_another_method_is_405(app: App) -> None:
    answer = Asgi().post(app.path("logs"), token=app.world.token)
    assert (answer.status, answer.json()["code"], answer.headers["allow"]) == (405, 12, "GET, HEAD")


@pytest.mark.usefixtures("one_minute")
def test_a_spent_rate_tells_when_to_come_again(grpc_port: int) -> None:
    limited = make_app()
    with maintenance(atomic=True):
        plan = Plan.objects.create(name=limited.org, retention_hours=1, query_requests_per_minute=2)
        type(limited.world.team).objects.filter(pk=limited.world.team.pk).update(plan=plan)
    assert [limited.get("logs").status for _ in range(3)] == [200, 200, 429]
    answer = limited.get("logs")
    assert (answer.json()["code"], answer.headers["retry-after"].isdigit()) == (8, True)
    with client(grpc_port, limited.world.token) as ignite:
        code, _, trailers = refusal(lambda: ignite.GetAppLogs(**limited.named))
    assert (code, trailers["retry-after"].isdigit()) == ("RESOURCE_EXHAUSTED", True)


def test_a_database_that_is_away_is_unavailable(app: App, ignite: Ignite, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.get("logs").status == 200  # whose stream it is, is known for some seconds
    monkeypatch.setattr("tailsvc.storage.postgres.pools._CHECKOUT_SECONDS", 0.2)
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    pools = Pools(reader=nowhere, appender=nowhere, maintenance=nowhere, size=1)
    away = PostgresEventStore(pools, cache_bytes=0)
    for module in (calls, following, replicas):
        monkeypatch.setattr(module, "store", lambda: away)
    try:
        for rest, call in (("logs", "GetAppLogs"), ("replicas", "ListAppReplicas"), ("logs/stream", "StreamAppLogs")):
            answer = app.get(rest)
            assert (answer.status, answer.json()["code"]) == (503, 14)
            code, message, trailers = refusal(lambda call=call: getattr(ignite, call)(**app.named))  # type: ignore[misc]
            assert (code, message) == ("UNAVAILABLE", answer.json()["message"])
            assert answer.headers["retry-after"] == trailers["retry-after"]
    finally:
        away.close()


def test_calls_are_counted(app: App, ignite: Ignite) -> None:
    def counted() -> dict[str, float]:
        text = Asgi().get("/metrics").body.decode()
        found = re.findall(r'tailsvc_grpc_calls_total\{code="(\w+)",method="GetBuildLog"\} ([0-9.]+)', text)
        return {code: float(count) for code, count in found}

    before = counted()
    ignite.GetBuildLog(**app.named)
    refusal(lambda: ignite.GetBuildLog(organization_name="other", app_name="x"))
    after = counted()
    assert {code: after[code] - before.get(code, 0) for code in after} == {
        **dict.fromkeys(after, 0), "OK": 1, "PERMISSION_DENIED": 1,
    }  # fmt: skip
    assert b'route="v1/ignite/app/<str:organization_name>/<str:app_name>/logs"' in (
        app.get("logs") and Asgi().get("/metrics").body
    )


def test_the_cap_of_gRPC_leaves_room_for_a_message_of_4_MiB() -> None:  # noqa: N802
    """Each line has at most so many bytes beside its text; a million short ones are capped by their number."""
    assert calls.GRPC_BYTES < 4 * 1024 * 1024 - calls.LIMIT_MAX * 50
