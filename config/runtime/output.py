"""What children write: into one file per child, from which the terminal is shown a part.

Children write into the file themselves, so that a busy or a dying supervisor never holds them up.
"""

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# A log is cut when it is longer than this; one older part is kept.
MAX_LOG_BYTES = 16 * 1024 * 1024
_LAST_LINES = 12
_SHOWN_LENGTH = 400
_FOLLOW_SECONDS = 0.5
_REPEATED_SECONDS = 60.0
_SEVERE = re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b")

Tell = Callable[[str], None]


class Output:
    """The log file of one child. `descriptor` is for the child to write to."""

    def __init__(self, path: Path, *, loud: bool) -> None:
        self.path = path
        self.loud = loud  # a server's log is full of errors that its client is told of, and handles
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._seen = self._begin = os.fstat(self.descriptor).st_size
        self._rest = b""

    def mark(self) -> None:
        """A new process begins: `last_lines` will be about it alone."""
        self._begin = os.fstat(self.descriptor).st_size

    def last_lines(self) -> str:
        size = os.fstat(self.descriptor).st_size
        text = self._read(max(self._begin, size - 64 * 1024)).decode(errors="replace")
        return "\n".join(readable(line) for line in text.splitlines()[-_LAST_LINES:])

    def new_lines(self) -> list[str]:
        """The whole lines written since the last call."""
        fresh = self._read(self._seen)
        self._seen += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def cut(self) -> None:
        """Keep a long log as NAME.1 and begin anew. The child goes on writing at the new end, since it appends."""
        if os.fstat(self.descriptor).st_size <= MAX_LOG_BYTES:
            return
        older = self.path.with_name(self.path.name + ".1")
        shutil.copyfile(self.path, older)
        older.chmod(0o600)
        os.truncate(self.descriptor, 0)
        self._seen = self._begin = 0

    def close(self) -> None:
        os.close(self.descriptor)

    def _read(self, start: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(1024 * 1024)


class Follower:
    """Shows on the terminal what is severe in the logs, or everything."""

    def __init__(self, outputs: dict[str, Output], tell: Tell, *, everything: bool) -> None:
        self._outputs = outputs
        self._tell = tell
        self._everything = everything
        self._told: dict[tuple[str, str], float] = {}

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            self.show_new()
            for output in self._outputs.values():
                output.cut()
            await asyncio.sleep(_FOLLOW_SECONDS)

    def show_new(self) -> None:
        for name, output in self._outputs.items():
            lines = output.new_lines()
            if self._everything:
                shown: Iterable[str] = lines
            else:
                shown = (line for line in severe_lines(lines) if output.loud and self._is_news(name, line))
            for line in shown:
                self._tell(f"{name} | {readable(line)}")

    def _is_news(self, name: str, line: str) -> bool:
        """A process in trouble repeats itself."""
        now = time.monotonic()
        self._told = {key: when for key, when in self._told.items() if now - when < _REPEATED_SECONDS}
        is_news = (name, readable(line)) not in self._told
        self._told.setdefault((name, readable(line)), now)
        return is_news


def severe_lines(lines: Iterable[str]) -> Iterator[str]:
    """What a person should see; of a traceback only its end, which says what happened."""
    in_traceback = False
    for line in lines:
        if line.startswith("Traceback "):
            in_traceback = True
        elif in_traceback and line and not line[0].isspace():
            in_traceback = False
            yield line
        elif not in_traceback and is_severe(line):
            yield line


def is_severe(line: str) -> bool:
    entry = _json_entry(line)
    if entry is not None:
        return entry.get("level") in {"error", "critical"}
    return _SEVERE.search(line) is not None


def readable(line: str) -> str:
    """One of our JSON lines as a sentence, with the end of its traceback; any other line as it is."""
    entry = _json_entry(line)
    if entry is None or "event" not in entry:
        return line[:_SHOWN_LENGTH]
    cause = str(entry.get("exception", "")).strip().rpartition("\n")[2]
    text = f"{entry.get('level', '')} {entry['event']}".strip()
    return (f"{text} ({cause})" if cause else text)[:_SHOWN_LENGTH]


def _json_entry(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
