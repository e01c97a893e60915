"""`tailsvc up`."""

import asyncio
import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from config.cli.options import HomeOption
from config.cli.terminal import USAGE, fail, say, tell
from config.runtime.faults import CannotStart
from config.runtime.home import Home
from config.runtime.tree import Shape
from config.runtime.up import Ready
from config.runtime.up import up as bring_up

_LAST_PORT = 65_535


def up(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8000,
    grpc_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port for gRPC.", show_default="the one behind --port"),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve TLS too, with a certificate of our own making.")] = False,
    tls_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port for TLS, with --tls.", show_default="the second behind --port"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Web processes.")] = 2,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show all that the processes write.")] = False,
) -> None:
    """Start the whole service on this machine, and stay until Ctrl-C."""
    place = Home.at(home)
    if tls_port is not None and not tls:
        fail("--tls-port names the port that --tls opens; give both.", code=USAGE)
    shape = Shape(
        host=host,
        port=port,
        workers=workers,
        grpc_port=behind(port, 1) if grpc_port is None else grpc_port,
        tls_port=None if not tls else behind(port, 2) if tls_port is None else tls_port,
    )
    ports = [each for each in (shape.port, shape.grpc_port, shape.tls_port) if each]
    if len(set(ports)) < len(ports):
        fail("Two of --port, --grpc-port and --tls-port are the same; each listens on its own.", code=USAGE)
    try:
        asyncio.run(bring_up(place, shape, tell=tell, on_ready=partial(_announce, place), verbose=verbose))
    except CannotStart as error:
        fail(str(error))


def behind(port: int, distance: int) -> int:
    """0, any port, where there is none behind it, and where any would do for the first."""
    return port + distance if 0 < port <= _LAST_PORT - distance else 0


def _announce(home: Home, ready: Ready) -> None:
    secure = f"{ready.tls_address}, " if ready.tls_address else ""
    places = f"{secure}gRPC on port {ready.grpc_port}; data in {home.path}"
    say(f"tailsvc is ready at {ready.address} ({places}; Ctrl-C stops it)", style="green")
    if ready.first_stream:
        say(welcome_text(home, ready.address, ready.first_stream))


def welcome_text(home: Home, address: str, stream: str) -> str:
    """How to log in, and two lines to paste: one ships a line, the other finds it."""
    ship = (
        f'curl -sS -H "Authorization: Bearer {_content_of(home, "ingest-token")}" '
        f"-H 'Content-Type: application/x-ndjson' "
        """--data-binary '{"level": "INFO", "message": "hello from curl"}' """
        f"{address}/api/ingest/{stream}"
    )
    find = (
        f'curl -sS -G -H "Authorization: Bearer {_content_of(home, "token")}" '
        """--data-urlencode 'filters=[{"field": "q", "value": "hello"}]' """
        f"{address}/api/streams/{stream}/logs"
    )
    return (
        f"\nLog in at {address}/login as admin@localhost; the password is in {_shown(home.path / 'admin-password')}.\n"
        f"\nShip a line:\n\n{ship}\n\nFind it:\n\n{find}\n"
    )


def _content_of(home: Home, name: str) -> str:
    return f"$(cat {shlex.quote(_shown(home.path / name))})"


def _shown(path: Path) -> str:
    """From here, where that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
