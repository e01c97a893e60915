"""What every test may use: the real database with its real roles, into which tests commit.

There is no rollback between tests: roles and row-level security are part of what is tested, and they need committed
rows. Each test makes a team of its own instead.
"""

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.asgi import asgi
from tests.environment import prepare_database

__all__ = ["asgi", "database"]


@pytest.fixture(scope="session")
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The migrated database. For tests that use it without `api` or a factory fixture."""
    prepare_database()
    with django_db_blocker.unblock():
        yield
