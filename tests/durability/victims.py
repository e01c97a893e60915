"""What is killed, and how: one process, at once, as the kernel does when memory runs out."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.runtime.supervisor import QUICK_DEATHS, QUICK_SECONDS
from tests.runtime.instances import Instance

# One of the processes that serve the web, their master, Postgres, one of its sessions that append or that compact,
# Celery's worker.
KINDS = {"web": 45, "web master": 15, "postgres": 12, "session": 10, "upkeep": 8, "worker": 10}
_CHILD_OF = {"web": "web", "web master": "web", "postgres": "postgres", "session": "postgres", "upkeep": "postgres",
             "worker": "worker", "valkey": "valkey"}  # fmt: skip

# A life is seen to end when the next one begins.
_RESTART_SECONDS = 5.0


@dataclass(slots=True)
class Victims:
    """Picks at random, but spares a program that has died so often that its supervisor would soon give up: that is a
    promise of its own, and not what is tested here."""

    instance: Instance
    random: random.Random
    kinds: Mapping[str, int] = field(default_factory=lambda: KINDS)  # with their weights
    killed: Counter[str] = field(default_factory=Counter)
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    _quick: Counter[str] = field(default_factory=Counter)

    def kill_one(self) -> float:
        """The moment of the kill."""
        while True:
            kind = self.random.choices(list(self.kinds), list(self.kinds.values()))[0]
            pid = self._pid_of(kind)
            if pid is None or self._quick[_CHILD_OF[kind]] >= QUICK_DEATHS - 2:
                time.sleep(0.05)
                self.all_run()
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed[kind] += 1
                return time.monotonic()

    def all_run(self) -> bool:
        children = self.instance.state.children
        for name, pid in children.items():
            self._note(name, pid)
        return all(Path(f"/proc/{pid}").exists() for pid in children.values())

    def _note(self, name: str, pid: int) -> None:
        """Who has been started again, and after how short a life: counted as the supervisor does."""
        now = time.monotonic()
        before, since = self._seen.get(name, (pid, now))
        if now - since > QUICK_SECONDS + _RESTART_SECONDS:
            self._quick[name] = 0
        elif pid != before:
            self._quick[name] += 1
        self._seen[name] = (pid, since if pid == before else now)

    def _pid_of(self, kind: str) -> int | None:
        child = self.instance.state.children[_CHILD_OF[kind]]
        if kind == "web":
            return self._any(_children(child, "granian"))
        if kind == "session":
            return self._any(_children(child, "tailsvc_appender"))
        if kind == "upkeep":
            return self._any(_children(child, "tailsvc_maintenance"))
        return child

    def _any(self, pids: list[int]) -> int | None:
        return self.random.choice(pids) if pids else None


def _children(parent: int, word: str) -> list[int]:
    """Those with that word in their command line."""
    return [
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _parent(process) == parent and word in _command(process)
    ]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return 0


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:
        return ""
