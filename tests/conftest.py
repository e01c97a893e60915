"""What every test may use: the real database with its real roles, into which tests commit.

There is no rollback between tests: roles and row-level security are part of what is tested, and they need committed
rows. Each test makes a team of its own instead.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
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

HERE = Path(__file__).parent
# The files that take longest, the longest first: processes that run tests side by side end together then.
BEGIN_WITH = (
    "console/test_explore_browser.py",
    "console/test_journeys.py",
    "console/test_onboarding.py",
    "durability/test_kills.py",
    "collector/test_faults.py",
    "journeys/test_commands.py",
    "journeys/test_feldera_sdk.py",
    "contracts/test_killed_upkeep.py",
    "isolation/test_matrix.py",
    "journeys/test_kubectl.py",
    "runtime/test_everything.py",
    "runtime/test_upkeep_commands.py",
    "runtime/test_surviving.py",
    "contracts/test_walks_while_compacting.py",
    "durability/test_followers.py",
    "contracts/test_bloat.py",
    "runtime/test_starting.py",
    "journeys/test_clusters.py",
    "contracts/test_all_forms_are_equal.py",
    "contracts/test_text_filters_spare_payloads.py",
    "console/test_sign_up.py",
    "console/test_password.py",
    "journeys/test_ignite_clients.py",
    "runtime/test_compose.py",
    "isolation/test_console.py",
    "engine/segments/test_segments.py",
    "contracts/test_upkeep_at_once.py",
    "api/query/test_logs.py",
    "api/objects/test_watching.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {HERE / name: rank for rank, name in enumerate(BEGIN_WITH)}
    assert all(path.exists() for path in ranks), "a file has another name now"
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


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
