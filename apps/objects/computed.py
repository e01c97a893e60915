"""Kinds whose objects follow from what runs. Their owner registers how they are brought up to date."""

from collections.abc import Callable

REFRESH: dict[str, Callable[[int], None]] = {}


def register(plural: str, refresh: Callable[[int], None]) -> None:
    """`refresh(team_id)` is called outside of any scope: before a read of that kind, and every second while anybody of
    the team watches it."""
    REFRESH[plural] = refresh


def refresh(plural: str, team_id: int) -> None:
    if plural in REFRESH:
        REFRESH[plural](team_id)
