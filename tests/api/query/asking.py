"""Asking a world's stream, with parameters as Python has them."""

from typing import Any
from urllib.parse import urlencode

import orjson

from tests.factories.streams import World


def address(world: World, what: str, **params: Any) -> str:
    """`what` is the last part of the path: logs, histogram, ..."""
    texts = {name: orjson.dumps(value).decode() if name == "filters" else value for name, value in params.items()}
    return f"/api/streams/{world.stream.uuid}/{what}?{urlencode(texts)}"


def clause(field: str, value: Any, operator: str = "=") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}
