"""Bodies of log lines to events: pure functions from bytes and the time of receipt; nothing is read or kept.

`body` takes a body apart, `batch` its items. JSON objects are read by the names in `aliases`: lines that are alike by
`flat_objects`, most others by the column (`object_groups` makes columns of them, `object_tables` reads them with
`nested_objects`, `object_attributes` has what is left), a few by `objects`, which says what all of these mean. `text`
recognises formats inside text, each in its own module.

A bad item is a rejection, never an error. `emitted` is for lines that come with their emitter and their time.
"""

from tailsvc.parsing.body import parse_body
from tailsvc.parsing.emitted import EmittedLines, parse_emitted
from tailsvc.parsing.kinds import BodyKind, body_kind

__all__ = ["BodyKind", "EmittedLines", "body_kind", "parse_body", "parse_emitted"]
