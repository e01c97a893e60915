"""Followers over the reference store: no gap and no double, whatever becomes of hints, neighbours and clients."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from tailsvc import limits
from tailsvc.errors import StorageUnavailable
from tailsvc.events import Event, StoredEvent
from tailsvc.filters import EVERYTHING, Filter, Like, OneOf
from tailsvc.queries import Selection
from tailsvc.storage.base import Batch, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.stretch import Stretch
from tailsvc.tail import Chunk, Follower, Hub, Start, newest_lines, newest_matching, watch
from tailsvc.tail.places import Place, read_place, write_place
from tests.factories.events import NOW

STREAM = StreamRef(1, 1)


class TooCostly(Exception):
    pass


ERRORS = OneOf("level", ("ERROR",))


def ids_of(epoch: UUID, events: Sequence[StoredEvent]) -> list[int]:
    return [stored.id for stored in events]


class Store(MemoryEventStore):
    """Counts reads, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open(STREAM)
        self.reads = self.failures = 0

    def stretch(self, stream: StreamRef, after: int, **kwargs: int | None) -> Stretch:  # type: ignore[override]
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise StorageUnavailable("away")
        return super().stretch(stream, after, **kwargs)  # type: ignore[arg-type]

    def add(self, count: int, level: str = "INFO") -> None:
        self.append(STREAM, [Batch([Event(NOW, b"x", level=level)] * count)], now=NOW)

    def restore(self, last_id: int) -> None:
        kept = self._of(STREAM)
        kept.epoch, kept.last_id = uuid4(), last_id
        kept.events = {id_: stored for id_, stored in kept.events.items() if id_ <= last_id}


def run(story: Callable[[Store, Hub], Awaitable[None]], *, poll_seconds: float = 60) -> None:
    async def main() -> None:
        store = Store()
        hub = Hub(store, poll_seconds=lambda: poll_seconds, too_costly=TooCostly)
        try:
            await asyncio.wait_for(story(store, hub), 20)
        finally:
            hub.close()

    asyncio.run(main())


def begin(store: Store, hub: Hub, condition: Filter = EVERYTHING, start: Start | None = None) -> Follower[list[int]]:
    return hub.follow(STREAM, start or Start.now(store.head(STREAM)), condition, ids_of)


async def collect(follower: Follower[list[int]], upto: int) -> list[int]:
    """What it is sent until it is so far."""
    found: list[int] = []
    while follower.after < upto:
        chunk = await follower.next(1)
        found += chunk.made or [] if chunk else []
    return found


async def gap(follower: Follower[list[int]]) -> Chunk[list[int]]:
    while True:
        chunk = await follower.next(1)
        if chunk is not None and (chunk.missing or chunk.restored):
            return chunk


async def looked_at(hub: Hub) -> None:
    """Until what follows from beginning to follow is over."""
    while any(one._reading is not None for one in hub._watches.values()):
        await asyncio.sleep(0.001)


def test_what_is_appended_is_told_to_all_and_read_once() -> None:
    async def story(store: Store, hub: Hub) -> None:
        store.add(5)
        followers = [begin(store, hub) for _ in range(50)]
        await looked_at(hub)
        before = store.reads
        store.add(3)
        hub.hint([STREAM.stream_id, 77])
        assert await asyncio.gather(*(collect(follower, 8) for follower in followers)) == [[6, 7, 8]] * 50
        assert store.reads == before + 1

    run(story)


def test_without_hints_the_heads_are_looked_at() -> None:
    async def story(store: Store, hub: Hub) -> None:
        follower = begin(store, hub)
        store.add(2)
        assert await collect(follower, 2) == [1, 2]

    run(story, poll_seconds=0.02)


def test_followers_with_filters_are_told_what_matches() -> None:
    async def story(store: Store, hub: Hub) -> None:
        every, errors = begin(store, hub), begin(store, hub, ERRORS)
        store.add(2)
        store.add(1, "ERROR")
        hub.hint([1])
        assert await collect(every, 3) == [1, 2, 3]
        assert await collect(errors, 3) == [3]
        store.add(1)
        hub.hint([1])
        while errors.after < 4:
            assert await errors.next(0.1) is None

    run(story)


