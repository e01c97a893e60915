"""Query strings as typed questions. What cannot be meant is a 422, never clamped."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tailsvc import limits
from tailsvc.errors import InvalidQuery
from tailsvc.filters import EVERYTHING, Filter, Ignored, parse_clauses
from tailsvc.filters.clauses import OPERATORS, all_of
from tailsvc.filters.nodes import ATTRIBUTE_PREFIX
from tailsvc.queries import Direction, Position, Split
from tailsvc.query_language import parse_query
from tailsvc.tail.places import Place, read_place
from tailsvc.timestamps import read_iso

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_LATEST_MS = limits.LATEST_MICROS // 1000
_AFTER = re.compile(r"([^,]{1,40}),([0-9]{1,18})")
_OF_DELETION = ("start_time", "end_time", "filters", "query", "strict", "all")
_FIELDS_ALLOWED = f"allowed are {', '.join(sorted(OPERATORS))} and {ATTRIBUTE_PREFIX}<name>"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. None: the parameter was not sent."""

    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = limits.PAGE_EVENTS_DEFAULT
    direction: Direction | None = None
    cursor: str | None = None
    filters: str | None = None
    query: str | None = None
    filter: Filter = EVERYTHING  # what filters and query say together
    ignored: list[Ignored] = field(default_factory=list)
    total: bool = True

    @property
    def is_tail(self) -> bool:
        """Neither end of a window: the newest events, and no total."""
        return self.start_ms is None and self.end_ms is None


def read_matches(params: Mapping[str, str]) -> Question:
    """Which events are meant: the window, the filters and the query. Raises InvalidQuery and InvalidFilter."""
    return _matches(params, strict=_flag(params, "strict", default=False))


def read_question(params: Mapping[str, str]) -> Question:
    """Of one page. Raises InvalidQuery and InvalidFilter."""
    limit = whole_number(params, "limit", low=1, high=limits.PAGE_EVENTS)
    return replace(
        read_walk(params),
        limit=limits.PAGE_EVENTS_DEFAULT if limit is None else limit,
        total=_flag(params, "total", default=True),
    )


def read_walk(params: Mapping[str, str]) -> Question:
    """Of all pages together."""
    return replace(read_matches(params), direction=_direction(params), cursor=params.get("cursor"))


def read_after(params: Mapping[str, str]) -> Position | None:
    """`<timestamp>,<id>` of an event, as it shows them."""
    text = params.get("after")
    if text is None:
        return None
    match = _AFTER.fullmatch(text)
    moment = read_iso(match[1]) if match else None
    if match is None or moment is None or moment[0] > limits.LATEST_MICROS:
        raise InvalidQuery("after", "after must be the timestamp and the id of an event, with a comma between them.")
    return Position(moment[0], int(match[2]))


@dataclass(frozen=True, slots=True)
class TailQuestion:
    """What is to be followed, and from where; times in microseconds."""

    condition: Filter
    since: int | None
    lines: int | None
    after: Place | None
    follow: bool


def read_tail(params: Mapping[str, str], last_event_id: str | None) -> TailQuestion:
    """`last_event_id` is what a browser sends when it connects again: then it is there that it goes on."""
    for name in ("start_time", "end_time", "cursor", "direction"):
        if name in params:
            raise InvalidQuery(name, f"A tail has no {name}; it takes since, lines, after, filters, query and follow.")
    after = last_event_id or params.get("after")
    return TailQuestion(
        condition=read_condition(params),
        since=_moment(params, "since"),
        lines=whole_number(params, "lines", low=0, high=limits.TAIL_LINES),
        after=None if after is None else read_place("after", after),
        follow=_flag(params, "follow", default=True),
    )


def read_deletion(params: Mapping[str, Sequence[str]]) -> Question:
    """What is to go. Whatever could be a slip is refused, as nothing brings the events back.

    `params` are lists: of a repeated parameter only the last would count, and more would go than was meant.
    """
    for name, values in params.items():
        if name not in _OF_DELETION:
            raise InvalidQuery(name, f"A deletion has no parameter {name}; it takes {', '.join(_OF_DELETION)}.")
        if len(values) > 1:
            raise InvalidQuery(name, f"{name} was sent more than once.")
    single = {name: values[0] for name, values in params.items()}
    if not _flag(single, "strict", default=True):
        raise InvalidQuery("strict", "A deletion is always strict: a clause that is ignored would delete too much.")
    if "query" in single and not single["query"].strip():
        raise InvalidQuery("query", "The query is empty; it would delete whatever the rest selects.")
    question = _matches(single, strict=True)
    _require_bounds(question, everything=_flag(single, "all", default=False))
    return question


