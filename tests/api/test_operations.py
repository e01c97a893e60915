"""/livez, /readyz, /metrics, and the id that every answer carries."""

import re

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.http import HttpResponse

from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.streams import make_world

pytestmark = pytest.mark.contract


def metric(answer: HttpResponse, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", answer.content.decode(), re.MULTILINE)
    assert found, f"no {name}"
    return float(found[1])


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_alive_says_nothing_of_others(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_with_unsafe_durability_is_degraded_where_that_is_allowed_and_failed_where_not(
    api: Api, settings
) -> None:  # type: ignore[no-untyped-def]
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW fsync")
        is_safe = cursor.fetchone()[0] == "on"
    allowed = api.get("/readyz")
    assert allowed.status_code == 200
    assert allowed.json()["status"] == ("ok" if is_safe else "degraded")
    settings.ALLOW_UNSAFE_DURABILITY = False
    strict = api.get("/readyz")
    assert (strict.status_code, "durability" in strict.json()["failures"]) == ((200, False) if is_safe else (503, True))


def test_without_redis_it_is_degraded_and_still_answers(api: Api, settings) -> None:  # type: ignore[no-untyped-def]
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = api.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert "Redis" in answer.json()["warnings"]["redis"]
    assert api.get("/metrics").status_code == 200


def test_what_was_sent_and_asked_is_counted(api: Api, asgi: Asgi) -> None:
    world = make_world()
    api.get(world.logs, token=world.token)
    asgi.post(world.ingest, b'"x"', token=world.ingest_token)
    before = api.get("/metrics")
    asgi.post(world.ingest, b'"one"\n"two"\n12', token=world.ingest_token)
    api.get(world.logs, token=world.token)
    after = api.get("/metrics")
    counters = {
        "tailsvc_ingest_events_total": 2,
        "tailsvc_ingest_rejections_total": 1,
        "tailsvc_ingest_bytes_total": 14,
        "tailsvc_flush_events_count": 1,
        'tailsvc_query_seconds_count{kind="page"}': 1,
        'tailsvc_http_requests_total{method="POST",route="api/ingest/<stream>",status="200"}': 1,
        'tailsvc_http_requests_total{method="GET",route="api/streams/<str:stream>/logs",status="200"}': 1,
    }
    assert {name: metric(after, name) - metric(before, name) for name in counters} == counters


def test_waiting_tasks_are_told(api: Api) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    waiting = client.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
    assert metric(api.get("/metrics"), "tailsvc_tasks_waiting") == waiting


def test_a_word_for_a_method_makes_no_label_of_its_own(api: Api) -> None:
    api.request("BREW", "/livez")
    assert 'method="BREW"' not in api.get("/metrics").content.decode()


def test_metrics_may_want_a_token(api: Api, settings) -> None:  # type: ignore[no-untyped-def]
    settings.METRICS_TOKEN = "for prometheus only"
    assert api.get("/metrics").status_code == 401
    assert api.get("/metrics", token="another").status_code == 401
    assert api.get("/metrics", token="for prometheus only").status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/api/streams", "/nowhere", "/api/ingest/x"])
def test_every_answer_carries_a_request_id_and_takes_the_caller_s(asgi: Asgi, path: str) -> None:
    method = "POST" if "ingest" in path else "GET"
    assert re.fullmatch(r"[0-9a-f]{16}", asgi.request(method, path).headers["x-request-id"])
    given = asgi.request(method, path, headers={"x-request-id": "my-own.request_1"})
    assert given.headers["x-request-id"] == "my-own.request_1"
    harmful = asgi.request(method, path, headers={"x-request-id": "a b\x7f" * 9})
    assert re.fullmatch(r"[0-9a-f]{16}", harmful.headers["x-request-id"])


def test_an_error_s_body_names_the_request(asgi: Asgi) -> None:
    answer = asgi.get("/api/streams")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
