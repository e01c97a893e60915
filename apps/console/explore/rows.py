"""Events as rows of the table. Made by hand: a template costs several times as much, and a tail has many a second."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from apps.console.explore.log_text import raw_to_html, to_html
from apps.console.explore.search import LINE, Search, zone_of
from tailsvc.events import Event, StoredEvent
from tailsvc.facets import facet_text
from tailsvc.filters import value_of
from tailsvc.queries import Position
from tailsvc.query_language import searched_texts

# More than fit on most screens; what is scrolled to comes in larger pieces.
FIRST_ROWS, PAGE_ROWS = 60, 100
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
# Of long lines the detail shows more.
_LINE_CHARS, _WRAPPED_CHARS, _VALUE_CHARS = 400, 4000, 200
_LEVEL_CLASSES = {
    **dict.fromkeys(("FATAL", "CRITICAL", "EMERGENCY", "ALERT", "PANIC", "ERROR"), "error"),
    **dict.fromkeys(("WARN", "NOTICE"), "warn"),
    "INFO": "info",
    **dict.fromkeys(("DEBUG", "TRACE"), "debug"),
}
_OF_REQUEST = ("method", "path", "status", "response_time_ms")
_BESIDE = ("service", "host", "ip", "user_agent", "referrer", "replica", "container", "src", "filename", "trace_id")


@dataclass(frozen=True, slots=True)
class Looks:
    """How rows look. Equal ones make equal rows, which followers share."""

    columns: tuple[str, ...]
    zone: tzinfo
    wrap: bool
    words: tuple[str, ...]

    @classmethod
    def of(cls, search: Search, browsers_zone: str) -> "Looks":
        return cls(search.columns, zone_of(search, browsers_zone), search.wrap, words_of(search))


def words_of(search: Search) -> tuple[str, ...]:
    return tuple(searched_texts(search.condition))


def rows(events: Iterable[StoredEvent], looks: Looks, *, chosen: int | None = None) -> str:
    """Table rows without line ends, one behind the other."""
    return "".join(row(one, looks, is_chosen=one.id == chosen) for one in events)


def row(stored: StoredEvent, looks: Looks, *, is_chosen: bool = False) -> str:
    event = stored.event
    cells = "".join(_cell(event, column, looks) for column in looks.columns)
    place = f'data-id="{stored.id}" data-at="{event.timestamp}"'
    chosen = ' aria-selected="true"' if is_chosen else ""
    return (
        f'<tr class="{level_class(event.level)}" {place} tabindex="-1"{chosen}>'
        f'<td class="at">{time_text(event.timestamp, looks.zone)}</td>{cells}</tr>'
    )


def level_class(level: str | None) -> str:
    return _LEVEL_CLASSES.get(level or "", "other")


def time_text(micros: int, zone: tzinfo) -> str:
    """To the millisecond; a year is rarely in doubt."""
    moment = local(micros, zone)
    return f"{moment:%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def local(micros: int, zone: tzinfo) -> datetime:
    """As far as calendars go."""
    utc = _EPOCH + timedelta(microseconds=micros)
    try:
        return utc.astimezone(zone)
    except OverflowError:
        return utc


def place(stored: StoredEvent) -> Position:
    return Position(stored.event.timestamp, stored.id)


def _cell(event: Event, column: str, looks: Looks) -> str:
    if column == LINE:
        return f'<td class="line"><bdi>{_line(event, looks)}</bdi></td>'
    if column == "level":
        return f'<td class="lv">{to_html(event.level or "", most=_VALUE_CHARS)}</td>'
    value = value_of(event, column)
    if value is None or (column == "is_bot" and event.user_agent is None):
        return "<td></td>"
    text = to_html(facet_text(value), words=looks.words, most=_WRAPPED_CHARS if looks.wrap else _VALUE_CHARS)
    return f"<td><bdi>{text}</bdi></td>"


def _line(event: Event, looks: Looks) -> str:
    """A line of JSON by what it says; any other as it came."""
    most = _WRAPPED_CHARS if looks.wrap else _LINE_CHARS
    if event.raw.lstrip().startswith(b"{"):
        said = _said(event, looks, most)
        if said:
            beside = list(_beside(event, most))
            pairs = (f' <span class="k">{name}=</span>{value}' for name, value in beside)
            return said + "".join(pairs)
    return raw_to_html(event.raw, words=looks.words, most=most, many_lines=looks.wrap)


def _said(event: Event, looks: Looks, most: int) -> str:
    if event.message is not None:
        return to_html(event.message, words=looks.words, most=most, many_lines=looks.wrap)
    if event.path is None:
        return ""
    parts: list[str] = [to_html(event.method or "", most=20), to_html(event.path, words=looks.words, most=most)]
    if event.status is not None:
        parts.append(f'<b class="s{event.status // 100}">{event.status}</b>')
    if event.response_time_ms is not None:
        parts.append(f"{event.response_time_ms:g} ms")
    return " ".join(part for part in parts if part)


def _beside(event: Event, most: int) -> Iterator[tuple[str, str]]:
    """Pairs until the room is used up."""
    for name, value in _pairs(event):
        if most <= 0:
            return
        text = facet_text(value)
        most -= len(name) + len(text) + 2
        yield to_html(name, most=60), to_html(text, most=_VALUE_CHARS)


def _pairs(event: Event) -> Iterator[tuple[str, object]]:
    """Of a request, what the message does not tell already."""
    if event.message is not None:
        for name in _OF_REQUEST:
            value = getattr(event, name)
            if value is not None and facet_text(value) not in event.message:
                yield name, value
    for name in _BESIDE:
        value = getattr(event, name)
        if value is not None:
            yield name, value
    yield from (event.attributes or {}).items()
