"""Every implementation of the store, and every form that events may lie in, for the one suite that all must pass."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from tailsvc.storage.base import Batch, EventStore, Outcome, StreamRef
from tailsvc.storage.memory import MemoryEventStore
from tailsvc.storage.postgres.append import MOST_ROWS

# Far above what the product's own tests use; the log tables refer to no other table.
_ids = count(1_000_000_000)


class Compacting:
    """The Postgres store; after every `each`th append of a stream, all that it holds is brought into segments."""

    def __init__(self, store: EventStore, each: int) -> None:
        self._store = store
        self._each = each
        self._appends: dict[StreamRef, int] = {}

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        outcomes = self._store.append(stream, batches, now=now)
        self._appends[stream] = self._appends.get(stream, 0) + 1
        if self._appends[stream] % self._each == 0:
            while self._store.compact(stream, now=now, force=True):
                pass
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture(scope="session")
def postgres_store(database: None) -> EventStore:
    from apps.engine import store

    return store()


@pytest.fixture(autouse=True)
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few events make columns already, except where the form is that of rows or bundles."""
    callspec = getattr(request.node, "callspec", None)
    params = [*callspec.params.values()] if callspec else []
    most_rows, most_bundled = (400, 0) if "rows" in params else (0, 400) if "bundles" in params else (MOST_ROWS, 0)
    monkeypatch.setattr("tailsvc.storage.postgres.append.MOST_ROWS", most_rows)
    monkeypatch.setattr("tailsvc.storage.postgres.append.MOST_BUNDLED", most_bundled)


@pytest.fixture(params=["memory", "rows", "bundles", "blocks", "segments", "mixture"])
def store(request: pytest.FixtureRequest) -> EventStore:
    return MemoryEventStore() if request.param == "memory" else form_of(request, request.param)


def form_of(request: pytest.FixtureRequest, name: str) -> EventStore:
    postgres: EventStore = request.getfixturevalue("postgres_store")
    each = {"segments": 1, "mixture": 2}.get(name)
    return Compacting(postgres, each) if each else postgres  # type: ignore[return-value]


@pytest.fixture
def new_stream() -> Callable[[EventStore], StreamRef]:
    return open_stream


@pytest.fixture
def stream(store: EventStore) -> StreamRef:
    return open_stream(store)


def open_stream(*stores: EventStore) -> StreamRef:
    """The same fresh stream in each of the stores."""
    number = next(_ids)
    stream = StreamRef(number, number)
    for store in stores:
        store.open(stream)
    return stream
