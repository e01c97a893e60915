"""The query string of `GET .../logs` as a typed question. What cannot be meant is a 422, never clamped."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailsvc import limits
from tailsvc.errors import InvalidQuery
from tailsvc.filters import EVERYTHING, Filter, Ignored, parse_clauses
from tailsvc.queries import Direction

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_LATEST_MS = limits.LATEST_MICROS // 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. None: the parameter was not sent."""

    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = limits.PAGE_EVENTS_DEFAULT
    direction: Direction | None = None
    cursor: str | None = None
    filters: str | None = None
    filter: Filter = EVERYTHING
    ignored: list[Ignored] = field(default_factory=list)
    total: bool = True

    @property
    def is_tail(self) -> bool:
        """Neither end of a window: the newest events, and no total."""
        return self.start_ms is None and self.end_ms is None


def read_question(params: Mapping[str, str]) -> Question:
    """Raises InvalidQuery and InvalidFilter."""
    start, end = _millis(params, "start_time"), _millis(params, "end_time")
    if start is not None and end is not None and start > end:
        raise InvalidQuery("end_time", "end_time lies before start_time.")
    filters = params.get("filters")
    condition, ignored = _filters(filters, strict=_flag(params, "strict", default=False))
    return Question(
        start_ms=start,
        end_ms=end,
        limit=_limit(params),
        direction=_direction(params),
        cursor=params.get("cursor"),
        filters=filters,
        filter=condition,
        ignored=ignored,
        total=_flag(params, "total", default=True),
    )


def read_filters(text: str) -> Filter:
    return _filters(text, strict=False)[0]


def whole_number(params: Mapping[str, str], name: str, *, low: int, high: int) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    # Digits only and not many: int() would take "１２", "1_000" and a megabyte of digits.
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise InvalidQuery(name, f"{name} must be a whole number from {low} to {high}.")


def _filters(text: str | None, *, strict: bool) -> tuple[Filter, list[Ignored]]:
    return parse_clauses(text, strict=strict) if text else (EVERYTHING, [])


def _millis(params: Mapping[str, str], name: str) -> int | None:
    try:
        return whole_number(params, name, low=0, high=_LATEST_MS)
    except InvalidQuery as error:
        raise InvalidQuery(name, f"{name} must be a Unix time in milliseconds.") from error


def _limit(params: Mapping[str, str]) -> int:
    found = whole_number(params, "limit", low=1, high=limits.PAGE_EVENTS)
    return limits.PAGE_EVENTS_DEFAULT if found is None else found


def _direction(params: Mapping[str, str]) -> Direction | None:
    text = params.get("direction")
    if text is None:
        return None
    try:
        return Direction(text)
    except ValueError as error:
        raise InvalidQuery("direction", "direction must be asc or desc.") from error


def _flag(params: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = params.get(name)
    if text is None:
        return default
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise InvalidQuery(name, f"{name} must be true or false.")
