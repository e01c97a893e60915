"""The commands, by name."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from config.cli.terminal import fail
from tailsvc.errors import StorageUnavailable

# In which module each is: as a function of that name, or as a Typer called `app`.
_MODULES = {
    "up": "up",
    "token": "tokens",
    "user": "users",
    "cluster": "cluster",
    "tail": "tail",
    "search": "search",
    "ship": "ship",
    "doctor": "doctor",
    "compact": "compact",
    "check": "integrity",
    "stats": "stats",
    "collect": "collect",
    "grpc": "grpc",
    "tls": "tls",
    "kubeconfig": "kubeconfig",
    "version": "version",
}


class _Commands(Mapping[str, TyperCommand | TyperGroup]):
    """Each is loaded when it is called or told of: `up` stays in memory, and has no use for what the others need."""

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        module = import_module(f"config.cli.{_MODULES[name]}")
        several = getattr(module, "app", None)
        found = get_command(_alone(getattr(module, name))) if several is None else get_group(several)
        found.name = name
        return cast("TyperCommand | TyperGroup", found)

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


class _Group(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": _Commands()})

    def invoke(self, ctx: Any) -> Any:
        """What is wrong around us, and not with us, is told in a sentence, whichever command meets it."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            told = _in_a_sentence(error)
            if told is None:
                raise
            fail(told)


def _in_a_sentence(error: Exception) -> str | None:
    """Django's errors by their names: most commands have no use for it."""
    why = " ".join(str(error).split()).rstrip(".?")
    match type(error).__module__, type(error).__name__:
        case "django.core.exceptions", "ImproperlyConfigured":
            return f"{why}."
        case "django.db.utils", "OperationalError" | "InterfaceError":
            is_away = True
        case _:
            is_away = isinstance(error, StorageUnavailable)
    return f"The database does not answer: {why}. `tailsvc doctor` says what to do." if is_away else None


def _alone(command: Callable[..., None]) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return app


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Send logs with any agent, find any line, on nothing but Postgres.",
)


@app.callback()
def tailsvc() -> None:
    """Send logs with any agent, find any line, on nothing but Postgres."""
