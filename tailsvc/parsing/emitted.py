"""Lines that somebody else read from their emitters and told us where and when: containers' logs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tailsvc.event_tables import EventTable, EventTables
from tailsvc.events import Event, searchable
from tailsvc.parsing import columns
from tailsvc.parsing.readings import event, within
from tailsvc.parsing.tables import Table
from tailsvc.parsing.text import read_text, read_texts

_NANOS = 1_000


class EmittedLines(NamedTuple):
    """Each by row. Empty lines count; `times` are nanoseconds since 1970-01-01 UTC."""

    lines: Sequence[bytes]
    times: Sequence[int]
    replicas: Sequence[str]
    containers: Sequence[str]


def parse_emitted(emitted: EmittedLines, received_at: int) -> Sequence[Event]:
    """An event for each line. Its emitter is the one that was seen, whatever the line says; its time is the line's own
    if it has one."""
    texts = [*map(searchable, emitted.lines)]
    tables = [table for table in _tables(emitted, texts, received_at) if len(table)]
    missing = set(range(len(texts))).difference(*(table.rows for table in tables))
    singles = {row: _event(emitted, row, texts[row], received_at) for row in sorted(missing)}
    return EventTables(len(texts), tables, singles)


def _tables(emitted: EmittedLines, texts: Sequence[str], received_at: int) -> Iterator[EventTable]:
    for rows, table in read_texts(texts, received_at):
        outer = Table(len(rows))
        times = [emitted.times[row] for row in rows]
        outer.set_times(([time // _NANOS for time in times], [1] * len(rows), [time % _NANOS for time in times]))
        table.within(outer)
        table.columns[columns.REPLICA] = [emitted.replicas[row] for row in rows]
        table.columns[columns.CONTAINER] = [emitted.containers[row] for row in rows]
        if table.woven is not None and not {"replica", "container"}.isdisjoint(table.woven.names):
            table.woven = None  # it says that the line is made of what we have just replaced
        yield table.events(rows, [emitted.lines[row] for row in rows], received_at)


def _event(emitted: EmittedLines, row: int, text: str, received_at: int) -> Event:
    micros, nanos = divmod(emitted.times[row], _NANOS)
    reading = within(read_text(text, received_at), (columns.blank(), (micros, 1, nanos), None))
    reading[0][columns.REPLICA] = emitted.replicas[row]
    reading[0][columns.CONTAINER] = emitted.containers[row]
    return event(reading, emitted.lines[row], received_at)
