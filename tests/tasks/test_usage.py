"""Usage: counted by the web processes, met in Redis, kept in the database."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from apps.ingest import usage
from apps.ingest.meter import PENDING_USAGE, meter
from tests.api.conftest import Api
from tests.asgi import Asgi
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract


@pytest.fixture
def api(database: None) -> Api:
    return Api()


def test_what_was_sent_is_told_by_stream_token_and_day(api: Api, asgi: Asgi) -> None:
    world = make_world()
    bodies = [b'"one"\n"two"\n12', b'"three"']
    days = {datetime.now(UTC).date().isoformat()}
    for body in bodies:
        assert asgi.post(world.ingest, body, token=world.ingest_token).status == 200
    days.add(datetime.now(UTC).date().isoformat())  # it may be midnight
    meter().push()
    usage.store_pending()
    usage.store_pending()  # nothing is added twice
    rows = api.get("/api/usage", token=world.token).json()["data"]
    assert {row["stream_id"] for row in rows} == {world.stream.pk}
    assert {row["day"] for row in rows} <= days
    counted = {name: sum(row[name] for row in rows) for name in ("requests", "events", "rejected", "bytes")}
    assert counted == {"requests": 2, "events": 3, "rejected": 1, "bytes": sum(map(len, bodies))}
    assert api.get("/api/usage", token=make_world().token).json()["data"] == []


def test_counts_that_cannot_be_kept_keep_no_other_waiting(api: Api) -> None:
    full, sound = make_world(), make_world()
    today = datetime.now(UTC).date().isoformat()
    client = redis.Redis.from_url(settings.REDIS_URL)

    def count(world: World, number: int) -> None:
        client.hset(PENDING_USAGE, f"{world.team.pk}:{world.stream.pk}:{uuid4()}:{today}:bytes", number)

    count(full, 2**63)  # more than a column holds
    client.hset(PENDING_USAGE, "nonsense", 1)
    count(sound, 5)
    usage.store_pending()
    assert [row["bytes"] for row in api.get("/api/usage", token=sound.token).json()["data"]] == [5]
    assert api.get("/api/usage", token=full.token).json()["data"] == []
    assert not client.exists(PENDING_USAGE, f"{PENDING_USAGE}:moving")
