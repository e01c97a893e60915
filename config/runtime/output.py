"""What children write: into one file per child, from which the terminal is shown a part.

Children write into the file themselves, so that a busy or a dying supervisor never holds them up.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

# A log is cut when it is longer than this; one older part is kept.
MAX_LOG_BYTES = 16 * 1024 * 1024
_LAST_LINES = 12
_SHOWN_LENGTH = 400
_FOLLOW_SECONDS = 0.5
_SEVERE = re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback ")

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


async def follow(outputs: dict[str, Output], tell: Tell, *, everything: bool) -> None:
    """Show what is severe, or everything, until cancelled."""
    while True:
        for name, output in list(outputs.items()):
            show_new(name, output, tell, everything=everything)
            output.cut()
        await asyncio.sleep(_FOLLOW_SECONDS)


def show_new(name: str, output: Output, tell: Tell, *, everything: bool) -> None:
    for line in output.new_lines():
        if everything or (output.loud and is_severe(line)):
            tell(f"{name} | {readable(line)}")


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
