"""`tailsvc stats`: what is stored, in which form, and how small."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich import box, filesize
from rich.table import Table
from rich.text import Text

from config.cli.choosing import TeamOption, chosen, label
from config.cli.connect import connect
from config.cli.options import HomeOption
from config.cli.terminal import fail, say, show
from config.runtime.home import Home
from tailsvc.errors import StorageUnavailable

if TYPE_CHECKING:
    from apps.streams.models import Stream
    from tailsvc.storage.base import StreamSize

_NUMBERS = ("events", "rows", "recent\nblocks", "segments", "raw", "stored", "ratio", "bytes/\nevent")


class _Line(NamedTuple):
    stream: "Stream"
    size: "StreamSize"


def stats(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one object, sizes in bytes.")] = False,
    team: TeamOption = None,
    home: HomeOption = None,
) -> None:
    """Show what each stream holds: its forms, and how small they are; and what all of them take on the disk."""
    connect(Home.at(home))
    try:
        total, lines = _measure(team)
    except StorageUnavailable as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps({"bytes": total, "streams": [_entry(line) for line in lines]}))
        return
    show(_table(lines))
    say(_summary(total, lines, team))


def _measure(team: str | None) -> tuple[int, Sequence[_Line]]:
    from apps.compaction import services
    from apps.engine import store

    streams = chosen(team)
    sizes = services.sizes(streams)
    return store().bytes_on_disk(), [_Line(stream, sizes[stream.pk]) for stream in streams]


def _entry(line: _Line) -> dict[str, Any]:
    stream, size = line
    return {
        "team": stream.team.slug,
        "name": stream.name,
        "uuid": str(stream.uuid),
        "deleted": stream.deleted_at is not None,
        "events": size.events,
        "rows": size.rows,
        "recent_blocks": size.recent_blocks,
        "segments": size.segments,
        "raw_bytes": size.raw_bytes,
        "bytes": size.bytes,
    }


def _table(lines: Sequence[_Line]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("team/stream", overflow="fold")
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    for stream, size in lines:
        is_deleted = stream.deleted_at is not None
        # Text, as a name may have brackets, in which rich would look for styles.
        name = Text(label(stream) + (" (deleted)" if is_deleted else ""))
        table.add_row(name, *_cells(size), style="dim" if is_deleted else None)
    if len(lines) > 1:
        table.add_section()
        table.add_row("together", *_cells(_sum(line.size for line in lines)), style="bold")
    return table


def _cells(size: "StreamSize") -> list[str]:
    counts = [f"{number:,}" for number in (size.events, size.rows, size.recent_blocks, size.segments)]
    ratio, each = _quotient(size.raw_bytes, size.bytes), _quotient(size.bytes, size.events)
    return [*counts, filesize.decimal(size.raw_bytes), filesize.decimal(size.bytes), ratio, each]


def _sum(sizes: "Iterable[StreamSize]") -> "StreamSize":
    """All their fields are numbers."""
    from tailsvc.storage.base import StreamSize

    found = list(sizes)
    return StreamSize(**{name: sum(getattr(size, name) for size in found) for name in StreamSize.__slots__})


def _summary(total: int, lines: Sequence[_Line], team: str | None) -> str:
    """What the tables take is not known by team."""
    taken = f"The log tables{' of all teams' if team else ''} take {filesize.decimal(total)} on the disk"
    events = sum(line.size.events for line in lines)
    each = "" if team or not events else f": {_quotient(total, events)} bytes for each event"
    return f"{taken}, with indexes and free room{each}."


def _quotient(dividend: int, divisor: int) -> str:
    return f"{dividend / divisor:,.1f}" if divisor else "-"
