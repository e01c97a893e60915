"""Lines of a file or a pipe, in batches as the ingest takes them: no line is changed, lost or held back."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from config.cli.interrupt import Interrupt
from tailsvc import limits

# Enough to make a request's cost vanish, and few enough to send again.
LINES = 1_000
BYTES = limits.MIB
SECONDS = 1.0  # how long a line waits for others
_CHUNK_BYTES = 256 * 1024
_BOM = b"\xef\xbb\xbf"

Refuse = Callable[[str, int, str], None]  # the source, the line's number from 1, why


@dataclass(slots=True)
class Batch:
    """`numbers` are the lines' places in their source."""

    source: str
    is_json: bool = False
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    size: int = 0

    @property
    def content_type(self) -> str:
        return "application/x-ndjson" if self.is_json else "text/plain"

    @property
    def body(self) -> bytes:
        return b"\n".join(self.lines) + b"\n"

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= LINES or self.size >= BYTES

    def add(self, line: bytes, number: int) -> None:
        self.lines.append(line)
        self.numbers.append(number)
        self.size += len(line) + 1


def batches(descriptor: int, source: str, *, interrupt: Interrupt, refuse: Refuse) -> Iterator[Batch]:
    """Until the end, or the interrupt: whole lines that were read by then are still handed out."""
    lines, filling = _Lines(source, refuse), _Filling(source)
    while not interrupt.asked:
        if not interrupt.wait_for(descriptor, filling.seconds_left()):
            yield from filling.rest()  # its time is over
            continue
        chunk = os.read(descriptor, _CHUNK_BYTES)
        for number, line in lines.feed(chunk):
            yield from filling.add(line, number)
        if not chunk:
            for number, line in lines.end():
                yield from filling.add(line, number)
            break
    # What an interrupt cut short is no line, and is not sent as one.
    yield from filling.rest()


class _Lines:
    """Chunks to whole lines; blank ones are dropped, as the ingest does, and those that are too long refused."""

    def __init__(self, source: str, refuse: Refuse) -> None:
        self._source = source
        self._refuse = refuse
        self._number = 0
        self._open: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        first, *others = chunk.split(b"\n")
        self._append(first)
        for part in others:
            yield from self.end()
            self._append(part)

    def end(self) -> Iterator[tuple[int, bytes]]:
        line, size = b"".join(self._open), self._size
        self._open, self._size = [], 0
        self._number += 1
        if size > limits.LINE_BYTES:
            self._refuse(self._source, self._number, f"longer than {limits.LINE_BYTES:,} bytes")
            return
        if self._number == 1:
            line = line.removeprefix(_BOM)
        if line and not line.isspace():
            yield self._number, line

    def _append(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > limits.LINE_BYTES:
            self._open = []  # refused as soon as its end is seen; until then it is not held
        else:
            self._open.append(part)


class _Filling:
    """Puts lines into batches of one form: all JSON objects, or all text."""

    def __init__(self, source: str) -> None:
        self._batch = Batch(source)
        self._began = 0.0

    def seconds_left(self) -> float | None:
        return max(0.0, self._began + SECONDS - time.monotonic()) if self._batch.lines else None

    def add(self, line: bytes, number: int) -> Iterator[Batch]:
        form = _form(line, among_json=self._batch.is_json)
        is_json = form is not None
        if is_json != self._batch.is_json:
            yield from self.rest()
            self._batch.is_json = is_json
        if not self._batch.lines:
            self._began = time.monotonic()
        self._batch.add(line if form is None else form, number)
        if self._batch.is_full:
            yield from self.rest()

    def rest(self) -> Iterator[Batch]:
        if self._batch.lines:
            full, self._batch = self._batch, Batch(self._batch.source, self._batch.is_json)
            yield full


def _form(line: bytes, *, among_json: bool) -> bytes | None:
    """The line as one of NDJSON; None if it is text.

    A JSON string means the same as its line of text. So lines of text between objects need no batch of their own.
    """
    if line.lstrip()[:1] == b"{":
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            pass
        else:
            return line
    if not among_json or b"\x00" in line:  # which a JSON string cannot hold for good
        return None
    try:
        return orjson.dumps(line.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        return None
