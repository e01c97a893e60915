"""What every test may use: the real database with its real roles, into which tests commit.

There is no rollback between tests: roles and row-level security are part of what is tested, and they need committed
rows. Each test makes a team of its own instead.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from hypothesis import settings
from pytest_django.plugin import DjangoDbBlocker

from tests.asgi import asgi
from tests.environment import prepare_database

__all__ = ["asgi", "database"]

# In CI Hypothesis has its own profile: the same examples each time, nothing kept, no deadlines. Machines may be slow
# anywhere else, too.
settings.register_profile("default", settings.get_profile("default"), deadline=None)


@pytest.fixture(scope="session")
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The migrated database. For tests that use it without `api` or a factory fixture."""
    prepare_database()
    with django_db_blocker.unblock():
        yield


@pytest.fixture(autouse=True, scope="session")
def _threads_of_tests_give_back() -> Iterator[None]:
    """What a test does in a thread of an event loop ends with the thread's connection back in the pool.

    Nobody else could give it back: the thread ends with its loop, and a pool has few.
    """
    original = asyncio.to_thread

    async def to_thread(work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        def and_give_back() -> Any:
            try:
                return work(*args, **kwargs)
            finally:
                connections.close_all()

        return await original(and_give_back)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "to_thread", to_thread)
        yield
