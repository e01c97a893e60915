"""Start a process so that it cannot outlive us, and end it together with everything it started.

Three things make sure of that, whatever dies first and however hard:

* each child is the leader of its own session, and when it dies its whole group is killed;
* the kernel sends each child a signal when we die (Linux), so that a `kill -9` of us leaves nothing behind;
* each child, and all that it forks, hold the lock of its name, and the next one of that name waits for it. A pid in a
  file proves nothing, since pids repeat; a lock ends with its last holder.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.runtime.accounts import Account

_PR_SET_PDEATHSIG = 1
_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None

# How long a process of an earlier run may take to end by itself before it is killed.
LEFTOVER_PATIENCE_SECONDS = 8.0
_POLL_SECONDS = 0.02

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. `tier` says when it stops: the highest first, servers (0) last."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    lock: Path
    account: Account | None = None
    ready: Probe | None = None
    ready_within_seconds: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    # The kernel sends it once for each dying thread of ours: a handler that minds repeats would not do.
    death_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 3.8
    tier: int = 1


async def spawn(program: Program, *, output: int) -> subprocess.Popen[bytes]:
    """Start it, standard output and error going to the descriptor `output`, once no other of its name lives."""
    lock = await _lock_when_free(program.lock)
    try:
        return _start(program, output=output, lock=lock)
    finally:
        os.close(lock)


def _start(program: Program, *, output: int, lock: int) -> subprocess.Popen[bytes]:
    account = program.account
    return subprocess.Popen(  # noqa: S603
        program.argv,
        env=dict(program.env),
        cwd=program.cwd,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(lock,),
        start_new_session=True,
        # After the change of user, which would undo it. The supervisor has no threads, so that fork is safe.
        preexec_fn=_tie_to(os.getpid(), program.death_signal),  # noqa: PLW1509
    )


def _tie_to(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    def tie() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before it was told
            os._exit(1)

    return tie


def die_with_parent() -> None:
    """For a process that one of our children spawns by itself: end with that child, even if it is killed hard."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent.pid:
            os._exit(1)
    else:
        threading.Thread(target=_exit_without, args=(parent.pid,), daemon=True, name="parent-watch").start()


def _exit_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


async def exited(process: subprocess.Popen[bytes]) -> int:
    """Wait for its end without a thread."""
    if process.poll() is not None:
        return process.returncode
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        while process.poll() is None:
            await asyncio.sleep(0.1)
        return process.wait()
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


async def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ask it to stop; after its grace, and in any case for what it left behind, kill the group."""
    if process.returncode is not None:
        return  # its group went with it, and its number may be another's by now
    process.send_signal(program.stop_signal)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(exited(process), program.grace_seconds)
    kill_group(process)
    await exited(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def run_to_end(program: Program, *, output: int) -> int:
    """Its exit code. Cancelled: it is killed."""
    process = await spawn(program, output=output)
    try:
        return await exited(process)
    finally:
        kill_group(process)
        process.wait()


async def wait_for_leftovers(locks: Path, *, patience_seconds: float = LEFTOVER_PATIENCE_SECONDS) -> None:
    """Until nothing of an earlier run holds a lock in this folder."""
    for path in sorted(locks.glob("*.lock")):
        os.close(await _lock_when_free(path, patience_seconds=patience_seconds))


async def _lock_when_free(path: Path, *, patience_seconds: float = LEFTOVER_PATIENCE_SECONDS) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_seconds
    try:
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                kill_holders(path)
                deadline = time.monotonic() + patience_seconds
            await asyncio.sleep(_POLL_SECONDS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def kill_holders(path: Path) -> None:
    """Kill what still holds a lock: a backend of a dead Postgres has a session of its own, out of the group's reach."""
    for pid in holders(path):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def holders(path: Path) -> list[int]:
    """The other processes that have this file open (Linux; elsewhere nothing is known)."""
    me = os.getpid()
    return [int(entry.name) for entry in _processes() if int(entry.name) != me and _has_open(entry, path)]


def _processes() -> list[Path]:
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()] if _LINUX else []


def _has_open(process: Path, path: Path) -> bool:
    try:
        return any(link.readlink() == path for link in (process / "fd").iterdir())
    except OSError:  # it ended, or is somebody else's
        return False
