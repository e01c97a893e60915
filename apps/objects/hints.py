"""Told after a commit: objects of this team changed. Who watches is woken, here and in other processes."""

from collections.abc import Callable, Sequence
from functools import cache

from django.conf import settings

from apps.tail.hints import Listener, Teller

CHANNEL = "tailsvc:objects"
# What wakes this process' own watchers; `watching` adds itself, so that who only writes need not know of it.
HEARERS: list[Callable[[Sequence[int]], None]] = []
WANTED: list[Callable[[], bool]] = []


@cache
def _teller() -> Teller:
    return Teller(settings.REDIS_URL, CHANNEL)


@cache
def listener() -> Listener:
    return Listener(settings.REDIS_URL, _hear, lambda: any(wanted() for wanted in WANTED), CHANNEL)


def tell(team_id: int) -> None:
    """From any thread; never fails."""
    _hear([team_id])
    _teller().tell(team_id)


def _hear(teams: Sequence[int]) -> None:
    for hear in HEARERS:
        hear(teams)
