"""Keep a set of programs running, and stop them cleanly.

A program that ends is started again, with a growing pause; one that dies at once again and again ends everything with
a message, since a loop of restarts helps nobody. Stopping asks first, kills after a grace, and never leaves a child.
"""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.runtime.children import Program, exited, kill_group, kill_holders, run_to_end, spawn, stop
from config.runtime.faults import CannotStart, GaveUp
from config.runtime.output import Follower, Output, Tell

# A death within this time of the start is a quick one; so many in a row are too many.
QUICK_SECONDS = 10.0
QUICK_DEATHS = 5
_PAUSES = (0.1, 0.5, 1.0, 2.0)
_PROBE_SECONDS = 0.03
_PAUSES_OF_A_STEP = (1.0, 2.0)


class Service:
    """One program that is to run for ever."""

    def __init__(self, program: Program, output: Output, tell: Tell, on_start: Callable[[], None]) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self._output = output
        self._tell = tell
        self._on_start = on_start
        self._is_ready = False

    async def keep(self) -> None:
        """Run it again and again. Raises GaveUp; cancelled, it leaves the process to `stop`."""
        quick_deaths = 0
        while True:
            started = time.monotonic()
            self._is_ready = False
            reason = await self._run_once()
            was_quick = not self._is_ready or time.monotonic() - started < QUICK_SECONDS
            quick_deaths = quick_deaths + 1 if was_quick else 0
            if quick_deaths >= QUICK_DEATHS:
                raise GaveUp(self.program.name, f"died {quick_deaths} times in a row", self._output.last_lines())
            self._tell(f"{self.program.name} {reason}; starting it again")
            await asyncio.sleep(_PAUSES[min(quick_deaths, len(_PAUSES)) - 1] if quick_deaths else _PAUSES[0])

    async def _run_once(self) -> str:
        """Start it and wait for its end; how it ended."""
        self._output.mark()
        self.process = process = await spawn(self.program, output=self._output.descriptor)
        self._on_start()
        end = asyncio.ensure_future(exited(process))
        try:
            reason = await self._until_ready(process, end)
            return reason or _how_it_ended(await end)
        finally:
            end.cancel()
            if process.returncode is not None:
                kill_group(process)  # what it started has lost its head
                kill_holders(self.program.lock)

    async def _until_ready(self, process: subprocess.Popen[bytes], end: asyncio.Future[int]) -> str | None:
        """None once it is ready or has ended; else why it was killed."""
        probe = self.program.ready
        deadline = time.monotonic() + self.program.ready_within_seconds
        while probe is not None and not end.done() and not await probe():
            if time.monotonic() > deadline:
                kill_group(process)
                await end
                return self._not_ready()
            await asyncio.wait({end}, timeout=_PROBE_SECONDS)
        if not end.done():
            self._is_ready = True
            self.ready.set()
        return None

    def _not_ready(self) -> str:
        reason = f"was not ready within {self.program.ready_within_seconds:.0f} s"
        if not self.ready.is_set():  # it never was: trying again would only hide why
            raise GaveUp(self.program.name, reason, self._output.last_lines())
        return reason


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


class Supervisor:
    """Runs programs until told to stop. All methods belong to one event loop, in the main thread."""

    def __init__(self, *, logs: Path, tell: Tell, verbose: bool = False) -> None:
        self._logs = logs
        self._tell = tell
        self.on_change: Callable[[Mapping[str, int]], None] = lambda _: None
        self._services: list[Service] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._outputs: dict[str, Output] = {}
        self._follower = Follower(self._outputs, tell, everything=verbose)
        self._stopping = asyncio.Event()

    def output(self, name: str, *, loud: bool = True) -> Output:
        """The log of that name; what is severe in a loud one is shown on the terminal."""
        if name not in self._outputs:
            self._outputs[name] = Output(self._logs / f"{name}.log", loud=loud)
        return self._outputs[name]

    @property
    def pids(self) -> dict[str, int]:
        return {service.program.name: service.process.pid for service in self._services if service.process}

    async def start(self, *programs: Program) -> None:
        """Start them side by side and wait until each is ready. Raises GaveUp."""
        services = [
            Service(
                program, self.output(program.name, loud=program.tier > 0), self._tell, lambda: self.on_change(self.pids)
            )
            for program in programs
        ]
        self._services += services
        self._keepers += [asyncio.create_task(service.keep()) for service in services]
        waits = [asyncio.create_task(service.ready.wait()) for service in services]
        try:
            await _all_or_first_failure(waits, self._keepers)
        finally:
            for wait in waits:
                wait.cancel()

    async def step(self, program: Program) -> None:
        """Run a program that is to end well; a server may have restarted under it, so try again. Raises GaveUp."""
        output = self.output(program.name)
        output.mark()
        code = await run_to_end(program, output=output.descriptor)
        for pause in _PAUSES_OF_A_STEP:
            if code == 0:
                return
            await asyncio.sleep(pause)
            code = await run_to_end(program, output=output.descriptor)
        if code != 0:
            raise GaveUp(program.name, _how_it_ended(code), output.last_lines())

    async def run(self, bring_up: Callable[[], Awaitable[None]]) -> None:
        """Bring up, keep running until a signal, and stop. Raises CannotStart after having stopped what did run."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_stop)
        follower = asyncio.create_task(self._follower.follow())
        try:
            await self._until_stopped(bring_up)
        finally:
            follower.cancel()
            await self._stop_all()

    def request_stop(self) -> None:
        """The first time: cleanly. The second time: at once."""
        if self._stopping.is_set():
            for service in self._services:
                if service.process and service.process.poll() is None and service.program.tier > 0:
                    kill_group(service.process)
        self._stopping.set()

    async def _until_stopped(self, bring_up: Callable[[], Awaitable[None]]) -> None:
        work = asyncio.ensure_future(self._work(bring_up))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            stopping.cancel()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, CannotStart):
                await work

    async def _work(self, bring_up: Callable[[], Awaitable[None]]) -> None:
        await bring_up()
        if self._keepers:
            await _all_or_first_failure(self._keepers, self._keepers)

    async def _stop_all(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for tier in sorted({service.program.tier for service in self._services}, reverse=True):
            running = [one for one in self._services if one.program.tier == tier]
            await asyncio.gather(*(_stop_service(one) for one in running))
        self._follower.show_new()
        for output in self._outputs.values():
            output.close()

    def _show_output(self, text: str) -> None:
        self._tell(text)


async def _stop_service(service: Service) -> None:
    if service.process is not None:
        await stop(service.process, service.program)


async def _all_or_first_failure(waits: Sequence[asyncio.Task[Any]], keepers: Sequence[asyncio.Task[None]]) -> None:
    """Until all of `waits` are done; raises what the first keeper to fail raised."""
    pending: set[asyncio.Task[Any]] = set(waits)
    while pending:
        done, _ = await asyncio.wait({*pending, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        for keeper in keepers:
            if keeper in done:
                keeper.result()
        pending -= done
