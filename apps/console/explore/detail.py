"""All that one line says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.utils.safestring import SafeString

from apps.console.explore.fields import DIFFERENT, SAME, Clause, is_field, operators_for
from apps.console.explore.log_text import raw_to_html, to_html
from apps.console.explore.rows import Looks, level_class, local
from apps.console.explore.search import Search
from apps.console.explore.windows import Between
from apps.query.rendering import render_event
from apps.streams.models import Stream
from tailsvc.events import StoredEvent
from tailsvc.facets import facet_text
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX
from tailsvc.timestamps import iso_text

# A line may have many megabytes; whoever wants them all takes the export.
_RAW_CHARS, _VALUE_CHARS = 100_000, 10_000
# A longer value would not go into an address.
_FILTERED_CHARS = 500
# A permalink shows the time around the line, too.
_BESIDE_MS = 15 * 60_000


class Entry(NamedTuple):
    name: SafeString
    value: SafeString
    filtered: str  # the address of the search with this value only; "" where there is none
    excluded: str
    column: str  # the address of the search with the field as a column, or without it
    is_column: bool


@dataclass(frozen=True)
class Detail:
    stream: Stream
    stored: StoredEvent
    search: Search
    looks: Looks

    @property
    def id(self) -> int:
        return self.stored.id

    @property
    def level(self) -> str:
        return self.stored.event.level or ""

    @property
    def level_class(self) -> str:
        return level_class(self.stored.event.level)

    @property
    def time(self) -> str:
        moment = local(self.stored.event.timestamp, self.looks.zone)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06} {moment:%Z}"

    @property
    def time_utc(self) -> str:
        return iso_text(self.stored.event.timestamp)

    @property
    def permalink(self) -> str:
        """Holds tomorrow, too: with the window as moments."""
        at = self.stored.event.timestamp // 1000
        window = Between(max(0, at - _BESIDE_MS), at + _BESIDE_MS)
        return replace(self.search, window=window, line=self.id, live=False).address

    @property
    def alone(self) -> str:
        """The line among all others around it, whatever they are."""
        at = self.stored.event.timestamp // 1000
        window = Between(max(0, at - _BESIDE_MS), at + _BESIDE_MS)
        return replace(self.search.cleared(), window=window, line=self.id, live=False).address

    @property
    def address(self) -> str:
        return replace(self.search, line=None).address

    @property
    def raw(self) -> SafeString:
        return raw_to_html(self.stored.event.raw, words=self.looks.words, most=_RAW_CHARS, many_lines=True)

    @property
    def fields(self) -> list[Entry]:
        found = render_event(self.stored).get("fields", {})
        return [self._entry(name, name, value) for name, value in found.items()]

    @property
    def attributes(self) -> list[Entry]:
        return list(self._attributes())

    def _attributes(self) -> Iterator[Entry]:
        for name, value in (self.stored.event.attributes or {}).items():
            yield self._entry(name, f"{ATTRIBUTE_PREFIX}{name}", value)

    def _entry(self, name: str, field: str, value: object) -> Entry:
        text = facet_text(value)
        is_simple = isinstance(value, str | int | float | bool) and len(text) <= _FILTERED_CHARS
        operators = {operator for operator, _ in operators_for(field)} if is_simple else set()
        return Entry(
            name=to_html(name, most=256),
            value=to_html(text, words=self.looks.words, most=_VALUE_CHARS, many_lines=True),
            filtered=self.search.plus(Clause(field, SAME, text)).address if SAME in operators else "",
            excluded=self.search.plus(Clause(field, DIFFERENT, text)).address if DIFFERENT in operators else "",
            column=self.search.turned(field).address if is_field(field) else "",
            is_column=field in self.search.columns,
        )
