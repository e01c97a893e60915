"""`tailsvc version`."""

import typer

from tailsvc.version import __version__


def version() -> None:
    """Print the version."""
    typer.echo(__version__)
