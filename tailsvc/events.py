"""What one log entry is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

AttributeValue = Any  # what JSON has: str, int, float, bool, None, list, dict


class Event(NamedTuple):
    """One log entry, normalised: ready for any store, and the same in all of them.

    A tuple, because an event is made for every line that arrives and its fields are the columns of the stores, in
    this order. Texts hold neither NUL nor lone surrogates (Postgres has no place for them): both are replaced by
    U+FFFD. `None` means that the line says nothing of the field.
    """

    timestamp: int  # microseconds since 1970-01-01 UTC
    raw: bytes  # the original line, byte for byte, without its line end
    level: str | None = None  # upper case, by one table of aliases: DEBUG, INFO, WARN, ERROR, FATAL ...
    method: str | None = None  # upper case
    path: str | None = None
    host: str | None = None
    status: int | None = None  # 100 to 999
    response_time_ms: float | None = None
    ip: str | None = None
    user_agent: str | None = None
    referrer: str | None = None
    service: str | None = None
    src: str | None = None
    message: str | None = None
    filename: str | None = None
    is_bot: bool = False  # false without a user agent
    replica: str | None = None
    container: str | None = None
    stdio: str | None = None  # "stdout" or "stderr"
    trace_id: str | None = None
    span_id: str | None = None
    # Everything else the line says; None for nothing. Stores answer the names in their order, the values as they were.
    attributes: Mapping[str, AttributeValue] | None = None

    @property
    def status_class(self) -> str | None:
        return None if self.status is None else f"{self.status // 100}xx"


class StoredEvent(NamedTuple):
    """An event and its place: `id` is dense per stream at append, starting at 1."""

    id: int
    event: Event


class Rejection(NamedTuple):
    """An input item refused. `line` counts from 1 (for arrays: the element); `sample` is the start of the item."""

    line: int
    reason: str
    sample: bytes


class ParsedBody(NamedTuple):
    events: Sequence[Event]
    rejections: list[Rejection]
    lines: Sequence[int]  # of each event, the line (or element) that it was read from, counted from 1


def by_name(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """As every store answers them, in whatever order it keeps them; what lies within values stays as it was."""
    return dict(sorted(attributes.items()))


def searchable(raw: bytes) -> str:
    """The text in which a raw line is searched: invalid UTF-8 and NUL replaced by U+FFFD."""
    return raw.decode("utf-8", "replace").replace("\x00", "\ufffd")
