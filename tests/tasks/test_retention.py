"""What the clockwork deletes, and what it leaves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from apps.accounts.models import Team
from apps.accounts.scope import maintenance, team_scope
from apps.engine import store
from apps.retention import services, tasks
from apps.streams.models import IngestToken, Stream
from tailsvc.errors import UnknownStream
from tailsvc.events import Event, Rejection
from tailsvc.queries import Selection
from tailsvc.storage.base import Batch, RetryKey
from tests.factories.streams import World, delete_stream, make_stream, make_world

pytestmark = pytest.mark.contract
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = 3_600_000_000


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def kept(world: World) -> int:
    return store().count(world.stream.ref, Selection())


def test_the_edge_is_exact_and_nothing_goes_early(database: None) -> None:
    world = make_world("free")
    edge = micros(NOW) - 72 * HOUR
    world.append([Event(edge - 1, b"gone"), Event(edge, b"at the edge"), Event(edge + 1, b"kept")])
    services.sweep(now=NOW)
    assert [store().get(world.stream.ref, number) is not None for number in (1, 2, 3)] == [False, True, True]


def test_a_stream_s_own_retention_is_kept_to(database: None) -> None:
    world = make_world("unlimited")
    stream, _ = make_stream(world.team, retention_hours=1)
    short = World(world.team, world.token, stream, "")
    for one in (world, short):
        one.append([Event(micros(NOW) - 2 * HOUR, b"two hours old")])
    services.sweep(now=NOW)
    assert (kept(world), kept(short)) == (1, 0)


def test_a_stream_that_fails_does_not_stop_the_others(database: None) -> None:
    broken, sound = make_world("free"), make_world("free")
    old = [Event(micros(NOW) - 80 * HOUR, b"x")] * 60
    # What is left beside the old ones cannot be written again.
    broken.append([*old, *(Event(micros(NOW) - 71 * HOUR, b"x", container=nth) for nth in range(10))])  # type: ignore[arg-type]
    broken.append(old[:1])
    sound.append(old)
    try:
        services.sweep(now=NOW)
        assert kept(sound) == 0
        with pytest.raises(TypeError):
            store().erase(broken.stream.ref)
    finally:
        while not store().purge(broken.stream.ref, limit=1_000):
            pass


def test_many_batches_and_two_workers_at_once(database: None) -> None:
    world = make_world("free")
    world.append([Event(micros(NOW) - 80 * HOUR, b"old")] * 12_000)
    world.append([Event(micros(NOW) - HOUR, b"new")] * 10)
    with ThreadPoolExecutor(2) as pool:
        for sweep in [pool.submit(services.sweep, now=NOW) for _ in range(2)]:
            sweep.result()
    services.sweep(now=NOW)  # whoever found the other at work left the rest to it
    assert kept(world) == 10


def test_a_deleted_stream_is_purged_after_a_day_and_not_before(database: None) -> None:
    world = make_world()
    world.append([Event(micros(NOW), b"x")] * 6000)
    delete_stream(world.stream, ago=timedelta(hours=23, minutes=59))
    services.purge(now=datetime.now(UTC))
    assert kept(world) == 6000
    services.purge(now=datetime.now(UTC) + timedelta(minutes=2))
    with pytest.raises(UnknownStream):
        store().head(world.stream.ref)
    with maintenance():
        assert not Stream.objects.filter(pk=world.stream.pk).exists()


def test_a_stream_that_cannot_be_purged_does_not_stop_the_others(database: None) -> None:
    team = make_world().team
    first, stuck, last = (make_stream(team)[0] for _ in range(3))
    for stream in (first, stuck, last):
        delete_stream(stream, ago=timedelta(days=2))
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE holds_a_stream (stream_id bigint REFERENCES streams_stream)")
        try:
            cursor.execute("INSERT INTO holds_a_stream VALUES (%s)", [stuck.pk])
            services.purge(now=datetime.now(UTC))
            assert those_of(team) >= {stuck.pk}
            assert not those_of(team) & {first.pk, last.pk}
        finally:
            cursor.execute("DROP TABLE holds_a_stream")
    services.purge(now=datetime.now(UTC))
    assert stuck.pk not in those_of(team)


def those_of(team: Team) -> set[int]:
    with maintenance():
        return set(Stream.objects.filter(team=team).values_list("pk", flat=True))


def test_expired_keys_rejections_and_tokens_are_forgotten(database: None) -> None:
    world = make_world()
    batch = Batch([Event(0, b"x")], [Rejection(1, "bad", b"")], RetryKey("k", b"hash", b"answer"))
    store().append(world.stream.ref, [batch], now=micros(NOW - timedelta(days=8)))
    with team_scope(world.team.pk):
        IngestToken.objects.filter(stream=world.stream).update(revoked_at=NOW - timedelta(days=91))
    services.forget(now=NOW)
    assert store().replay(world.stream.ref, RetryKey("k", b"hash", b"")) is None
    assert store().rejections(world.stream.ref, limit=10) == []
    with team_scope(world.team.pk):
        assert not IngestToken.objects.filter(stream=world.stream).exists()


def test_the_tasks_run_as_the_worker_runs_them(database: None) -> None:
    for task in (tasks.sweep, tasks.purge, tasks.forget):
        task.apply(kwargs={"sent_by_a_newer_version": True}, throw=True)
