"""A `tailsvc up` in a process of its own, to be watched, interrupted and killed from outside."""

import contextlib
import os
import pwd
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.runtime.children import holders
from config.runtime.environment import CODE
from config.runtime.home import Home, State

PATIENCE_SECONDS = 180.0  # so long that only what hangs takes longer


def until(
    condition: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS, every: float = 0.02
) -> float:
    """Poll; the seconds it took. `every`: longer where asking costs the machine more than waiting does."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return time.monotonic() - started


def busy_seconds() -> float:
    """What all processors of the machine together have done, for whomever."""
    user, nice, system, _idle, _waiting, *others = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


class Instance:
    """One run. `command` is what to run; lines of its output are read as they come."""

    def __init__(self, command: list[str], home: Path, *, env: Mapping[str, str] = {}, uid: int | None = None) -> None:
        self.home = Home(home)
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            cwd=CODE,
            env=environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            user=uid,
            group=None if uid is None else uid,
            extra_groups=None if uid is None else [],
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line_with(self, text: str, *, seconds: float = PATIENCE_SECONDS) -> str:
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {text!r} within {seconds} s, but:\n" + self.text) from None
            if line is None:
                raise AssertionError(f"it ended without {text!r}:\n" + self.text)
            self.output.append(line)
            if text in line:
                return line

    @property
    def text(self) -> str:
        with contextlib.suppress(queue.Empty):
            while (line := self._lines.get_nowait()) is not None:
                self.output.append(line)
        return "\n".join(self.output)

    @property
    def state(self) -> State:
        state = self.home.running()
        assert state is not None, "nothing runs:\n" + self.text
        return state

    def wait_until_ready(self) -> str:
        """Its address."""
        found = re.search(r"https?://[\w.:\[\]]+", self.line_with("ready"))
        assert found
        self.address = found[0]
        return self.address

    def get(self, path: str = "/livez", *, timeout: float = PATIENCE_SECONDS) -> str:
        with urllib.request.urlopen(self.address + path, timeout=timeout) as answer:
            return answer.read().decode()

    def answers(self) -> bool:
        try:
            self.get(timeout=2)
        except OSError:
            return False
        return True

    def processes(self) -> set[int]:
        """All that live on this home, but for the supervisor itself."""
        locks = list(self.home.run.glob("*.lock"))
        return {pid for lock in locks for pid in holders(lock)}

    def cpu_seconds(self) -> float:
        """Of its processes, and of those that they waited for."""
        found = 0
        for pid in {self.process.pid, *self.processes()}:
            with contextlib.suppress(OSError):  # it ended just now
                found += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        return found / os.sysconf("SC_CLK_TCK")

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """The seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - started

    def code(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        self.process.kill()
        self.process.wait()
        # A second instance shares the folder with the first, whose processes are not its own.
        for pid in self.processes() if self.home.running() is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reader.join(PATIENCE_SECONDS)
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def stub_instance(
    home: Path,
    *,
    port: int = 0,
    workers: int = 1,
    tls: bool = False,
    env: Mapping[str, str] = {},
    uid: int | None = None,
) -> Iterator[Instance]:
    """The whole runtime, with a small web application in place of ours."""
    python = sys.executable if uid is None else readable_python()
    arguments = [str(home), str(port), str(workers), *(["0"] if tls else [])]
    instance = Instance([python, "-m", "tests.runtime.stub", *arguments], home, env=env, uid=uid)
    try:
        yield instance
    finally:
        instance.close()


def readable_python() -> str:
    """A Python of our version that any user can run: the environment's own often lies under /root."""
    if os.geteuid() != 0:
        return sys.executable
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(f"python{wanted}", path="/usr/local/bin:/usr/bin")):
        if candidate and _runs_as_nobody(candidate):
            return candidate
    pytest.skip(f"no Python {wanted} that a plain user can run")


def _runs_as_nobody(python: str) -> bool:
    nobody = pwd.getpwnam("nobody")
    try:
        attempt = subprocess.run(
            [python, "-c", "import granian, config.runtime"],
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            cwd=CODE,
            env=environment({}),
            check=False,
            capture_output=True,
        )
    except PermissionError:
        return False
    return attempt.returncode == 0


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a person's shell has, and none of the suite's own settings."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C",
        "HOME": "/root",
        "PYTHONPATH": ":".join([str(CODE), *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }
