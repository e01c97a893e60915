"""`tailsvc collect`."""

from pathlib import Path
from typing import Annotated

import typer

from config.cli.connect import find
from config.cli.options import HomeOption
from config.runtime.home import Home


def collect(
    home: HomeOption = None,
    alive: Annotated[
        Path | None,
        typer.Option(help="Touch this file every five seconds, for who watches the process.", metavar="FILE"),
    ] = None,
) -> None:
    """Collect from the teams' clusters, for a service whose parts run apart; `up` does it by itself."""
    find(Home.at(home))

    from config.collect import run

    raise typer.Exit(run(alive))
