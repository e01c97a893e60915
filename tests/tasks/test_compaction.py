"""What the clockwork compacts, and when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.compaction import services, tasks
from apps.engine import store
from tailsvc.events import Event
from tailsvc.filters import OneOf
from tailsvc.queries import Selection
from tailsvc.storage.base import Batch, StreamRef, StreamSize
from tests.factories.streams import World, make_world

pytestmark = pytest.mark.contract
NOW = datetime.now(UTC).replace(microsecond=0)


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def append(world: World, count: int, *, at: datetime = NOW) -> None:
    for start in range(0, count, 8_000):
        events = [Event(micros(at) + start, b"x", level="INFO")] * min(8_000, count - start)
        store().append(world.stream.ref, [Batch(events)], now=micros(at))


def size_of(world: World) -> StreamSize:
    return store().sizes([world.stream.ref])[world.stream.pk]


def test_a_busy_stream_is_compacted_as_soon_as_a_segment_waits(database: None) -> None:
    world = make_world()
    append(world, 31_000)
    services.sweep(now=NOW)
    assert size_of(world).segments == 0
    append(world, 2_000)
    services.sweep(now=NOW)
    assert (size_of(world).segments, size_of(world).recent_blocks, size_of(world).events) == (1, 0, 33_000)
    assert store().check(world.stream.ref) == []


def test_a_pause_lets_recent_blocks_become_a_segment(database: None) -> None:
    world = make_world()
    append(world, 2_000)
    services.sweep(now=NOW + timedelta(seconds=4))
    assert size_of(world).segments == 0
    services.sweep(now=NOW + timedelta(seconds=6))
    assert size_of(world).segments == 1


def test_few_rows_wait_for_an_hour(database: None) -> None:
    world = make_world()
    append(world, 10)
    services.sweep(now=NOW)
    services.sweep(now=NOW + timedelta(minutes=2))
    append(world, 10, at=NOW + timedelta(minutes=3))
    services.sweep(now=NOW + timedelta(minutes=59))
    before = size_of(world)
    services.sweep(now=NOW + timedelta(hours=3))  # whenever within the suite this began
    assert (size_of(world).rows, size_of(world).events) == (0, 20)
    assert before.events == 20


def test_small_segments_are_merged_once_they_make_a_fair_one(database: None) -> None:
    world = make_world()
    for hour in range(9):
        append(world, 4_000, at=NOW + timedelta(hours=hour))
        services.sweep(now=NOW + timedelta(hours=hour, seconds=10))
    found = size_of(world)
    assert found.events == 36_000
    assert found.segments == 2  # eight became one, the ninth waits for others
    assert store().check(world.stream.ref) == []


@pytest.fixture
def unmakeable(database: None) -> Iterator[World]:
    """A stream of which no segment can be made, as long as the test goes on."""
    world = make_world()
    world.append([Event(micros(NOW), b"x", container=5)] * 60)  # type: ignore[arg-type]
    yield world
    while not store().purge(world.stream.ref, limit=1_000):
        pass


def test_a_stream_that_fails_does_not_stop_the_others(unmakeable: World) -> None:
    world = make_world()
    append(world, 10)
    services.sweep(now=NOW + timedelta(hours=3))
    assert (size_of(unmakeable).segments, size_of(world).segments) == (0, 1)


def test_a_stream_that_failed_comes_last(unmakeable: World, monkeypatch: pytest.MonkeyPatch) -> None:
    services.sweep(now=NOW + timedelta(hours=3))
    world = make_world()
    append(world, 10)
    seen: list[int] = []
    compact = type(store()).compact

    def noted(self: Any, stream: StreamRef, **kwargs: Any) -> bool:
        seen.append(stream.stream_id)
        return compact(self, stream, **kwargs)

    monkeypatch.setattr(type(store()), "compact", noted)
    services.sweep(now=NOW + timedelta(hours=3))
    assert seen.index(world.stream.pk) < seen.index(unmakeable.stream.pk)


def test_compaction_does_not_wait_for_deletions(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream with most that waits comes first; what it has to erase comes behind all others' compaction."""
    first, other = make_world(), make_world()
    append(first, 40_000)
    append(other, 33_000)
    for world in (first, other):
        store().delete(world.stream.ref, Selection(filter=OneOf("level", ("INFO",))), now=micros(NOW))
    monkeypatch.setattr(services, "_ERASE_SECONDS", 0.0)
    services.sweep(now=NOW)
    assert [(size_of(world).segments, size_of(world).recent_blocks) for world in (first, other)] == [(1, 0), (1, 0)]
    monkeypatch.setattr(services, "_ERASE_SECONDS", 60.0)
    services.sweep(now=NOW)
    assert [size_of(world).events for world in (first, other)] == [0, 0]


def test_everything_leaves_nothing_to_do(database: None) -> None:
    world = make_world()
    append(world, 10)
    store().delete(world.stream.ref, Selection(filter=OneOf("level", ("INFO",))), now=micros(NOW))
    append(world, 100)
    services.everything(now=NOW)
    assert (size_of(world).rows, size_of(world).recent_blocks, size_of(world).events) == (0, 0, 100)
    assert services.everything(now=NOW) == 0


def test_the_tasks_run_as_the_worker_runs_them(database: None) -> None:
    for task in (tasks.sweep, tasks.everything):
        task.apply(kwargs={"sent_by_a_newer_version": True}, throw=True)
