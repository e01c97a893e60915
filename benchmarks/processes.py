"""What processes and the whole machine use, read from /proc: CPU seconds and memory. Linux only."""

import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = os.cpu_count() or 1
_PROC = Path("/proc")


def tree(roots: Iterable[int]) -> list[int]:
    """These processes and all their living descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: dict[int, None] = {}
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found[pid] = None
            todo += children.get(pid, [])
    return list(found)


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the trees, with children that ended and were waited for."""
    return sum(sum(map(int, fields[11:15])) for pid in tree(roots) if (fields := _stat(pid))) / _TICKS


def machine_seconds() -> float:
    """CPU time that everything on the machine has used: all but idle and waiting for disks."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(values) - values[3] - values[4]) / _TICKS


def wait_until_quiet(limit_seconds: float, *, share: float = 0.15) -> None:
    """Wait until the machine spends less than `share` of its CPU for 3 s; at most `limit_seconds`."""
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        before = machine_seconds()
        time.sleep(3)
        if machine_seconds() - before < share * 3 * _CORES:
            return


def wait_until_idle(
    roots: Sequence[int], *, quiet_seconds: float = 2.0, limit_seconds: float = 120.0, share: float = 0.03
) -> None:
    """Wait until the trees use less than about `share` of a core for `quiet_seconds`."""
    deadline, since, last = time.monotonic() + limit_seconds, time.monotonic(), cpu_seconds(roots)
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = cpu_seconds(roots)
        if now - last > share * 0.5 + 1.5 / _TICKS:
            since = time.monotonic()
        last = now
        if time.monotonic() - since >= quiet_seconds:
            return


class Foreign:
    """`share` is the part of the machine's CPU that others than the trees and our own tree used meanwhile."""

    share = 0.0

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = roots

    def __enter__(self) -> Self:
        self._before, self._since = self._foreign_seconds(), time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        passed = time.monotonic() - self._since
        used = self._foreign_seconds() - self._before
        self.share = min(1.0, max(0.0, used / (passed * _CORES)))

    def _foreign_seconds(self) -> float:
        return machine_seconds() - cpu_seconds([os.getpid(), *self._roots])


class PeakMemory:
    """Bytes. `held` cannot be dropped: anonymous and shared; `resident`: high-water marks, mapped files included."""

    def __init__(self, roots: Sequence[int]) -> None:
        self.held = self.resident = 0
        self._roots = roots
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            held, resident = _memory(self._roots)
            self.held, self.resident = max(self.held, held), max(self.resident, resident)
            if self._stop.wait(0.5):
                return


def held_bytes(roots: Sequence[int]) -> int:
    """Anonymous and shared memory of the trees."""
    return _memory(roots)[0]


def _memory(roots: Sequence[int]) -> tuple[int, int]:
    """Anonymous memory of all plus shared memory once; the sum of the resident high-water marks."""
    anonymous = shared = resident = 0
    for pid in tree(roots):
        status = _status(pid)
        anonymous += status.get("RssAnon", 0)
        shared = max(shared, status.get("RssShmem", 0))
        resident += status.get("VmHWM", 0)
    return anonymous + shared, resident


def _stat(pid: int) -> list[bytes]:
    """The fields behind the command's name; none if the process has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_bytes().rsplit(b")", 1)[1].split()
    except OSError:
        return []


def _status(pid: int) -> dict[str, int]:
    """Sizes in bytes by name."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}
