"""Kinds of which some objects follow from what runs. Their owner registers how these are brought up to date."""

from collections.abc import Callable
from dataclasses import dataclass

Refresh = Callable[[int], None]
# Of an object of that name, whether its status follows from what runs.
Keeps = Callable[[str], bool]
# (verb, name): raises ApiError where the object is not a client's to treat so.
Forbid = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Computed:
    refresh: Refresh
    forbid: Forbid
    keeps_status: Keeps


def _anything(_verb: str, _name: str) -> None:
    pass


def _none(_name: str) -> bool:
    return False


REGISTERED: dict[str, Computed] = {}


def register(plural: str, refresh: Refresh, forbid: Forbid = _anything, keeps_status: Keeps = _none) -> None:
    """`refresh(team_id)` is called outside of any scope: before a client's read, create or update of that kind, and
    twice a second while anybody of the team watches it. `forbid` is asked before a client's "create", "update" or
    "delete". Where `keeps_status`, what clients say on `/status` changes nothing."""
    REGISTERED[plural] = Computed(refresh, forbid, keeps_status)


def refresh(plural: str, team_id: int) -> None:
    if plural in REGISTERED:
        REGISTERED[plural].refresh(team_id)


def check(plural: str, verb: str, name: str) -> None:
    """Raises ApiError."""
    if plural in REGISTERED:
        REGISTERED[plural].forbid(verb, name)


def keeps_status(plural: str, name: str) -> bool:
    return plural in REGISTERED and REGISTERED[plural].keeps_status(name)
