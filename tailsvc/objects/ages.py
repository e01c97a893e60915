"""How old an object is, in few letters."""

from datetime import UTC, datetime

from tailsvc.objects.kinds import Document

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
# (below so many seconds, the unit and its letter, the smaller unit that is told beside it and its letter)
_FORMS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def age_of(document: Document, now: datetime) -> str:
    created = document["metadata"].get("creationTimestamp")
    if not created:
        return "<unknown>"
    return short_age(int((now - datetime.fromisoformat(created).astimezone(UTC)).total_seconds()))


def short_age(seconds: int) -> str:
    """As kubectl writes it: two units while they say something."""
    seconds = max(0, seconds)
    for below, unit, letter, small, small_letter in _FORMS:
        if seconds < below:
            rest = seconds % unit // small if small else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{seconds // _YEAR}y"
