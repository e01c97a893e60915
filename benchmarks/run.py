"""`make bench`: load a real service, ask it, report. Interrupted, it stops what it started."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import collector as collecting
from benchmarks import console as exploring
from benchmarks import hotspots, tails
from benchmarks.dataset import Dataset
from benchmarks.draws import Options
from benchmarks.generate import ensure
from benchmarks.ingest import Loaded, Plan, load, load_of_others, median
from benchmarks.operations import STREAM
from benchmarks.queries import Asked, Questions, Unanswered
from benchmarks.report import Results, show_collected, show_explored, show_followers, show_ingest, show_queries
from benchmarks.service import Service, fresh_service

_FOLDER = Path(__file__).resolve().parent
_DATA, _RESULTS = _FOLDER / "data", _FOLDER / "results"
# Small requests are slow: fewer events say the same.
_MOST_EVENTS = {1: 30_000, 100: 300_000}

# Wide enough for the tables where the output is no terminal.
_console = Console(width=None if sys.stdout.isatty() else 160)


def bench(  # noqa: PLR0917 (typer reads options from arguments)
    events: Annotated[int, typer.Option(min=1000, help="Events in the data set.")] = 2_000_000,
    batches: Annotated[str, typer.Option(help="Events per POST, or POST:events to send, separated by commas.")] = (
        "1000,100,1"
    ),
    runs: Annotated[int, typer.Option(min=1, help="Loads for each size; medians are shown.")] = 3,
    queries: Annotated[bool, typer.Option("--queries", help="Ask the query table after the largest load.")] = False,
    during: Annotated[
        bool, typer.Option("--during", help="Ask it once more while the other streams are loaded.")
    ] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Show where a web worker's CPU time goes.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Measure followers, and nothing else.")] = False,
    collector: Annotated[bool, typer.Option("--collector", help="Measure the collector, and nothing else.")] = False,
    console: Annotated[bool, typer.Option("--console", help="Measure Explore in a browser, and nothing else.")] = False,
    quiet: Annotated[float, typer.Option(help="Wait up to so many seconds for an idle machine.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Another data set of the same kind.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where the data set and the service's home lie.")] = _DATA,
) -> None:
    """Measure ingest and queries of tailsvc on this machine."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = Results(datetime.now(UTC), events, seed)
    if follow:
        _follow(folder, results)
    elif collector:
        _collect(folder, results)
    elif console:
        _explore(folder, _data_set(folder, results), results)
    else:
        data = _data_set(folder, results)
        plans = [_plan(text, events, quiet) for text in batches.split(",")]
        _ingest(folder, data, plans, results, runs=runs, queries=queries, during=during)
    _console.print(f"Written to {results.write(_RESULTS)}")
    if profile:
        _profile(folder, _data_set(folder, results))


def _data_set(folder: Path, results: Results) -> Dataset:
    with _bar("data set", results.events) as tell:
        return Dataset(ensure(folder, Options(results.events, seed=results.seed), tell))


def _follow(folder: Path, results: Results) -> None:
    results.lateness, results.idle = tails.run(folder)
    show_followers(_console, results.lateness, results.idle)


def _collect(folder: Path, results: Results) -> None:
    results.collected = collecting.run(folder)
    show_collected(_console, results.collected)


def _explore(folder: Path, data: Dataset, results: Results) -> None:
    with _bar("Explore", results.events // 1000) as tell:
        results.explored = exploring.run(folder, data, _steps(tell))
    show_explored(_console, results.explored)


def _profile(folder: Path, data: Dataset) -> None:
    with fresh_service(folder, data.streams) as service:
        hotspots.run(service, data)


def _ingest(
    folder: Path, data: Dataset, plans: Sequence[Plan], results: Results, *, runs: int, queries: bool, during: bool
) -> None:
    # The largest load last: it is the one that is queried.
    plans = sorted(plans, key=lambda plan: plan.events)
    for plan in plans:
        is_queried = queries and plan is plans[-1]
        for nth in range(1, runs + 1):
            queried = results if is_queried and nth == runs else None
            loaded = _one_load(folder, data, plan, queried, title=f"run {nth}", during=during)
            results.ingest_runs.append(loaded)
    results.ingest = [median([run for run in results.ingest_runs if run.batch == plan.batch]) for plan in plans[::-1]]
    show_ingest(_console, results.ingest)
    if results.queries:
        show_queries(_console, "Queries on the largest stream, warm", results.queries)
    if results.queries_during:
        show_queries(_console, "The same while the other streams are loaded", results.queries_during)


def _plan(text: str, events: int, quiet_seconds: float) -> Plan:
    batch, _, wanted = text.partition(":")
    size = int(batch)
    count = int(wanted) if wanted else _MOST_EVENTS.get(size, events)
    return Plan(size, min(count, events), quiet_seconds=quiet_seconds)


def _one_load(folder: Path, data: Dataset, plan: Plan, queried: Results | None, *, title: str, during: bool) -> Loaded:
    with fresh_service(folder, data.streams) as service:
        requests = len(data.slices(plan.batch, plan.events))
        with _bar(f"POSTs of {plan.batch:,}, {title}", requests) as tell:
            loaded = load(service, data, plan, _steps(tell))
        _console.print(
            f"POSTs of {plan.batch:,}, {title}: {loaded.events_per_s:,.0f} events/s, "
            f"{loaded.settled_cpu_s_per_m:.1f} CPU-s per 1M settled, foreign CPU {loaded.foreign_cpu:.2f}"
        )
        if queried is not None:
            _ask(service, data, queried.queries)
        if queried is not None and during:
            with load_of_others(service, data, STREAM, plan):
                _ask(service, data, queried.queries_during)
    return loaded


def _ask(service: Service, data: Dataset, results: list[Asked | Unanswered]) -> None:
    questions = Questions(service, data)
    with _bar("queries", len(questions.names())) as tell:
        for asked in questions.ask_all():
            results.append(asked)
            tell(1)


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; the function takes how much more is done."""
    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda more: progress.advance(task, more)


def _steps(tell: Callable[[int], None]) -> Callable[[int], None]:
    """Turns totals into steps."""
    known = 0

    def told(total: int) -> None:
        nonlocal known
        tell(total - known)
        known = total

    return told


if __name__ == "__main__":
    typer.run(bench)
