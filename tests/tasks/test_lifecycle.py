"""What the clockwork forgets of lifecycles, and what it leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.scope import maintenance
from apps.lifecycle import tasks, upkeep
from apps.lifecycle.models import BuildChunk, BuildLog, LifecycleEvent, LifecycleHead, Replica
from apps.retention import services as retention
from tests.factories.lifecycle import make_build, record_event, report_replica, settle_lifecycle
from tests.factories.streams import delete_stream, make_world

pytestmark = pytest.mark.contract
NOW = datetime.now(UTC)


def test_what_is_old_goes_and_everything_else_stays(database: None) -> None:
    world = make_world()
    for age, name in ((timedelta(hours=25), "old"), (timedelta(hours=23), "new")):
        report_replica(world.stream, name, now=NOW - age)
    for age, name in ((timedelta(minutes=61), "old"), (timedelta(minutes=59), "new")):
        record_event(world.stream, reason=name, now=NOW - age)
    for age, name in ((timedelta(hours=73), "old"), (timedelta(hours=71), "new")):
        make_build(world.stream, name, [b"a", b"b"], now=NOW - age)
    gone = upkeep.forget(now=NOW)
    assert all(gone[kind] >= 1 for kind in ("replicas", "events", "builds"))
    with maintenance():
        assert Replica.objects.get(stream=world.stream).name == "new"
        assert LifecycleEvent.objects.get(stream=world.stream).reason == "new"
        assert BuildLog.objects.get(stream=world.stream).build_id == "new"
        assert BuildChunk.objects.filter(team=world.team).count() == 2


def test_numbers_of_changes_go_on_when_all_events_are_forgotten(database: None) -> None:
    """Else who follows would wait for a number that came before."""
    world = make_world()
    record_event(world.stream, reason="old", now=NOW - timedelta(hours=2))
    upkeep.forget(now=NOW)
    assert record_event(world.stream, reason="new").change == 2


def test_a_purged_stream_takes_its_lifecycle_along(database: None) -> None:
    world = make_world()
    settle_lifecycle(world.stream, "r", "b")
    delete_stream(world.stream, ago=timedelta(days=2))
    retention.purge(now=NOW)
    with maintenance():
        left = [
            model.objects.filter(team=world.team).count()
            for model in (Replica, LifecycleEvent, LifecycleHead, BuildLog, BuildChunk)
        ]
    assert left == [0] * 5


def test_the_task_runs_as_the_worker_runs_it(database: None) -> None:
    tasks.forget.apply(kwargs={"sent_by_a_newer_version": True}, throw=True)
