"""`tailsvc user create`."""

import sys
from typing import Annotated

import typer

from config.cli.connect import connect
from config.cli.options import HomeOption
from config.cli.terminal import USAGE, fail, tell
from config.runtime.home import Home

app = typer.Typer(no_args_is_help=True, help="People who log in.")


@app.callback()
def users() -> None:
    """People who log in."""


@app.command()
def create(
    email: Annotated[str, typer.Option(help="The address that the user logs in with.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input (one line).")
    ] = False,
    superuser: Annotated[bool, typer.Option("--superuser", help="May use the admin pages.")] = False,
    home: HomeOption = None,
) -> None:
    """Make a user. Without --password-stdin the password is asked for."""
    password = _password(from_stdin=password_stdin)
    connect(Home.at(home))

    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from apps.accounts import provisioning
    from apps.accounts.errors import RuleBroken

    try:
        validate_password(password)
        provisioning.create_user(email=email, password=password, is_superuser=superuser)
    except ValidationError as error:
        fail("The password is too weak: " + " ".join(error.messages), code=USAGE)
    except RuleBroken as error:
        fail(str(error), code=USAGE)
    tell(f"Made the user {email}.")


def _password(*, from_stdin: bool) -> str:
    if not from_stdin:
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        fail("--password-stdin was given, but standard input holds no password.", code=USAGE)
    return password
