import pytest

from apps.tail import following
from tests.factories.streams import World, make_world


@pytest.fixture
def world(database: None) -> World:
    return make_world()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not follow any more is found out at once."""
    monkeypatch.setattr(following, "STANDING_SECONDS", 0.1)
