"""The stretch of time that is looked at: the last so long, or from a moment to another."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tailsvc import limits
from tailsvc.errors import InvalidQuery
from tailsvc.timestamps import read_iso

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,39}(/[A-Za-z0-9_+-]{1,40}){0,2}")
# Offered for a click; any other can be typed.
OFFERED = ("5m", "15m", "1h", "6h", "24h", "7d", "30d", "all")
EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Bounds:
    """In milliseconds, both inclusive; without a start: from the edge of retention."""

    start_ms: int | None
    end_ms: int


@dataclass(frozen=True, slots=True)
class Last:
    """`15m`, `2d`; `all` for as long as there are logs."""

    span: str

    def bounds(self, now: datetime, oldest: timedelta, at_ms: int | None = None) -> Bounds:
        """Ends `at_ms`, or now. `oldest` is how far back the plan goes; nobody has to know it to say `30d`."""
        now_ms = round(now.timestamp() * 1000)
        end = now_ms if at_ms is None else min(at_ms, now_ms)
        found = _SPAN.fullmatch(self.span)
        start = end - int(found[1]) * _SECONDS[found[2]] * 1000 if found else 0
        return Bounds(start if start > now_ms - oldest.total_seconds() * 1000 else None, end)

    @property
    def params(self) -> dict[str, str]:
        return {"last": self.span}

    def words(self, zone: tzinfo) -> str:  # noqa: ARG002 (as Between has it)
        found = _SPAN.fullmatch(self.span)
        if not found:
            return "All that is kept"
        return f"Last {found[1]} {_UNITS[found[2]]}s" if found[1] != "1" else f"Last {_UNITS[found[2]]}"


@dataclass(frozen=True, slots=True)
class Between:
    start_ms: int
    end_ms: int

    def bounds(self, now: datetime, oldest: timedelta, at_ms: int | None = None) -> Bounds:  # noqa: ARG002 (as Last's)
        return Bounds(self.start_ms, self.end_ms)

    @property
    def params(self) -> dict[str, str]:
        return {"from": str(self.start_ms), "to": str(self.end_ms)}

    def words(self, zone: tzinfo) -> str:
        start, end = at(self.start_ms, zone), at(self.end_ms, zone)
        is_one_day = start.date() == end.date()
        return f"{start:%Y-%m-%d %H:%M:%S} – {end:{'' if is_one_day else '%Y-%m-%d '}%H:%M:%S}"


Window = Last | Between


def read_window(last: str | None, start: str | None, end: str | None, zone: tzinfo) -> Window:
    """Of an address, or of what was typed. Raises InvalidQuery. `last` wins over an empty form."""
    if start or end:
        window = Between(read_moment("from", start or "", zone), read_moment("to", end or "", zone))
        if window.start_ms > window.end_ms:
            raise InvalidQuery("to", "The end lies before the start.")
        return window
    if last and last != EVERYTHING and not _SPAN.fullmatch(last):
        raise InvalidQuery("last", "A span is a number and a unit: 90s, 15m, 6h, 2d, 1w; or all.")
    return Last(last or "1h")


def read_moment(name: str, text: str, zone: tzinfo) -> int:
    """Unix milliseconds, or a date and time in the zone unless it names one. In milliseconds."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= limits.LATEST_MICROS // 1000:
        return int(text)
    found = _local(text, zone)
    if found is None or not 0 <= found <= limits.LATEST_MICROS // 1000:
        raise InvalidQuery(name, f"{name}: write a time as 2026-11-22 10:30 or 2026-11-22T10:30:00Z.")
    return found


def _local(text: str, zone: tzinfo) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = read_iso(text)
        return None if found is None else found[0] // 1000
    try:
        return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def zone_named(name: str) -> tzinfo:
    """UTC for what is no zone, or none that this machine knows."""
    if not _ZONE.fullmatch(name):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return UTC


def at(millis: int, zone: tzinfo) -> datetime:
    """As far as calendars go."""
    try:
        return datetime.fromtimestamp(millis / 1000, zone)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, zone)
