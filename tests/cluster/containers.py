"""Containers: what they are doing, and what they wrote, kept as a container runtime keeps it.

Each run of a container has an id and a log of its own. A log is a list of entries as of CRI: a line longer than 16 KiB
is several entries, each with its own time, and only the last of them ends the line. Nothing is ever taken out of the
list, so that what was written can be compared with what was collected; `first` says what the log still holds.
"""

import asyncio
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

# Of a line, in one entry: containerd's default.
LONGEST_ENTRY = 16 * 1024


class Entry(NamedTuple):
    at: int  # nanoseconds
    content: bytes
    ends: bool  # the line


class Line(NamedTuple):
    at: int  # when it began
    content: bytes  # without its end


class Bell:
    """Wakes coroutines of any loop from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def ring(self) -> None:
        with self._lock:
            waiting = tuple(self._waiting)
        for loop, event in waiting:
            with suppress(RuntimeError):  # its loop is closed
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def listening(self, event: asyncio.Event) -> Iterator[None]:
        """The event is set at each ring. Clear it before you look at what it tells of."""
        each = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiting.add(each)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(each)


@dataclass(slots=True)
class Instance:
    """One run of a container."""

    started_at: int  # nanoseconds
    id: str = field(default_factory=lambda: f"containerd://{secrets.token_hex(32)}")
    entries: list[Entry] = field(default_factory=list)
    first: int = 0  # entries before it were rotated away
    is_removed: bool = False  # by the kubelet, which needed the room; its pod's status still names it
    finished_at: int | None = None
    exit_code: int = 0
    reason: str = ""
    bell: Bell = field(default_factory=Bell)

    @property
    def is_running(self) -> bool:
        return self.finished_at is None

    def lines(self) -> list[Line]:
        """All that it ever wrote, in order; a last line without an end too."""
        found: list[Line] = []
        parts: list[bytes] = []
        began = 0
        for at, content, ends in tuple(self.entries):
            began = began if parts else at
            parts.append(content)
            if ends:
                found.append(Line(began, b"".join(parts)))
                parts = []
        return [*found, Line(began, b"".join(parts))] if parts else found

    def write(self, line: bytes, at: int, *, ends: bool = True) -> None:
        pieces = [line[start : start + LONGEST_ENTRY] for start in range(0, len(line), LONGEST_ENTRY)] or [b""]
        for nth, piece in enumerate(pieces):
            self.entries.append(Entry(at + nth, piece, ends and nth == len(pieces) - 1))

    def state(self) -> dict[str, Any]:
        if self.finished_at is None:
            return {"running": {"startedAt": rfc3339(self.started_at)}}
        ended = {"exitCode": self.exit_code, "reason": self.reason, "containerID": self.id}
        times = {"startedAt": rfc3339(self.started_at), "finishedAt": rfc3339(self.finished_at)}
        return {"terminated": {**ended, **times}}


@dataclass(slots=True)
class Container:
    name: str
    image: str
    is_init: bool = False
    waiting: dict[str, str] | None = field(default_factory=lambda: {"reason": "ContainerCreating"})
    current: Instance | None = None
    previous: Instance | None = None
    instances: list[Instance] = field(default_factory=list)  # all that there ever were
    restarts: int = 0

    def start(self, now: int) -> Instance:
        if self.current is not None:
            self.previous, self.restarts = self.current, self.restarts + 1
        self.waiting = None
        self.current = Instance(now)
        self.instances.append(self.current)
        return self.current

    def status(self) -> dict[str, Any]:
        """`status.containerStatuses[]` of its pod."""
        running = self.current is not None and self.current.is_running
        last: dict[str, Any] = {} if self.previous is None else self.previous.state()
        if self.waiting is not None:
            state: dict[str, Any] = {"waiting": self.waiting}
            last = {} if self.current is None else self.current.state()
        else:
            state = {} if self.current is None else self.current.state()
        done = self.current is not None and not running and self.current.exit_code == 0
        return {
            "name": self.name,
            "state": state,
            "lastState": last,
            "ready": done if self.is_init else running,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": "" if self.current is None else f"sha256:{self.image}",
            **({} if self.current is None else {"containerID": self.current.id}),
            "started": running,
        }


def rfc3339(nanoseconds: int) -> str:
    """As metav1.Time prints: whole seconds."""
    return rfc3339_nanoseconds(nanoseconds)[:19] + "Z"


def rfc3339_nanoseconds(nanoseconds: int) -> str:
    """As the kubelet prints a line's time: always nine digits."""
    second, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
