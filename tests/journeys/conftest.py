from collections.abc import Iterator

import pytest

from tests.journeys.service import Service, tailsvc_up
from tests.servers import reachable_folder


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One `tailsvc up` for all journeys; each makes streams of its own."""
    with reachable_folder() as folder, tailsvc_up(folder / "home") as running:
        yield running
