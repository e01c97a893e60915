"""The embedded Valkey: Celery's broker, the cache and the counters. What it acknowledged survives a restart."""

import os
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config.runtime.children import Program
from config.runtime.ports import LOOPBACK
from config.runtime.probes import valkey_is_ready

_SETTINGS = {
    "bind": LOOPBACK,
    "appendonly": "yes",
    "save": '""',
    "maxmemory-policy": "noeviction",  # a broker must not forget
    "loglevel": "warning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """One server. `folder` is the home, `run` holds its lock and its configuration, which has the password."""

    folder: Path
    run: Path
    binary: Path
    password: str
    port: int

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        data = self.folder / "valkey"
        data.mkdir(mode=0o700, exist_ok=True)
        settings = {**_SETTINGS, "port": str(self.port), "dir": _quoted(str(data)), "requirepass": self.password}
        self._configuration.unlink(missing_ok=True)
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{name} {value}\n" for name, value in settings.items())

    def program(self) -> Program:
        return Program(
            name="valkey",
            argv=(str(self.binary), str(self._configuration)),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=Path("/"),
            lock=self.run / "valkey.lock",
            ready=partial(valkey_is_ready, LOOPBACK, self.port, self.password),
            death_signal=signal.SIGTERM,
            tier=0,
        )

    @property
    def _configuration(self) -> Path:
        return self.run / "valkey.conf"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