def test_a_filter_that_takes_too_long_ends_its_follower_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FOLLOW_SECONDS", 0.05)

    async def story(store: Store, hub: Hub) -> None:
        hostile = [begin(store, hub, Like("path", "%" + "_a" * 2_000 + "b%")) for _ in range(2)]
        late = begin(store, hub, Like("path", "%" + "_a" * 2_001 + "b%"), Start(0, store.head(STREAM).epoch))
        others = [begin(store, hub), begin(store, hub, Like("path", "aaa%"))]
        store.append(STREAM, [Batch([Event(NOW, b"x", path="a" * (8 << 20))])], now=NOW)
        hub.hint([1])
        for follower in (*hostile, late):
            for _ in range(2):  # whoever asks again is told the same
                with pytest.raises(TooCostly, match="narrow it"):
                    await follower.next(5)
        assert [await collect(follower, 1) for follower in others] == [[1], [1]]
        store.add(1)
        hub.hint([1])
        assert [await collect(others[0], 2), others[1].after] == [[2], 1]

    run(story)


async def produce(store: Store, hub: Hub, chance: random.Random) -> None:
    for _ in range(60):
        store.add(chance.randint(1, 9), chance.choice(["INFO", "ERROR"]))
        if chance.random() < 0.6:
            hub.hint([1])
        if chance.random() < 0.1:
            store.failures = chance.randint(1, 3)
        await asyncio.sleep(chance.random() / 200)


async def read(store: Store, hub: Hub, done: asyncio.Event, condition: Filter, chance: random.Random) -> list[int]:
    """All that one reader is sent, who now and then hangs up and resumes at what it was sent last."""
    follower = begin(store, hub, condition, Start(0, store.head(STREAM).epoch))
    found: list[int] = []
    while not (done.is_set() and follower.after == store.head(STREAM).last_id):
        chunk = await follower.next(0.05)
        assert chunk is None or not chunk.missing
        found += (chunk.made or []) if chunk else []
        if chance.random() < 0.1:
            follower.close()
            head = store.head(STREAM)
            place = read_place("after", write_place(head.epoch, found[-1] if found else 0))
            follower = begin(store, hub, condition, Start.resumed(head, place, edge=0))
        await asyncio.sleep(chance.choice([0, 0, 0.02]))
    follower.close()
    return found


