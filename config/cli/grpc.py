"""`tailsvc grpc`."""

from typing import Annotated

import typer

from config.cli.connect import connect
from config.cli.options import HomeOption
from config.runtime.home import Home


def grpc(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8001,
) -> None:
    """Serve Ignite's calls over gRPC alone, for a service whose parts run apart; `up` does it by itself."""
    connect(Home.at(home))

    from config.grpc import run

    raise typer.Exit(run(host, port))
