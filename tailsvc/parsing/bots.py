"""Whether a user agent is a robot, by the patterns of crawler-user-agents."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import re2
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

# Robots name themselves at once; a longer agent is somebody's test of our patience.
_READ_CHARS = 1024


def is_bot(agent: str | None) -> bool:
    """False for no agent."""
    return agent is not None and _is_bot(agent[:_READ_CHARS])


def are_bots(agents: Sequence[str | None]) -> list[bool]:
    if max(map(len, filter(None, agents)), default=0) > _READ_CHARS:
        return [*map(is_bot, agents)]
    return [*map(_is_bot, agents)]


@lru_cache(maxsize=16_384)
def _is_bot(agent: str | None) -> bool:
    return agent is not None and bool(_patterns().Match(agent))


@cache
def _patterns() -> Any:
    """All patterns in one automaton: linear in the agent, however many there are."""
    patterns = re2.Set.SearchSet()
    for crawler in CRAWLER_USER_AGENTS_DATA:
        patterns.Add(crawler["pattern"])
    patterns.Compile()
    return patterns
