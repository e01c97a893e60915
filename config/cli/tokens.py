"""`tailsvc token create`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from apps.accounts.abilities import Ability
from config.cli.connect import connect
from config.cli.options import HomeOption, duration, one_of
from config.cli.terminal import USAGE, fail
from config.runtime.home import Home

app = typer.Typer(no_args_is_help=True, help="Personal access tokens.")


@app.callback()
def tokens() -> None:
    """Personal access tokens."""


@app.command()
def create(
    team: Annotated[str, typer.Option(help="Slug of the team; it is made if absent.", metavar="SLUG")],
    ability: Annotated[list[str], typer.Option(help="What the token may do. Repeat it for several.")],
    plan: Annotated[str | None, typer.Option(help="The team's plan; for a new team: unlimited.")] = None,
    expires: Annotated[str | None, typer.Option(help="For example 30d, 12h; without it, never.")] = None,
    name: Annotated[str, typer.Option(help="What the token is called in lists.")] = "command line",
    home: HomeOption = None,
) -> None:
    """Make a token and print it, and nothing else, on standard output. It is shown this once."""
    now = datetime.now(UTC)
    life = duration(expires) if expires else None
    abilities = [one_of(each, list(Ability), kind="ability") for each in ability]
    connect(Home.at(home))

    from apps.accounts import provisioning
    from apps.accounts.errors import RuleBroken

    _check_plan(plan)
    try:
        owner = provisioning.ensure_team(slug=team, plan=plan, now=now)
        _, text = provisioning.create_token(
            team=owner, name=name, abilities=abilities, expires_at=now + life if life else None, now=now
        )
    except RuleBroken as error:
        fail(str(error), code=USAGE)
    typer.echo(text)


def _check_plan(plan: str | None) -> None:
    from apps.accounts.models import Plan

    if plan is not None:
        one_of(plan, Plan.objects.values_list("name", flat=True), kind="plan")
