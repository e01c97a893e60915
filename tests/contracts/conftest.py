"""Every implementation of the store, for the one suite that all of them must pass."""

from collections.abc import Callable
from itertools import count

import pytest

from tailsvc.storage.base import EventStore, StreamRef
from tailsvc.storage.memory import MemoryEventStore

# Far above what the product's own tests use; the log tables refer to no other table.
_ids = count(1_000_000_000)


@pytest.fixture(scope="session")
def postgres_store(database: None) -> EventStore:
    from apps.engine import store

    return store()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> EventStore:
    return MemoryEventStore() if request.param == "memory" else request.getfixturevalue("postgres_store")


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
