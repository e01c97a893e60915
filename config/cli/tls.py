"""`tailsvc tls`."""

from typing import Annotated

import typer

from config.cli.connect import find
from config.cli.options import HomeOption
from config.cli.terminal import fail
from config.runtime.faults import CannotStart
from config.runtime.home import Home


def tls(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8002,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Web processes.")] = 2,
) -> None:
    """Serve over TLS alone, for a service whose parts run apart; `up --tls` does it by itself.

    The certificate and the authority that signs it are kept in the data folder.
    """
    place = Home.at(home)
    find(place)

    from config.tls import run

    try:
        run(place, host, port, workers)
    except CannotStart as error:
        fail(str(error))
