"""Clients of other systems' APIs, in an environment of their own: what they need would not fit beside what we need.

`client_python()` is that environment's interpreter. It is made once for each state of its lock file and kept.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest

from config.runtime.environment import CODE

LOCK = CODE / "requirements" / "clients.lock"


def client_python() -> Path:
    """For a test, which is skipped where the packages cannot be had; in CI it fails, as nobody reads there why."""
    folder = _folder()
    python = folder / "bin" / "python"
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be at it
        if not (folder / "complete").exists():
            _make(folder, python)
    return python


def _folder() -> Path:
    state = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tailsvc-clients-{os.getuid()}-{state}"


def _make(folder: Path, python: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", LOCK]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no clients to test with: {done.stderr[-2000:]}")
    (folder / "complete").touch()
