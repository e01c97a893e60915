"""What the commands that read a stream have in common: their options, and a bad query shown in its place."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Annotated

import typer
from rich.cells import cell_len

from config.cli.event_lines import Style
from config.cli.service import Refused
from config.cli.terminal import USAGE, fail, has_colours, is_terminal, printable, tell
from tailsvc.errors import InvalidQuery

StreamArgument = Annotated[str, typer.Argument(help="A stream's name, slug or UUID.", metavar="STREAM")]
JsonOption = Annotated[bool, typer.Option("--json", help="Each event as the API gives it, one a line.")]
UtcOption = Annotated[bool, typer.Option("--utc", help="Read and write times in UTC, not in the local zone.")]
SINCE_HELP = "From then on: 1h (ago), 2026-11-22, 2026-11-22T10:00."

_COLUMN = re.compile(r"column (\d{1,6}): ")


def style_for(query: str, *, utc: bool) -> Style:
    """As it suits where standard output leads."""
    colours = has_colours()
    words = _searched(query) if colours and query else []
    return Style(colours=colours, zone=UTC if utc else None, words=words, many_lines=is_terminal())


def _searched(query: str) -> list[str]:
    # Late: with it come all the parsers, which take longer than the rest of a command's start.
    from tailsvc.query_language import parse_query, searched_texts

    try:
        return searched_texts(parse_query(query))
    except InvalidQuery:  # the service has the last word on what it takes, and it may be newer
        return []


@contextmanager
def explained(query: str) -> Iterator[None]:
    """A refusal of the query shows where; one of another parameter names it. Both exit with 2."""
    try:
        yield
    except Refused as refused:
        if refused.status != 422:
            raise
        told = refused.errors.get("query")
        if told:
            _point_at(query, told[0])
        fail(printable(str(refused)), code=USAGE)


def _point_at(query: str, told: str) -> None:
    match = _COLUMN.match(told)
    if match is not None:
        before = printable(query[: int(match[1]) - 1])
        tell(f"  {printable(query)}\n  {' ' * cell_len(before)}^")
    fail(printable(told), code=USAGE)
