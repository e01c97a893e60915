"""What the page's template shows of a search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl

from django.utils.safestring import SafeString, mark_safe

from apps.console.explore import windows
from apps.console.explore.detail import Detail
from apps.console.explore.fields import FACETS, FIELDS, Clause, operators_for
from apps.console.explore.rows import Looks, rows
from apps.console.explore.search import LINE, Search, zone_of
from apps.console.explore.windows import Between, Last
from apps.query.questions import Question
from apps.query.scrolling import Screen
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX


class Chip(NamedTuple):
    clause: Clause
    without: str  # the address of the search without it


class Choice(NamedTuple):
    name: str
    words: str
    address: str
    is_chosen: bool


@dataclass(frozen=True)
class View:
    search: Search
    looks: Looks
    question: Question
    screen: Screen
    place: str = ""  # where a follower goes on
    has_newer: bool = False
    has_ever: bool = True  # the stream took an event once
    detail: Detail | None = None
    notice: str = ""
    error: str = ""

    @classmethod
    def refused(cls, search: Search, error: str, browsers_zone: str) -> "View":
        looks = Looks(search.columns, zone_of(search, browsers_zone), search.wrap, ())
        return cls(search, looks, Question(), Screen((), has_more=False), error=error)

    @property
    def address(self) -> str:
        return self.search.address

    @property
    def frozen(self) -> str:
        """The search at its moment: what is fetched later looks at the same stretch of time."""
        address = replace(self.search, line=None).address
        return address if self.question.end_ms is None else f"{address}&at={self.question.end_ms}"

    @property
    def fixed(self) -> str:
        """The search with the window as moments, for somebody else."""
        start, end = self.question.start_ms, self.question.end_ms
        if start is None or end is None:
            return self.address
        return replace(self.search, window=Between(start, end), live=False).address

    @cached_property
    def rows(self) -> SafeString:
        return mark_safe(rows(self.screen.events, self.looks, chosen=self.search.line))  # noqa: S308 (by log_text)

    @property
    def headings(self) -> list[tuple[str, str]]:
        """Of each column its name and the words above it."""
        return [(name, name.removeprefix(ATTRIBUTE_PREFIX)) for name in self.search.columns]

    @property
    def window_words(self) -> str:
        return self.search.window.words(self.looks.zone)

    @property
    def windows(self) -> list[Choice]:
        found = []
        for span in windows.OFFERED:
            window = Last(span)
            chosen = self.search.window == window
            address = replace(self.search, window=window, line=None).address
            found.append(Choice(span, window.words(self.looks.zone), address, chosen))
        return found

    @property
    def bounds(self) -> tuple[str, str]:
        """For the inputs of a window of one's own: its ends as the zone has them."""
        start, end = self.question.start_ms, self.question.end_ms
        return tuple("" if ms is None else _input(windows.at(ms, self.looks.zone)) for ms in (start, end))  # type: ignore[return-value]

    @property
    def wider(self) -> str:
        """The window with half of it more on either side."""
        start, end = self.question.start_ms, self.question.end_ms
        if start is None or end is None:
            return ""
        half = max(500, (end - start) // 2)
        return replace(self.search, window=Between(max(0, start - half), end + half), line=None, live=False).address

    @property
    def everything(self) -> str:
        return replace(self.search, window=Last(windows.EVERYTHING), line=None).address

    @property
    def cleared(self) -> str:
        return self.search.cleared().address

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search.clauses or self.search.query)

    @property
    def is_everything(self) -> bool:
        return self.search.window == Last(windows.EVERYTHING)

    @property
    def chips(self) -> list[Chip]:
        return [Chip(clause, self.search.minus(nth).address) for nth, clause in enumerate(self.search.clauses)]

    @property
    def columns(self) -> list[tuple[str, str, bool]]:
        """Those that can be chosen: name, words and whether it is; in the order in which they will stand."""
        chosen = [name for name in self.search.columns if name != LINE]
        names = [*chosen, *(name for name in FIELDS if name not in chosen), LINE]
        return [(name, name.removeprefix(ATTRIBUTE_PREFIX), name in self.search.columns) for name in names]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Each with the operators that it takes, for the form that adds a filter."""
        return [(name, " ".join(operator for operator, _ in operators_for(name))) for name in FIELDS]

    @property
    def operators(self) -> list[tuple[str, str]]:
        return operators_for(f"{ATTRIBUTE_PREFIX}x")

    @property
    def facets(self) -> list[str]:
        return list(FACETS)

    @property
    def toggles(self) -> dict[str, str]:
        """The address with each switch turned."""
        search = self.search
        changed = {
            "wrap": replace(search, wrap=not search.wrap),
            "compact": replace(search, compact=not search.compact),
            "live": replace(search, live=not search.live),
            "browsers_zone": replace(search, zone=""),
            "utc": replace(search, zone="UTC"),
        }
        return {name: one.address for name, one in changed.items()}

    @property
    def zone_words(self) -> str:
        return str(self.looks.zone)

    def state(self, *without: str) -> Iterator[tuple[str, str]]:
        """The search as hidden inputs of a form, but for what the form itself asks."""
        for name, value in parse_qsl(self.address[1:]):
            if name not in without and name != "line":
                yield name, value

    @property
    def state_of_query(self) -> list[tuple[str, str]]:
        return list(self.state("query"))

    @property
    def state_of_window(self) -> list[tuple[str, str]]:
        return list(self.state("last", "from", "to"))

    @property
    def state_of_columns(self) -> list[tuple[str, str]]:
        return list(self.state("columns"))

    @property
    def state_of_filter(self) -> list[tuple[str, str]]:
        return list(self.state())


def _input(moment: datetime) -> str:
    """As <input type=datetime-local> has it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}"
