"""Which streams a command is about: all, or those that were named."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from config.cli.options import one_of
from config.cli.terminal import printable

if TYPE_CHECKING:
    from apps.streams.models import Stream

TeamOption = Annotated[str | None, typer.Option("--team", help="Only this team's streams.", metavar="SLUG")]
StreamOption = Annotated[
    str | None, typer.Option("--stream", help="Only streams of this name, or the one.", metavar="NAME_OR_UUID")
]


def chosen(team: str | None, name: str | None = None) -> "Sequence[Stream]":
    """In the order of their teams. Raises BadParameter, which exits with 2, for a name that nothing has."""
    from apps.compaction import services

    if team is not None:
        one_of(team, services.team_slugs(), kind="team")
    found = [stream for stream in services.streams_by_team() if team in {None, stream.team.slug}]
    return found if name is None else _named(name, found)


def _named(name: str, streams: "Sequence[Stream]") -> "Sequence[Stream]":
    uuid = _uuid(name)
    found = [stream for stream in streams if stream.name == name or stream.uuid == uuid]
    if not found:
        one_of(name, (stream.name for stream in streams), kind="stream")
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def label(stream: "Stream") -> str:
    return f"{stream.team.slug}/{printable(stream.name)}"