@pytest.mark.parametrize("seed", range(20))
def test_no_gap_and_no_double(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends, hints that are lost or come late, followers that come, lag, go and resume, a database that is away."""
    chance = random.Random(seed)
    for name, value in {"MOST_EVENTS": 7, "FIRST_EVENTS": 3, "KEPT_STRETCHES": 2, "PAUSE_SECONDS": 0}.items():
        monkeypatch.setattr(watch, name, value)
    monkeypatch.setattr("tailsvc.tail.follower.RETRY_SECONDS", 0.01)
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.01)

    async def story(store: Store, hub: Hub) -> None:
        done = asyncio.Event()
        conditions = [EVERYTHING, EVERYTHING, ERRORS, ERRORS]
        readers = [asyncio.ensure_future(read(store, hub, done, condition, chance)) for condition in conditions]
        await produce(store, hub, chance)
        done.set()
        everything = MemoryEventStore.stretch(store, STREAM, 0, most=10_000)
        for condition, found in zip(conditions, await asyncio.gather(*readers), strict=True):
            assert found == [stored.id for stored in everything.matching(condition)]
        assert not list(hub.followers)

    run(story, poll_seconds=0.02)


def test_a_resumed_reader_is_told_what_is_gone() -> None:
    async def story(store: Store, hub: Hub) -> None:
        store.add(10)
        store.delete(STREAM, Selection(as_of=6), now=NOW)
        head = store.head(STREAM)
        resumed = begin(store, hub, start=Start.resumed(head, Place(head.epoch.hex[:8], 2), edge=0))
        chunk = await gap(resumed)
        assert (chunk.after, chunk.upto, chunk.missing, chunk.made) == (2, 10, 4, [7, 8, 9, 10])
        # Who never was here misses nothing.
        since = begin(store, hub, start=Start.since_time(store, STREAM, head, NOW))
        assert await collect(since, 10) == [7, 8, 9, 10]

    run(story)


def test_what_is_older_than_retention_is_gone_for_a_resumed_reader() -> None:
    async def story(store: Store, hub: Hub) -> None:
        store.append(STREAM, [Batch([Event(NOW + number, b"x") for number in range(4)])], now=NOW)
        head = store.head(STREAM)
        resumed = begin(store, hub, start=Start.resumed(head, Place(head.epoch.hex[:8], 0), edge=NOW + 3))
        chunk = await gap(resumed)
        assert (chunk.missing, chunk.made) == (3, [4])

    run(story)


def test_since_leaves_out_what_is_older_but_only_of_what_was_there() -> None:
    async def story(store: Store, hub: Hub) -> None:
        times = [5, 1, 9, 2]
        store.append(STREAM, [Batch([Event(NOW + time, b"x") for time in times])], now=NOW)
        follower = begin(store, hub, start=Start.since_time(store, STREAM, store.head(STREAM), NOW + 5))
        assert await collect(follower, 4) == [1, 3]
        store.append(STREAM, [Batch([Event(NOW + 1, b"late")])], now=NOW)
        hub.hint([1])
        assert await collect(follower, 5) == [5]

    run(story)


def test_a_restore_is_told_and_followed_across() -> None:
    async def story(store: Store, hub: Hub) -> None:
        store.add(10)
        old = store.head(STREAM)
        follower = begin(store, hub)
        store.restore(last_id=4)
        hub.hint([1])
        chunk = await gap(follower)
        assert chunk.restored
        assert chunk.upto == 4
        store.add(2)
        hub.hint([1])
        assert await collect(follower, 6) == [5, 6]
        resumed = begin(
            store, hub, start=Start.resumed(store.head(STREAM), Place(old.epoch.hex[:8], 9), edge=0)
        )  # fmt: skip
        assert (await gap(resumed)).restored
        store.add(1)
        hub.hint([1])
        assert await collect(resumed, 7) == [7]

    run(story)


def test_an_ended_follower_says_why_at_once() -> None:
    class Over(Exception):
        pass

    async def story(store: Store, hub: Hub) -> None:
        follower = begin(store, hub)
        waiting = asyncio.ensure_future(follower.next(60))
        await asyncio.sleep(0.01)
        follower.end(Over("deleted"))
        with pytest.raises(Over, match="deleted"):
            await waiting
        with pytest.raises(Over):
            await follower.next(1)

    run(story)


def test_the_newest_lines_fit_both_limits() -> None:
    store = Store()
    raws = [b"a" * 10, b"bb\ncc", b"", b"dddd"]
    store.append(STREAM, [Batch([Event(NOW, raw) for raw in raws])], now=NOW)
    head = store.head(STREAM)

    def newest(lines: int, size: int) -> list[int]:
        return [one.id for one in newest_lines(store, STREAM, head, edge=0, lines=lines, size=size)]

    assert newest(100, 100) == [1, 2, 3, 4]
    assert newest(4, 100) == [2, 3, 4]
    assert newest(3, 100) == [3, 4]
    assert newest(100, 8) == [2, 3, 4]
    assert newest(100, 7) == [3, 4]
    assert newest(100, 3) == []
    assert newest(0, 100) == []


def test_the_newest_lines_reach_over_what_was_deleted() -> None:
    store = Store()
    store.add(5_000)
    store.delete(STREAM, Selection(as_of=4_990), now=NOW)
    store.add(3)
    found = newest_lines(store, STREAM, store.head(STREAM), edge=0, lines=12, size=100)
    assert [one.id for one in found] == [*range(4_992, 5_004)]
    store.delete(STREAM, Selection(), now=NOW)
    assert newest_lines(store, STREAM, store.head(STREAM), edge=0, lines=12, size=100) == []


def test_the_newest_lines_are_read_a_few_at_a_time_where_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    store, sizes = Store(), list[int]()
    matching = Stretch.matching

    def noted(self: Stretch, condition: Filter) -> list[StoredEvent]:
        sizes.append(self.bytes)
        return matching(self, condition)

    monkeypatch.setattr(Stretch, "matching", noted)
    monkeypatch.setattr(limits, "READ_BYTES", 20_000)
    lengths = [*[30_000] * 3, *[100] * 1_000, *[1] * 2_000]
    store.append(STREAM, [Batch([Event(NOW, b"x" * length) for length in lengths])], now=NOW)
    found = newest_lines(store, STREAM, store.head(STREAM), edge=0, lines=3_002, size=sum(lengths))
    assert [one.id for one in found] == [*range(2, 3_004)]
    assert all(size <= 20_000 or size == 30_000 for size in sizes)


def test_the_newest_that_match() -> None:
    store = Store()
    store.add(3, "ERROR")
    store.add(3)
    head = store.head(STREAM)
    assert [one.id for one in newest_matching(store, STREAM, head, ERRORS, edge=0, events=2)] == [2, 3]
    assert newest_matching(store, STREAM, head, ERRORS, edge=NOW + 1, events=2) == []
    assert newest_matching(store, STREAM, replace(head, last_id=1), ERRORS, edge=0, events=2)[0].id == 1
