"""What a person looks at, as the query string of the page's address."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self
from urllib.parse import urlencode

import orjson

from apps.console.explore.fields import Clause, is_field
from apps.console.explore.values import read_value
from apps.console.explore.windows import Last, Window, read_window, zone_named
from apps.query.questions import Question, read_matches
from tailsvc.errors import InvalidFilter, InvalidQuery
from tailsvc.filters import Filter, parse_clauses

DEFAULT_COLUMNS = ("level", "line")
LINE = "line"  # the column that says the most
_MOST_COLUMNS = 12
_LAST_HOUR = Last("1h")
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Search:
    """Its `address` read again is equal to it."""

    window: Window = _LAST_HOUR
    query: str = ""
    clauses: tuple[Clause, ...] = ()
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    zone: str = ""  # "" is the browser's
    wrap: bool = False
    compact: bool = False
    live: bool = False
    line: int | None = None  # the line that is open

    @property
    def address(self) -> str:
        """With what differs from the default only, so that it can be read. Begins with `?`."""
        params = dict(self.window.params)
        if self.query:
            params["query"] = self.query
        if self.clauses:
            params["filters"] = self.filters
        if self.columns != DEFAULT_COLUMNS:
            params["columns"] = ",".join(map(_quoted, self.columns))
        if self.zone:
            params["zone"] = self.zone
        flags = {"wrap": self.wrap, "compact": self.compact, "live": self.live}
        params |= {name: "1" for name, is_on in flags.items() if is_on}
        if self.line is not None:
            params["line"] = str(self.line)
        return f"?{urlencode(params)}"

    @property
    def filters(self) -> str:
        return orjson.dumps([clause.as_json() for clause in self.clauses]).decode() if self.clauses else ""

    def question(self, now: datetime, oldest: timedelta, at_ms: int | None = None) -> Question:
        """As the API is asked, at that moment. Raises InvalidQuery and InvalidFilter."""
        bounds = self.window.bounds(now, oldest, at_ms)
        params = {"end_time": str(bounds.end_ms), "query": self.query, "strict": "1"}
        if bounds.start_ms is not None:
            params["start_time"] = str(bounds.start_ms)
        if self.clauses:
            params["filters"] = self.filters
        return read_matches(params)

    @property
    def condition(self) -> Filter:
        """Without the window. Raises InvalidQuery and InvalidFilter."""
        return read_matches({"query": self.query, "strict": "1", "filters": self.filters}).filter

    def plus(self, clause: Clause) -> Self:
        """Once; the line that was open need not be among what is left."""
        kept = self.clauses if clause in self.clauses else (*self.clauses, clause)
        return replace(self, clauses=kept, line=None)

    def minus(self, index: int) -> Self:
        return replace(self, clauses=self.clauses[:index] + self.clauses[index + 1 :], line=None)

    def turned(self, column: str) -> Self:
        """With the column, or without it if it is there. What the line says stays the last, where there is room."""
        found = [one for one in self.columns if one not in {column, LINE}]
        if column not in self.columns:
            found.append(column)
        if LINE in self.columns and column != LINE:
            found.append(LINE)
        return replace(self, columns=tuple(found) or DEFAULT_COLUMNS, line=None)

    def cleared(self) -> Self:
        return replace(self, clauses=(), query="", line=None)


def read_search(params: Mapping[str, str], lists: Mapping[str, Sequence[str]], *, zone: str = "") -> Search:
    """Of a query string, or of a form of the page (`column` repeated; `field`, `operator` and `value` of a filter).

    `zone` is the browser's. Raises InvalidQuery and InvalidFilter for what cannot be meant.
    """
    named = params.get("zone", "")
    found = Search(
        window=read_window(
            params.get("last"),
            params.get("from"),
            params.get("to"),
            zone_named(named or zone) if named or zone else UTC,
        ),
        query=params.get("query", "").strip(),
        clauses=_clauses(params.get("filters", "")),
        columns=_columns(params.get("columns"), lists.get("column", ())),
        zone=named[:60],
        wrap=params.get("wrap") == "1",
        compact=params.get("compact") == "1",
        live=params.get("live") == "1",
        line=_line(params.get("line")),
    )
    added = _added(params)
    return found.plus(added) if added else found


def zone_of(search: Search, browsers: str) -> tzinfo:
    return zone_named(search.zone or browsers) if search.zone or browsers else UTC


def _clauses(text: str) -> tuple[Clause, ...]:
    if not text:
        return ()
    parse_clauses(text, strict=True)
    found = orjson.loads(text)
    return tuple(Clause(each["field"], each.get("operator", "="), each["value"]) for each in found)


def _added(params: Mapping[str, str]) -> Clause | None:
    """Of the form that adds a filter."""
    field = params.get("field", "").strip()
    if not field:
        return None
    operator = params.get("operator", "=")
    clause = Clause(field, operator, read_value(operator, params.get("value", "")))
    parse_clauses(orjson.dumps([clause.as_json()]).decode(), strict=True)
    return clause


def _columns(text: str | None, chosen: Iterable[str]) -> tuple[str, ...]:
    """Each once; what is no field is left out: an address may be older than the page."""
    wanted = list(chosen) or ([] if text is None else _split(text))
    found = tuple(dict.fromkeys(each for each in wanted if each == LINE or is_field(each)))[:_MOST_COLUMNS]
    return found or DEFAULT_COLUMNS


def _line(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return int(text) if 0 < int(text) <= _LARGEST_ID else None


def _quoted(column: str) -> str:
    return column.replace("\\", "\\\\").replace(",", "\\,")


def _split(text: str) -> list[str]:
    parts, current, characters = [], "", iter(text)
    for character in characters:
        if character == "\\":
            current += next(characters, "")
        elif character == ",":
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


Refused = (InvalidQuery, InvalidFilter)
