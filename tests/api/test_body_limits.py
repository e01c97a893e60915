"""What Django answers is sheltered from large bodies, in front of it and whether or not they say how large they are."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.asgi import Asgi

pytestmark = pytest.mark.contract
LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
JSON = {"content-type": "application/json"}


def test_a_stated_length_is_refused_unread(asgi: Asgi) -> None:
    def unread() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    answer = asgi.post("/api/streams", unread(), headers={**JSON, "content-length": str(LIMIT + 1)})
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.headers["x-request-id"]


def test_an_upload_without_end_is_cut_off(asgi: Asgi) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100 * LIMIT:
            sent += 65536
            yield b" " * 65536

    assert asgi.post("/api/streams", endless(), headers=JSON).status == 413
    assert sent < LIMIT + 2 * 65536


def test_a_body_of_the_largest_size_is_looked_at(asgi: Asgi) -> None:
    assert asgi.post("/api/streams", b" " * LIMIT, headers=JSON).status == 401
