"""Durations as Go writes them: `1h30m0s`, `1.5s`, `200ms`."""

import re

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = r"(\d{1,19}(?:\.\d{0,18})?|\.\d{1,18})(ns|us|µs|μs|ms|s|m|h)"
_WHOLE = re.compile(rf"([+-]?)((?:{_PART})+)", re.ASCII)
_PARTS = re.compile(_PART, re.ASCII)
_LARGEST = 2**63 - 1


def parse_duration(text: str) -> int | None:
    """Nanoseconds; None for what is no duration."""
    if text in {"0", "+0", "-0"}:
        return 0
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    total = sum(_nanos(number, unit) for number, unit in _PARTS.findall(found[2]))
    if total > _LARGEST:
        return None
    return -total if found[1] == "-" else total


def print_duration(nanos: int) -> str:
    if nanos < 0:
        return f"-{print_duration(-nanos)}"
    if nanos == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if nanos < _UNITS[unit] * 1000:
            return _decimal(nanos, _UNITS[unit]) + unit
    hours, rest = divmod(nanos, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds = f"{_decimal(rest, _UNITS['s'])}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _nanos(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    scale = _UNITS[unit]
    tenths: int = 10 ** len(fraction)
    return int(whole or 0) * scale + int(fraction or 0) * scale // tenths


def _decimal(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    return f"{whole}.{str(rest).zfill(len(str(scale)) - 1)}".rstrip("0") if rest else str(whole)
