"""The data folder: everything that one installation keeps on disk, and how other commands find the running one."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from config.runtime.accounts import Account, require_reachable
from config.runtime.faults import AlreadyRunning, CannotStart

DEFAULT = ".tailsvc"
VARIABLE = "TAILSVC_HOME"

# A look at whether somebody holds the lock holds it for a moment itself.
_LOCK_ATTEMPTS = 10
_LOCK_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a running instance tells the other commands. Holds secrets, so its file is 0600."""

    pid: int
    run_id: str
    address: str
    database_url: str
    redis_url: str
    tls_address: str = ""  # empty: there is no TLS port
    started_at: float = 0.0  # seconds
    children: Mapping[str, int] = field(default_factory=dict)


class Home:
    """A data folder. Nothing is touched on disk before `create`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.run = self.path / "run"
        self.log = self.path / "log"
        self.binaries = self.path / "bin"
        self._lock = self.path / "lock"
        self._state = self.path / "state.json"

    @classmethod
    def at(cls, option: Path | None) -> "Home":
        """The folder that an option, else the environment, else the default names."""
        return cls(option or Path(os.environ.get(VARIABLE) or DEFAULT))

    def create(self, account: Account | None = None) -> None:
        """Make the folder; with an account, let that user pass through what we make, and make sure that it can."""
        mode = 0o711 if account else 0o700
        try:
            _make_folders(self.path, mode)
            _make_folders(self.run, 0o700)
            _make_folders(self.log, 0o700)
        except OSError as error:
            raise CannotStart(f"{self.path} cannot be used as data folder: {error.strerror}.") from error
        if account is None:
            return
        if self._lock.exists():  # ours from an earlier run that had no need of the other user
            self.path.chmod(0o711)
        require_reachable(self.path, account)

    def claim(self, *, address: str) -> int:
        """Become the one instance of this folder for as long as the returned descriptor is open."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for attempt in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt + 1 < _LOCK_ATTEMPTS:
                    time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            holder = _read_json(self._lock)
            os.close(descriptor)
            raise AlreadyRunning(self.path, pid=holder.get("pid"), address=holder.get("address"))
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "address": address}).encode(), 0)
        return descriptor

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
        """The secret of that name, made on first use and kept in a file of mode 0600."""
        path = self.path / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            value = make()
            self.keep(name, value)
            return value

    def keep(self, name: str, value: str) -> Path:
        """Write a file that only we may read, whole or not at all."""
        path = self.path / name
        fresh = path.with_name(f".{name}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        return path

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def publish(self, state: State) -> None:
        self.keep(self._state.name, json.dumps(asdict(state)))

    def withdraw(self) -> None:
        self._state.unlink(missing_ok=True)

    def running(self) -> State | None:
        """The instance that runs on this folder now; what a dead one left behind does not count."""
        if not self._is_locked():
            return None
        found = _read_json(self._state)
        return State(**found) if found else None

    def _is_locked(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def _make_folders(folder: Path, mode: int) -> None:
    """`mkdir -p` that gives each folder it makes the mode, whatever the umask, and leaves the others alone."""
    if folder.is_dir():
        return
    _make_folders(folder.parent, mode)
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
