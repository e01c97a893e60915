from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import reachable_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded servers' user can reach."""
    with reachable_folder() as path:
        yield path
