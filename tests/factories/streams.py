"""Streams with their ingest tokens, made by the product's own services, and events put into them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.accounts.callers import PlanLimits
from apps.accounts.models import Plan, Team
from apps.accounts.scope import maintenance, team_scope
from apps.engine import store
from apps.streams import ingest_tokens, services
from apps.streams.models import Stream
from tailsvc.events import Event
from tailsvc.storage.base import Batch
from tests.factories.accounts import make_team, make_token, unique


@dataclass(frozen=True, slots=True)
class World:
    """A team, an owner's token, a stream of the team and the stream's ingest token."""

    team: Team
    token: str
    stream: Stream
    ingest_token: str

    @property
    def logs(self) -> str:
        return f"/api/streams/{self.stream.uuid}/logs"

    @property
    def ingest(self) -> str:
        return f"/api/ingest/{self.stream.uuid}"

    def append(self, events: Sequence[Event]) -> None:
        store().append(self.stream.ref, [Batch(events)], now=now_micros())


def make_world(plan: str = "unlimited") -> World:
    team = make_team(plan)
    return World(team, make_token(team), *make_stream(team))


def make_stream(team: Team, name: str | None = None, *, retention_hours: int | None = None) -> tuple[Stream, str]:
    """The stream, and the text of the ingest token that every new stream has."""
    with maintenance():
        plan = PlanLimits.of(Plan.objects.get(pk=team.plan_id))
    with team_scope(team.pk):
        stream = services.create_stream(
            team=team,
            name=name or unique("stream"),
            plan=plan,
            actor="test",
            now=datetime.now(UTC),
            retention_hours=retention_hours,
        )
    return stream, ingest_token_of(stream)


def ingest_token_of(stream: Stream) -> str:
    """The text of its newest live ingest token."""
    with team_scope(stream.team_id):
        token = ingest_tokens.live(stream, datetime.now(UTC)).first()
        assert token is not None
        return ingest_tokens.text_of(token, stream).token


def delete_stream(stream: Stream, *, ago: timedelta = timedelta(0)) -> None:
    """As if it had been deleted that long ago."""
    with team_scope(stream.team_id):
        services.delete_stream(stream, actor="test", now=datetime.now(UTC) - ago)


def lines(count: int, *, start: int, step: int = 1_000, **fields: Any) -> list[Event]:
    """`line 0`, `line 1`, ...: plain events, `step` microseconds apart."""
    return [Event(start + nth * step, f"line {nth}".encode(), **fields) for nth in range(count)]


def now_micros() -> int:
    return time.time_ns() // 1000
