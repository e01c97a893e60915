"""What commands say, and how they fail: answers on standard output, all else on standard error."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Rich reads NO_COLOR and whether this is a terminal by itself.
_out = Console(highlight=False, soft_wrap=True)
_err = Console(highlight=False, soft_wrap=True, stderr=True)

FAULT = 1
USAGE = 2
# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130
# And of one that wrote to somebody who had gone: `| head`.
PIPE_CLOSED = 141

_WIDEST = 10_000  # columns, where nobody's window bounds a table
_LINE_SECONDS = 10.0

Progress = Callable[[str], None]


def say(text: str, *, style: str | None = None) -> None:
    _out.print(text, style=style, markup=False)


def tell(text: str, *, style: str | None = None) -> None:
    _err.print(text, style=style, markup=False)


def fail(text: str, *, code: int = FAULT) -> NoReturn:
    tell(text, style="red")
    raise typer.Exit(code)


def show(table: Table) -> None:
    """On a terminal as wide as that, else as wide as it is: programs and files want whole names."""
    if not _out.is_terminal:
        _out.width = _WIDEST
    _out.print(table, soft_wrap=False)


def printable(text: str) -> str:
    """What somebody else has named, without what would steer the terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def is_terminal() -> bool:
    return _out.is_terminal


def has_colours() -> bool:
    return _out.color_system is not None and not _out.no_color


@contextmanager
def writing(*, at_once: bool = False) -> Iterator[Callable[[str], None]]:
    """Writes lines, each at once or as many as fit a buffer; ends quietly when nobody reads any more."""
    # Lone surrogates cannot be encoded at all, and a terminal's encoding may know few letters.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        yield lambda line: print(line, flush=at_once)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more as it ends, and would say what happened.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_CLOSED) from None


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


@contextmanager
def progress() -> Iterator[Progress]:
    """On a terminal one line that is renewed; elsewhere a line now and then, so that logs stay short."""
    if not _err.is_terminal or _err.is_dumb_terminal:
        yield _Lines()
        return
    with _err.status("") as status:
        yield lambda text: status.update(Text(text))


class _Lines:
    def __init__(self) -> None:
        self._last = ""
        self._told_at = -_LINE_SECONDS

    def __call__(self, text: str) -> None:
        if text != self._last and time.monotonic() - self._told_at >= _LINE_SECONDS:
            tell(text)
            self._last, self._told_at = text, time.monotonic()
