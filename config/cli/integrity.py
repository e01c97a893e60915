"""`tailsvc check`: is everything that was stored still there, once, and readable?"""

from datetime import UTC, datetime
from functools import partial

import typer

from config.cli.choosing import StreamOption, TeamOption, chosen, label
from config.cli.connect import connect
from config.cli.options import HomeOption
from config.cli.terminal import FAULT, Progress, counted, progress, say, tell
from config.runtime.home import Home


def check(team: TeamOption = None, stream: StreamOption = None, home: HomeOption = None) -> None:
    """Read all that is stored and print what is wrong with it. Exits with 1 if anything is."""
    connect(Home.at(home))

    with progress() as show:
        streams, problems = _check(team, stream, show)
    tell(f"Checked {counted(streams, 'stream')}: {counted(problems, 'problem') if problems else 'all is well'}.")
    if problems:
        raise typer.Exit(FAULT)


def _check(team: str | None, name: str | None, show: Progress) -> tuple[int, int]:
    """How many streams were looked at, and how many problems there are, each of which is said at once."""
    from apps.compaction import services

    streams, problems = chosen(team, name), 0
    for nth, stream in enumerate(streams, 1):
        doing = f"Checking {label(stream)} ({nth:,} of {len(streams):,})"
        show(doing)
        for problem in services.problems(stream, now=datetime.now(UTC), progress=partial(_show_pieces, show, doing)):
            say(f"{label(stream)}: {problem}")
            problems += 1
    return len(streams), problems


def _show_pieces(show: Progress, doing: str, done: int, of: int) -> None:
    show(f"{doing}: {done:,} of {counted(of, 'piece')}")
