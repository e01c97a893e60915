"""Options that several commands share, and the reading of their values."""

import difflib
import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from config.cli.terminal import printable
from config.runtime.home import DEFAULT, VARIABLE

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar=VARIABLE,
        help="The data folder.",
        show_default=DEFAULT,
        file_okay=False,
    ),
]

# More names than these are no help to somebody who mistyped one.
_MOST_LISTED = 30
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LIFE = re.compile(r"([0-9]{1,9})\s*([smhdw])")


def duration(text: str) -> timedelta:
    """ "30d", "12h", "2w". Raises BadParameter, which exits with 2."""
    match = _LIFE.fullmatch(text.strip().lower())
    if match is None or match[1].strip("0") == "":
        raise typer.BadParameter(f"{text!r} is no duration; write for example 30d, 12h or 2w.")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise typer.BadParameter(f"{text!r} is too long.") from error


def one_of(given: str, valid: Iterable[str], *, kind: str) -> str:
    """`given`, if it is valid. Raises BadParameter, which lists what is and guesses what was meant."""
    names = sorted(set(valid))
    if given in names:
        return given
    near = difflib.get_close_matches(given, names, n=1)
    guess = f" Did you mean {printable(near[0])}?" if near else ""
    listed = f" Valid: {printable(', '.join(names))}." if 0 < len(names) <= _MOST_LISTED else ""
    raise typer.BadParameter(f"there is no {kind} {given!r}.{guess}{listed}")
