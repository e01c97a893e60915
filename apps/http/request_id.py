"""The id that ties an answer to our log lines."""

import re
import secrets
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9_.\-]{8,64}")


def new_request_id(offered: str | None) -> str:
    """The caller's own id where it is harmless in a header and a log line, else one of ours."""
    found = offered if offered and _ACCEPTABLE.fullmatch(offered) else secrets.token_hex(8)
    _current.set(found)
    return found


def current_request_id() -> str:
    return _current.get()
