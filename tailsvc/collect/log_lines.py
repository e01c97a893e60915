"""A container's log as a cluster sends it with `timestamps=true`: `<RFC 3339, nanoseconds> <line>`, in any pieces."""

import re
from datetime import datetime
from typing import NamedTuple

from tailsvc.limits import MIB

# What one line may have; longer ones become several events of the same time, so that memory stays bounded.
MOST_LINE_BYTES = 1 * MIB
_LONGEST_STAMP = 40
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)(?: |$)")
_SECONDS_KNOWN = 64
_SHOWN_BYTES = 1_000
_PASSED_OVER = -1  # in the place of a time


class LogLine(NamedTuple):
    time: int  # nanoseconds since 1970-01-01 UTC
    line: bytes


class NoLogLine(Exception):
    """The cluster tells of an error inside of the log; the text is its own."""


class LogLines:
    """Of one answer. Which pieces it comes in makes no difference.

    A log that is asked for from some time on may begin within a line that began before: the cluster keeps long lines in
    parts, and shows the time of the first. Such a beginning is passed over.
    """

    def __init__(self, *, since: bool = False) -> None:
        self._rest = b""
        self._time: int | None = None  # of a line of which a part was given already
        self._beginning: bytes | None = b"" if since else None  # what was passed over; None: no more of that
        self._seconds: dict[bytes, int] = {}

    @property
    def has_rest(self) -> bool:
        """A line has begun and not ended."""
        return bool(self._rest) or self._time is not None

    def feed(self, piece: bytes) -> list[LogLine]:
        """The lines that are whole now. Raises NoLogLine."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        found: list[LogLine] = []
        for text in whole:
            self._read(text, found)
            self._time = None
        if len(self._rest) > MOST_LINE_BYTES + _LONGEST_STAMP:
            self._give_of_rest(found)
        return found

    def finish(self) -> list[LogLine]:
        """What is left, where the log ends without an end of line. Raises NoLogLine."""
        found: list[LogLine] = []
        if self._rest or self._time is not None:
            self._read(self._rest, found)
        self._rest, self._time = b"", None
        if self._beginning:  # nothing came behind it: so it was no line's end
            raise NoLogLine(_shown(self._beginning))
        return found

    def _read(self, text: bytes, found: list[LogLine]) -> None:
        time, line = self._taken_apart(text)
        if time == _PASSED_OVER:
            return
        if len(line) <= MOST_LINE_BYTES:
            found.append(LogLine(time, line))
        else:
            starts = range(0, len(line), MOST_LINE_BYTES)
            found += [LogLine(time, line[start : start + MOST_LINE_BYTES]) for start in starts]

    def _give_of_rest(self, found: list[LogLine]) -> None:
        """At least one byte stays, so that the line's end gives no empty part."""
        self._time, line = self._taken_apart(self._rest)
        if self._time == _PASSED_OVER:
            self._rest = b""
            return
        start = 0
        while len(line) - start > MOST_LINE_BYTES:
            found.append(LogLine(self._time, line[start : start + MOST_LINE_BYTES]))
            start += MOST_LINE_BYTES
        self._rest = line[start:]

    def _taken_apart(self, text: bytes) -> tuple[int, bytes]:
        if self._time is not None:
            return self._time, text
        stamp = _STAMP.match(text)
        if stamp is None:
            if self._beginning is None:
                raise NoLogLine(_shown(text))
            self._beginning = self._beginning or text[:_SHOWN_BYTES] or b" "
            return _PASSED_OVER, b""
        self._beginning = None
        second, fraction, zone = stamp.groups()
        return self._second(second + zone) * 1_000_000_000 + int((fraction or b"").ljust(9, b"0")), text[stamp.end() :]

    def _second(self, text: bytes) -> int:
        """Lines come in bursts: the same second is read once."""
        known = self._seconds.get(text)
        if known is None:
            if len(self._seconds) >= _SECONDS_KNOWN:
                self._seconds.clear()
            try:
                known = self._seconds[text] = int(datetime.fromisoformat(text.decode()).timestamp())
            except ValueError:
                raise NoLogLine(_shown(text)) from None
        return known


def _shown(text: bytes) -> str:
    return text[:_SHOWN_BYTES].decode(errors="replace")