def read_interval(params: Mapping[str, str], *, smallest: int) -> int:
    """A histogram's, in milliseconds."""
    try:
        found = whole_number(params, "interval", low=smallest, high=_LATEST_MS)
    except InvalidQuery:
        found = None
    if found is None:
        raise InvalidQuery(
            "interval",
            f"Send a later start_time; or interval must be in milliseconds, for this window at least {smallest}.",
        )
    return found


def read_split(params: Mapping[str, str]) -> Split | None:
    text = params.get("split")
    if text is None:
        return None
    try:
        return Split(text)
    except ValueError as error:
        raise InvalidQuery("split", f"split must be {' or '.join(Split)}.") from error


def read_fields(params: Mapping[str, str]) -> list[str]:
    """The fields whose values are asked for, each once."""
    fields = list(dict.fromkeys(params.get("fields", "").split(",")))
    for field_name in fields:
        if not (field_name in OPERATORS or _names_attribute(field_name)):
            raise InvalidQuery("fields", f"There is no field {field_name!r}; {_FIELDS_ALLOWED}.")
    if len(fields) > limits.FACET_FIELDS:
        raise InvalidQuery("fields", f"At most {limits.FACET_FIELDS} fields are taken.")
    return fields


def read_facet_limit(params: Mapping[str, str]) -> int:
    found = whole_number(params, "limit", low=1, high=limits.FACET_VALUES)
    return limits.FACET_VALUES_DEFAULT if found is None else found


def read_condition(params: Mapping[str, str]) -> Filter:
    """What `filters` and `query` say together. Raises InvalidFilter and InvalidQuery."""
    strict = _flag(params, "strict", default=False)
    return _condition(params.get("filters"), params.get("query"), strict=strict)[0]


def recall_condition(filters: str, query: str) -> Filter:
    """Of the texts that a question brought before."""
    return _condition(filters, query, strict=False)[0]


def whole_number(params: Mapping[str, str], name: str, *, low: int, high: int) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    # Digits only and not many: int() would take "１２", "1_000" and a megabyte of digits.
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise InvalidQuery(name, f"{name} must be a whole number from {low} to {high}.")


def _matches(params: Mapping[str, str], *, strict: bool) -> Question:
    start, end = _millis(params, "start_time"), _millis(params, "end_time")
    if start is not None and end is not None and start > end:
        raise InvalidQuery("end_time", "end_time lies before start_time.")
    filters, query = params.get("filters"), params.get("query")
    condition, ignored = _condition(filters, query, strict=strict)
    return Question(start_ms=start, end_ms=end, filters=filters, query=query, filter=condition, ignored=ignored)


def _require_bounds(question: Question, *, everything: bool) -> None:
    has_bounds = not question.is_tail or question.filter != EVERYTHING
    if everything and has_bounds:
        raise InvalidQuery("all", "all=true goes without a window, filters and query.")
    if not everything and not has_bounds:
        raise InvalidQuery("all", "Send a window, filters or a query; all=true deletes everything.")


def _names_attribute(name: str) -> bool:
    return name.startswith(ATTRIBUTE_PREFIX) and name != ATTRIBUTE_PREFIX


def _condition(filters: str | None, query: str | None, *, strict: bool) -> tuple[Filter, list[Ignored]]:
    clauses, ignored = parse_clauses(filters, strict=strict) if filters else (EVERYTHING, [])
    return all_of([clauses, parse_query(query or "")]), ignored


def _millis(params: Mapping[str, str], name: str) -> int | None:
    try:
        return whole_number(params, name, low=0, high=_LATEST_MS)
    except InvalidQuery as error:
        raise InvalidQuery(name, f"{name} must be a Unix time in milliseconds.") from error


def _moment(params: Mapping[str, str], name: str) -> int | None:
    """Unix milliseconds or ISO 8601 -> microseconds."""
    text = params.get(name)
    found = read_iso(text) if text is not None and not text.isdigit() else None
    if found is not None and found[0] <= limits.LATEST_MICROS:
        return found[0]
    try:
        millis = whole_number(params, name, low=0, high=_LATEST_MS)
    except InvalidQuery as error:
        raise InvalidQuery(name, f"{name} must be a Unix time in milliseconds, or a time in ISO 8601.") from error
    return None if millis is None else millis * 1000


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
