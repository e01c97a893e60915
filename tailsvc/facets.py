"""How the values of a field are counted and named; the same for every store."""

from collections.abc import Mapping

import orjson


def facet_text(value: object) -> str:
    """A value as a filter would name it: texts as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # 200 and 200.0 are one value to every filter
    return orjson.dumps(value).decode()


def top(counts: Mapping[str, int], limit: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
