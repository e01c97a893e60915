"""`tailsvc ship`: lines of files or of standard input into a stream."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer

from config.cli.asking import StreamArgument
from config.cli.batches import Batch, batches
from config.cli.interrupt import Interrupt
from config.cli.options import duration
from config.cli.servers import OwnHomeOption, ServerOption
from config.cli.service import Refused, Service, speaking_to
from config.cli.shipping import NotShipped, Rejection, Shipper
from config.cli.terminal import FAULT, INTERRUPTED, Progress, counted, fail, printable, progress, tell
from tailsvc import limits

_STDIN = "-"
_SHOWN_REJECTIONS = 20
_SILENT_SECONDS = 1.0  # what ends as soon as that needs no progress


def ship(
    stream: StreamArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files to read; - or none is standard input.", metavar="FILE"),
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Make the stream if there is none of that name.")] = False,
    retry_for: Annotated[
        str, typer.Option(help="How long to try again before a batch is given up.", metavar="TIME")
    ] = "10m",
    server: ServerOption = None,
    home: OwnHomeOption = None,
) -> None:
    """Send lines, JSON or text, to a stream. Each is stored exactly once, however often it has to be sent.

    Exits with 1 if a line was refused or could not be sent. Ctrl-C sends what was read, and ends.
    """
    patience = duration(retry_for).total_seconds()
    if patience >= limits.IDEMPOTENCY_KEY_SECONDS:
        raise typer.BadParameter("a batch is known for a day: try again for less than 24h.", param_hint="--retry-for")
    sources = files or [Path(_STDIN)]
    _check(sources)
    rejections = _Rejections()
    with speaking_to(server, home) as service, progress() as show, Interrupt(_say_interrupted) as interrupt:
        uuid = _stream(service, stream, create=create)
        shipper = Shipper(
            service, uuid, interrupt=interrupt, patience=patience, on_reject=rejections, on_wait=_say_waiting
        )
        journey = _Journey(shipper, show)
        with journey.ending_well():
            for descriptor, name in _opened(sources):
                for batch in batches(descriptor, name, interrupt=interrupt, refuse=rejections.refuse):
                    journey.send(batch)
                if interrupt.asked:
                    break
    _report(shipper, rejections, stream, interrupted=interrupt.asked)


def _stream(service: Service, name: str, *, create: bool) -> str:
    if create and not any(name in (one["name"], one["slug"], one["uuid"]) for one in service.streams()):
        try:
            return str(service.call("POST", "/api/streams", json={"name": name})["uuid"])
        except Refused as refused:
            # Somebody else may have made it in between.
            if refused.status != httpx.codes.UNPROCESSABLE_ENTITY or "name" not in refused.errors:
                raise
    return str(service.stream(name)["uuid"])


def _check(files: Sequence[Path]) -> None:
    """Before anything is sent: half of what was meant would be hard to take up."""
    for path in files:
        if str(path) != _STDIN and not (path.exists() and not path.is_dir() and os.access(path, os.R_OK)):
            raise typer.BadParameter(f"{str(path)!r} is no file that can be read.")


def _opened(files: Sequence[Path]) -> Iterator[tuple[int, str]]:
    for path in files:
        if str(path) == _STDIN:
            yield sys.stdin.fileno(), "stdin"
            continue
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor, printable(str(path))
        finally:
            os.close(descriptor)


class _Journey:
    """What is on its way, for who looks on and for who has to know where it ended."""

    def __init__(self, shipper: Shipper, show: Progress) -> None:
        self._shipper = shipper
        self._show = show
        self._began = time.monotonic()
        self._at: Batch | None = None

    def send(self, batch: Batch) -> None:
        self._at = batch
        self._shipper.send(batch)
        self._at = None
        done = self._shipper.done
        if time.monotonic() - self._began >= _SILENT_SECONDS:
            self._show(f"{counted(done.accepted, 'line')} shipped, {_size(done.bytes)}")

    @contextmanager
    def ending_well(self) -> Iterator[None]:
        """A batch that is given up ends the command, and says where."""
        try:
            yield
        except NotShipped as error:
            self._end(printable(str(error)), FAULT, unknown=error.unknown)
        except KeyboardInterrupt:
            self._end("Ended.", INTERRUPTED, unknown=self._at is not None)

    def _end(self, why: str, code: int, *, unknown: bool) -> NoReturn:
        where = ""
        if self._at is not None:
            first, last = self._at.numbers[0], self._at.numbers[-1]
            fate = "it is unknown whether they were stored" if unknown else "they were not stored, nor what follows"
            where = f" Lines {first} to {last} of {self._at.source} were on their way: {fate}."
        fail(f"{why}\n{counted(self._shipper.done.accepted, 'line')} had been shipped before.{where}", code=code)


class _Rejections:
    """Tells the first of them, and counts all."""

    def __init__(self) -> None:
        self.count = 0

    def refuse(self, source: str, line: int, reason: str) -> None:
        """Before it was sent."""
        self(Rejection(source, line, reason))

    def __call__(self, one: Rejection) -> None:
        self.count += 1
        if self.count <= _SHOWN_REJECTIONS and one.line is not None:
            tell(f"{one.source}:{one.line}: {printable(one.reason)}", style="yellow")


def _say_interrupted() -> None:
    tell("Finishing what was read; Ctrl-C again ends it at once.")


def _say_waiting(why: str, seconds: float) -> None:
    tell(f"{printable(why)} Trying again in {seconds:.1f} s.", style="yellow")


def _report(shipper: Shipper, rejections: _Rejections, stream: str, *, interrupted: bool) -> None:
    done = shipper.done
    told = f"Shipped {counted(done.accepted, 'line')} to {printable(stream)}"
    if done.requests:
        told += f" in {counted(done.requests, 'request')}: {_size(done.bytes)}, {_size(done.packed)} on the wire"
    tell(f"{told}.", style=None if rejections.count else "green")
    if rejections.count:
        fail(f"{counted(rejections.count, 'line')} refused. The service keeps a sample of each for a week.")
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
