"""Streams with their ingest tokens, made by the product's own services."""

from datetime import UTC, datetime, timedelta

from apps.accounts.callers import PlanLimits
from apps.accounts.models import Plan, Team
from apps.accounts.scope import maintenance, team_scope
from apps.streams import ingest_tokens, services
from apps.streams.models import Stream
from tests.factories.accounts import unique


def make_stream(team: Team, name: str | None = None, *, retention_hours: int | None = None) -> Stream:
    """With the ingest token that every new stream has."""
    with maintenance():
        plan = PlanLimits.of(Plan.objects.get(pk=team.plan_id))
    with team_scope(team.pk):
        return services.create_stream(
            team=team,
            name=name or unique("stream"),
            plan=plan,
            actor="test",
            now=datetime.now(UTC),
            retention_hours=retention_hours,
        )


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
