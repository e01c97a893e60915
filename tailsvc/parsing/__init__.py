"""Bodies of log lines to events: pure functions from bytes and the time of receipt; nothing is read or kept.

`body` takes a body apart, `batch` its items; `shapes` (quick) and `objects` (plain) read JSON objects by the names in
`aliases`; `text` recognises formats inside text, each in its own module. A bad item is a rejection, never an error.
"""

from tailsvc.parsing.body import parse_body
from tailsvc.parsing.kinds import BodyKind, body_kind

__all__ = ["BodyKind", "body_kind", "parse_body"]
