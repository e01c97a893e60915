"""The commands, by name."""

import typer

from config.cli import cluster, tokens, users
from config.cli.collect import collect
from config.cli.compact import compact
from config.cli.doctor import doctor
from config.cli.grpc import grpc
from config.cli.integrity import check
from config.cli.kubeconfig import kubeconfig
from config.cli.search import search
from config.cli.ship import ship
from config.cli.stats import stats
from config.cli.tail import tail
from config.cli.tls import tls
from config.cli.up import up
from tailsvc.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Send logs with any agent, find any line, on nothing but Postgres.",
)
app.command()(up)
app.add_typer(tokens.app, name="token")
app.add_typer(users.app, name="user")
app.add_typer(cluster.app, name="cluster")
for command in (tail, search, ship, doctor, compact, check, stats, collect, grpc, tls, kubeconfig):
    app.command()(command)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
