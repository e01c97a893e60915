"""The OpenAPI document against the service: whatever is sent, no answer is a 5xx or off its schema."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
import pytest
import schemathesis
import yaml
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import ASGIClient, get_client
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.accounts.models import Membership, PersonalAccessToken
from apps.accounts.scope import maintenance
from apps.ops.document import _rendered
from apps.streams.models import IngestToken
from config.asgi import application
from tests.api.conftest import Api
from tests.factories.clusters import settle_cluster
from tests.factories.kubeconfigs import kubeconfig
from tests.factories.lifecycle import finish_build, make_build, settle_lifecycle
from tests.factories.streams import World, lines, make_world, now_micros

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-any-return]


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


schema = schemathesis.openapi.from_dict(document())
schema.app = application
bounded = settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def world(database: None) -> World:
    made = make_world()
    made.append(lines(20, start=now_micros()))
    settle_lifecycle(made.stream, "replica", "build")
    settle_cluster(made.team, kubeconfig())
    finish_build(make_build(made.stream, "build"))  # else who follows it would wait
    return made


@schema.parametrize()
@settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_answer_is_off_its_schema(case: schemathesis.Case, world: World, client: ASGIClient) -> None:
    lead_somewhere(case, world)
    token = world.ingest_token if case.operation.path.startswith("/api/ingest/") else world.token
    case.call_and_validate(session=client, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)


def lead_somewhere(case: schemathesis.Case, world: World) -> None:
    """Nothing is there under a made-up path: three of four lead to the world's things."""
    if len(repr(case.path_parameters)) % 4:
        real = {name: value for name, value in things(world).items() if name in case.path_parameters}
        case.path_parameters.update(real)


@pytest.mark.parametrize(
    ("form", "kind"), [("yaml", "application/vnd.oai.openapi"), ("json", "application/vnd.oai.openapi+json")]
)
def test_the_document_is_the_same_whatever_version_is_asked_for_and_made_once(api: Api, form: str, kind: str) -> None:
    first = api.get(f"/api/schema?format={form}")
    assert (first.status_code, first["Content-Type"]) == (200, kind)
    assert first["Content-Disposition"] == f'inline; filename="tailsvc.{form}"'
    assert yaml.load(first.content, yaml.CSafeLoader)["paths"].keys() == document()["paths"].keys()
    made = _rendered.cache_info().misses
    for version in ("%00", "%0a", "%1f", "2%22; filename=%22evil.html"):
        again = api.get(f"/api/schema?format={form}&version={version}")
        assert (again.status_code, again.content) == (200, first.content)
        assert again["Content-Disposition"] == first["Content-Disposition"]
    assert _rendered.cache_info().misses == made


@pytest.fixture(scope="module")
def client() -> Iterator[ASGIClient]:
    """One for all requests: each would start an event loop of its own."""
    with get_client(application) as opened:
        yield opened


@cache
def things(world: World) -> dict[str, str]:
    """Values of the paths' parameters, as they were at first."""
    with maintenance():
        return {
            "stream": str(world.stream.uuid),
            "slug": world.team.slug,
            "event": "10",
            "cluster": "default",
            "replica": "replica",
            "build": "build",
            "jti": str(IngestToken.objects.get(stream=world.stream).jti),
            "member_id": str(Membership.objects.get(team=world.team).pk),
            "token_id": str(PersonalAccessToken.objects.get(team=world.team).pk),
        }
