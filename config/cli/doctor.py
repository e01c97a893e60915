"""`tailsvc doctor`: what is configured, and whether it works."""

from collections.abc import Iterator

import typer

from config import env
from config.cli import checks
from config.cli.checks import Finding
from config.cli.connect import connect
from config.cli.options import HomeOption
from config.cli.terminal import FAULT, say
from config.runtime.home import Home

_MARKS = {"ok": ("ok", "green"), "warning": ("!!", "yellow"), "fault": ("FAULT", "bold red")}


def doctor(home: HomeOption = None) -> None:
    """Check the configuration, the database, the queue and the disk. Exits with 1 if something is wrong."""
    faults = 0
    for finding in _examine(Home.at(home)):
        mark, style = _MARKS[finding.state]
        say(f"{mark:<6}{finding.subject:<14}{finding.text}", style=style)
        if finding.remedy:
            say(finding.remedy)
        faults += finding.state == "fault"
    if faults:
        raise typer.Exit(FAULT)


def _examine(home: Home) -> Iterator[Finding]:
    yield from checks.disk(home)
    if home.running() is None and not env.text("DATABASE_URL"):
        yield from checks.ability_to_start(home)
        yield Finding("fault", "instance", f"no tailsvc runs on {home.path}; start it with `tailsvc up`")
        return
    state = connect(home)
    yield from checks.configuration(home, state)
    reachable = True
    for finding in checks.database():
        reachable = reachable and finding.state != "fault"
        yield finding
    if reachable:
        yield from checks.roles()
        yield from checks.migrations()
    queue_works = True
    for finding in checks.redis():
        queue_works = finding.state == "ok"
        yield finding
    if queue_works:
        yield from checks.worker()
