"""Lines of text to tables: the formats we recognise, in order; what is none of them has no columns.

Formats that name their fields come in any number and are read by the column; the others are read one by one.
"""

from collections.abc import Container, Iterator, Sequence
from typing import Any

from tailsvc.event_tables import Woven
from tailsvc.parsing import columns
from tailsvc.parsing.access_log import Match, match_access_log, read_access_logs, read_usual_access_logs
from tailsvc.parsing.application_log import (
    match_laravel,
    read_klog,
    read_laravels,
    read_leading_level,
    read_stamped,
)
from tailsvc.parsing.columns import Reading
from tailsvc.parsing.json_values import TooDeep, load
from tailsvc.parsing.logfmt import read_known_logfmt, read_logfmt
from tailsvc.parsing.object_groups import by_keys, tables_of
from tailsvc.parsing.object_tables import plan_of, read_objects, slot_names
from tailsvc.parsing.objects import read_object
from tailsvc.parsing.readings import within
from tailsvc.parsing.syslog import read_syslog
from tailsvc.parsing.tables import Table

_SYSLOG_HEADS = frozenset("<JFMASOND")  # a priority, or the initial of a month

# Fewer texts are not worth being asked all at once.
FEWEST_TEXTS = 64


def read_text(text: str, received_at: int) -> Reading:
    """What a clean text says; `received_at` (microseconds) gives the year to times that have none."""
    if _may_be_syslog(text):
        syslog = read_syslog(text, received_at)
        if syslog is not None:
            return _with_message_read(syslog)
    return _read_structured(text) or _read_unstructured(text, received_at)


def read_texts(texts: Sequence[str], received_at: int) -> Iterator[tuple[list[int], Table]]:
    """The same for many, in tables: for each the numbers of its texts. Every text is in one of them."""
    left = set(range(len(texts)))
    plain = [row for row, text in enumerate(texts) if not _is_special(text)]
    for rows, table in _read_known(plain, texts) if len(plain) >= FEWEST_TEXTS else ():
        left.difference_update(rows)
        yield rows, table
    if left:
        yield from _read_by_form(sorted(left), left.intersection(plain), texts, received_at)


def _read_by_form(
    rows: Sequence[int], plain: Container[int], texts: Sequence[str], received_at: int
) -> Iterator[tuple[list[int], Table]]:
    access_logs: dict[int, Match] = {}
    laravels: dict[int, Match] = {}
    objects: dict[int, dict[str, Any]] = {}
    others: dict[bool | None, dict[int, Reading | None]] = {}  # with a time, without, or saying nothing at all
    for row in rows:
        text = texts[row]
        if row in plain:
            if (match := match_access_log(text)) is not None:
                access_logs[row] = match
                continue
            if (pairs := _pairs(text)) is not None:
                objects[row] = pairs
                continue
            if (match := match_laravel(text)) is not None:
                laravels[row] = match
                continue
        reading = _read_headed(text, received_at) if row in plain else read_text(text, received_at)
        others.setdefault(reading and reading[1] is None, {})[row] = reading
    if access_logs:
        yield [*access_logs], read_access_logs([*access_logs.values()])
    if laravels:
        yield [*laravels], read_laravels([*laravels.values()])
    yield from tables_of(objects, by_keys(objects))
    for kept in others.values():
        readings = [reading for reading in kept.values() if reading is not None]
        yield [*kept], Table.of_readings(readings) if readings else Table(len(kept))


def _read_known(rows: list[int], texts: Sequence[str]) -> Iterator[tuple[list[int], Table]]:
    """What is in a form that all lines can be asked for at once."""
    for found, table in read_usual_access_logs(rows, texts):
        rows = _without(rows, found)
        yield found, table
    for found, known in read_known_logfmt(rows, texts):
        plan = plan_of(known.names)
        if plan is not None:
            table = read_objects(plan, known.values)
            table.woven = Woven(known.literals, slot_names(plan, table), known.texts)
            yield found, table


def _without(rows: list[int], others: list[int]) -> list[int]:
    left = {*others}
    return [row for row in rows if row not in left]


def _is_special(text: str) -> bool:
    """An escape may bring NUL or a surrogate into JSON that was clean: too rare to be looked for in tables."""
    return text[:1] in _SYSLOG_HEADS or text[10:11] == "T" or (text[:1] == "{" and "\\u" in text)


def _may_be_syslog(text: str) -> bool:
    """Its first letter, or in a file of rsyslog the T of its time, tells before any expression is tried."""
    return text[:1] in _SYSLOG_HEADS or text[10:11] == "T"


def _read_structured(text: str) -> Reading | None:
    match = match_access_log(text)
    if match is not None and (reading := read_access_logs([match]).reading()) is not None:
        return reading
    pairs = _pairs(text)
    try:
        return None if pairs is None else read_object(pairs)
    except TooDeep:
        return None


def _read_unstructured(text: str, received_at: int) -> Reading:
    match = match_laravel(text)
    return (
        (None if match is None else read_laravels([match]).reading())
        or _read_headed(text, received_at)
        or (columns.blank(), None, None)
    )


def _read_headed(text: str, received_at: int) -> Reading | None:
    """What begins with a time or a level."""
    head = text[:1]
    if head == "[" or head.isdigit():
        return read_stamped(text) or read_leading_level(text)
    return read_klog(text, received_at) or read_leading_level(text)


def _pairs(text: str) -> dict[str, Any] | None:
    """A JSON object, or the names and values of logfmt."""
    head = text[:1]
    if head != "{":
        pairs = read_logfmt(text) if head != "[" and "=" in text else None
        return None if pairs is None else dict(zip(*pairs, strict=True))
    try:
        value = load(text.encode())
    except (ValueError, TooDeep):
        return None
    return value if type(value) is dict else None


def _with_message_read(syslog: Reading) -> Reading:
    """The message may itself be of a format that says more."""
    inner = _read_structured(syslog[0][columns.MESSAGE])
    if inner is None:
        return syslog
    syslog[0][columns.MESSAGE] = None
    return within(inner, syslog)
