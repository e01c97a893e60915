from tests.api.conftest import api
from tests.asgi import asgi

__all__ = ["api", "asgi"]
