"""Compaction while processes are killed, and whether the pieces are whole afterwards."""

import json
import subprocess
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.service import TAILSVC, Service
from tests.runtime.instances import environment

_PAUSE_SECONDS = 5.0
_TOO_LONG_SECONDS = 120.0


def tailsvc(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TAILSVC, *arguments, "--home", str(service.instance.home.path)],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_TOO_LONG_SECONDS,
    )


@dataclass
class Compaction:
    """Asks the worker again and again to compact everything, due or not: by itself it would wait for a pause."""

    service: Service
    asked: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Compaction":
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_TOO_LONG_SECONDS)

    def _ask(self) -> None:
        while not self._stopping.wait(_PAUSE_SECONDS):
            # It fails where what it needs was killed just now.
            self.asked += tailsvc(self.service, "compact").returncode == 0


def whole(service: Service) -> str:
    """Asserts that each id lies in one readable piece; says in which forms the events lie."""
    found = tailsvc(service, "check")
    assert found.returncode == 0, found.stdout + found.stderr
    told: dict[str, Any] = json.loads(tailsvc(service, "stats", "--json").stdout)
    forms = {name: sum(stream[name] for stream in told["streams"]) for name in ("segments", "recent_blocks", "rows")}
    assert forms["segments"] > 0, forms
    return f"; {forms['segments']} segments, {forms['recent_blocks']} recent blocks and {forms['rows']} rows, all whole"
