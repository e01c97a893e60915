"""`tailsvc compact`: have the worker bring everything into its final form."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from config.cli import runs
from config.cli.connect import connect
from config.cli.options import HomeOption
from config.cli.terminal import INTERRUPTED, Progress, counted, fail, progress, tell
from config.runtime.home import Home
from tailsvc.errors import StorageUnavailable

if TYPE_CHECKING:
    from tailsvc.storage.base import StreamSize

# A run skips a stream at which the clockwork is at work. So one without steps is believed when the next finds the
# same; what waits even then is given some more. Where events keep arriving there is no end but the last number.
_QUIET_RUNS, _STUCK_RUNS, _MOST_RUNS = 2, 10, 60
_PAUSE_SECONDS = 1.0
# Measuring burdens nobody if it takes a tenth of the time.
_MEASURE_SECONDS, _MEASURE_SHARE = 1.0, 10

Sizes: TypeAlias = "dict[int, StreamSize]"


class _Waiting(NamedTuple):
    rows: int
    recent_blocks: int

    def __str__(self) -> str:
        return f"{counted(self.rows, 'row')} and {counted(self.recent_blocks, 'recent block')}"


class _End(NamedTuple):
    waiting: _Waiting
    is_quiet: bool  # the worker finds nothing to do


def compact(
    wait: Annotated[bool, typer.Option("--wait", help="Return when nothing is left to do.")] = False,
    home: HomeOption = None,
) -> None:
    """Ask the worker to turn rows and recent blocks into segments now, and to erase what was deleted."""
    connect(Home.at(home))
    runs.require_worker()
    if not wait:
        runs.ask()
        tell("The worker was asked to compact everything; `tailsvc compact --wait` returns when nothing is left to do.")
        return
    try:
        with progress() as show:
            end = _wait(show)
    except KeyboardInterrupt:
        tell("Not waiting any longer; the worker goes on.")
        raise typer.Exit(INTERRUPTED) from None
    except StorageUnavailable as error:
        fail(str(error))
    _report(end)


def _report(end: _End) -> None:
    if not any(end.waiting):
        tell("Nothing is left to do.", style="green")
    elif not end.is_quiet:
        tell(f"Events keep arriving. Waiting by now: {end.waiting}.")
    else:
        fail(
            f"Still waiting: {end.waiting}, and the worker finds nothing that it could do with them. "
            "`tailsvc check` names what cannot be read; the worker's log says what else went wrong."
        )


def _wait(show: Progress) -> _End:
    watch = _watch(show)
    before: Sizes = {}  # measured after the first run only: a great many rows take long to measure
    quiet, waiting = 0, _Waiting(0, 0)
    for _ in range(_MOST_RUNS):
        steps, now = runs.run(watch), _sizes()
        quiet = quiet + 1 if steps == 0 and now == before else 0
        before, waiting = now, _waiting(now)
        if quiet >= (_STUCK_RUNS if any(waiting) else _QUIET_RUNS):
            return _End(waiting, is_quiet=True)
        if steps == 0:
            time.sleep(_PAUSE_SECONDS)
    return _End(waiting, is_quiet=False)


def _watch(show: Progress) -> Callable[[], None]:
    """Shows now and then what still waits."""
    next_at = 0.0

    def watch() -> None:
        nonlocal next_at
        started = time.monotonic()
        if started < next_at:
            return
        try:
            waiting = _waiting(_sizes())
            show(f"Waiting: {waiting}" if any(waiting) else "The worker looks for what is left to do")
        except StorageUnavailable:  # only for show
            show("What waits cannot be counted just now")
        took = time.monotonic() - started
        next_at = started + max(_MEASURE_SECONDS, took * _MEASURE_SHARE)

    return watch


def _sizes() -> Sizes:
    from apps.compaction import services

    return services.sizes(services.streams_by_team())


def _waiting(sizes: Sizes) -> _Waiting:
    found = sizes.values()
    return _Waiting(sum(size.rows for size in found), sum(size.recent_blocks for size in found))
