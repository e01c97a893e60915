"""What commands say, and how they fail: answers on standard output, all else on standard error."""

from typing import NoReturn

import typer
from rich.console import Console

# Rich reads NO_COLOR and whether this is a terminal by itself.
_out = Console(highlight=False, soft_wrap=True)
_err = Console(highlight=False, soft_wrap=True, stderr=True)

FAULT = 1
USAGE = 2


def say(text: str, *, style: str | None = None) -> None:
    _out.print(text, style=style, markup=False)


def tell(text: str, *, style: str | None = None) -> None:
    _err.print(text, style=style, markup=False)


def fail(text: str, *, code: int = FAULT) -> NoReturn:
    tell(text, style="red")
    raise typer.Exit(code)
