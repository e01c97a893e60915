"""A round of upkeep: whoever fails is left out, and a database that is away ends it."""

import pytest
from structlog.testing import capture_logs

from tailsvc.errors import StorageUnavailable, StorageUnreachable, UnknownStream
from tailsvc.rounds import Chore, go_round
from tailsvc.storage.base import StreamRef


def chore(number: int, outcome: int | Exception) -> Chore:
    def act() -> int:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return StreamRef(number, 1), act


def test_those_that_fail_are_logged_each_and_together_and_the_others_go_on() -> None:
    chores = [chore(1, 5), chore(2, StorageUnavailable("busy")), chore(3, KeyError("x")), chore(4, 7)]
    with capture_logs() as logs:
        assert go_round("tidying", chores) == 12
    assert [(entry["event"], entry.get("stream")) for entry in logs] == [
        ("tidying failed", 2),
        ("tidying failed", 3),
        ("tidying left streams to its next round", None),
    ]
    assert logs[-1]["streams"] == [2, 3]


def test_a_stream_that_was_purged_meanwhile_is_none_that_fails() -> None:
    with capture_logs() as logs:
        assert go_round("tidying", [chore(1, UnknownStream("gone")), chore(2, 1)]) == 1
    assert logs == []


def test_a_database_that_is_away_is_not_asked_again() -> None:
    left = iter([chore(1, StorageUnreachable("away")), chore(2, 1)])
    with pytest.raises(StorageUnreachable):
        go_round("tidying", left)
    assert len(list(left)) == 1
