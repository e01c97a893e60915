"""Every question is asked through both doors."""

import pytest

from tests.api.conftest import Api
from tests.doors import FrontDoor


@pytest.fixture(params=[Api, FrontDoor], ids=["views", "short cut"])
def api(request: pytest.FixtureRequest, database: None) -> Api:
    return request.param()
