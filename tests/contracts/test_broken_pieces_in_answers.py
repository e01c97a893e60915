"""What the API says where it meets a piece that cannot be read."""

from collections.abc import Iterator

import pytest

from tailsvc.storage.postgres import PostgresEventStore
from tests.asgi import Asgi
from tests.contracts.pieces import append, catalogue, flipped, fresh_store, harm, lines
from tests.factories.streams import make_world

pytestmark = pytest.mark.contract


@pytest.fixture
def store(database: None) -> Iterator[PostgresEventStore]:
    with fresh_store() as found:
        yield found


def test_the_api_names_what_is_missing(asgi: Asgi, store: PostgresEventStore) -> None:
    world = make_world()
    stream = world.stream.ref
    for word in ("kept", "lost"):
        append(lines(60, word=word), stream, store)
    segment = catalogue(stream)[1][0]
    harm("log_recent", segment, None, flipped)
    answer = asgi.get(world.logs + "?limit=500&start=2025-12-31T23:00:00Z&end=2026-01-01T01:00:00Z", token=world.token)
    assert answer.status == 200, answer.body
    told = answer.json()
    assert [event["raw_message"][:4] for event in told["data"]] == ["kept"] * 60
    (missing,) = told["meta"]["incomplete"]
    assert missing.startswith(f"recent block {segment} (ids 61 to 120): ")
