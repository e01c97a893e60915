"""Lines that a shipper sends inside JSON: `{"log": "...", "filename": "..."}`, or as a bare string."""

from typing import Any

from tailsvc.events import Event
from tailsvc.parsing.aliases import LOG
from tailsvc.parsing.json_values import clean, encode
from tailsvc.parsing.objects import read_object
from tailsvc.parsing.readings import event, within
from tailsvc.parsing.text import read_text


def bare_event(line: str, received_at: int) -> Event:
    line = without_end(line)
    return event(read_text(clean(line), received_at), encode(line), received_at)


def wrapped_event(values: dict[str, Any], received_at: int) -> Event:
    """The event of the line in `log`; other keys fill what the line does not say. Raises TooDeep."""
    line = without_end(values[LOG])
    outer = read_object({name: value for name, value in values.items() if name != LOG})
    inner = read_text(clean(line), received_at)
    return event(within(inner, outer), encode(line), received_at)


def without_end(line: str) -> str:
    """Docker and others leave the line end in."""
    if line[-1:] != "\n":
        return line
    return line[:-2] if line[-2:] == "\r\n" else line[:-1]
